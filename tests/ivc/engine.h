#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/commit/generators.h"
#include "engine/device/cpu_device.h"
#include "step_circuits.h"

namespace magnetar::ivc {

/// `count` generators of the curve; those of the largest count so far are kept.
template <class C>
std::vector<algebra::AffinePoint<C>> test_generators(std::size_t count) {
  static std::vector<algebra::AffinePoint<C>> points;
  if (const std::size_t known = points.size(); known < count) {
    points.resize(count);
    if (!commit::derive_generators<C>(commit::generator_tag<C>(), known, std::span(points).subspan(known)))
      std::abort();
  }
  return {points.begin(), points.begin() + static_cast<std::ptrdiff_t>(count)};
}

/// All that proving and verifying a step circuit takes.
struct Engine {
  explicit Engine(const TestStep& step_circuit)
      : step(step_circuit),
        circuits(step_circuit),
        keys{commit::CommitmentKey<algebra::Bn254>(test_generators<algebra::Bn254>(circuits.primary_generators())),
             commit::CommitmentKey<algebra::Grumpkin>(
                 test_generators<algebra::Grumpkin>(circuits.secondary_generators()))},
        primary(device::make_cpu_device<algebra::Bn254>(circuits.primary(), keys.primary)),
        secondary(device::make_cpu_device<algebra::Grumpkin>(circuits.secondary(), keys.secondary)) {}

  StepSource source() const {
    return [this](std::uint64_t index) { return step.witness(index); };
  }

  const TestStep& step;
  Circuits circuits;
  Keys keys;
  std::unique_ptr<device::Device<algebra::Bn254>> primary;
  std::unique_ptr<device::Device<algebra::Grumpkin>> secondary;
};

/// A proof of some steps from z0, with its claim.
struct Proved {
  Proved(const Engine& engine, std::uint64_t steps, std::uint8_t statement = 1)
      : commitments(commit_steps(*engine.primary, steps, engine.source())) {
    claim.statement.fill(statement);
    claim.steps = steps;
    claim.z0 = engine.step.z0();
    segment = derive_segment(engine.circuits.digest(), claim.statement, steps, commitments.chain);
    prover = std::make_unique<Prover>(engine.circuits, *engine.primary, *engine.secondary, segment, claim.z0,
                                      commitments.commitments);
  }

  StepCommitments commitments;
  Claim claim;
  Segment segment;
  std::unique_ptr<Prover> prover;
};

}  // namespace magnetar::ivc
