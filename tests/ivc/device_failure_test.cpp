// Devices that fail at any call: the prover says so by a value, and another device finishes the proof.

#include <gtest/gtest.h>

#include <optional>

#include "engine.h"
#include "faulty_device.h"

namespace magnetar::ivc {
namespace {

using algebra::Bn254;
using algebra::Grumpkin;

constexpr std::uint64_t kSteps = 2;

/// Proves on devices that fail by `plan`, then on the CPU from the last state that was kept. Returns how many steps
/// that one held, if they failed.
std::optional<std::uint64_t> prove_with_faults(const Engine& cpu, device::FaultPlan& plan, std::uint64_t keep_every,
                                               const Proof& expected) {
  const device::FaultyDevice<Bn254> primary(device::make_cpu_device<Bn254>(cpu.circuits.primary(), cpu.keys.primary),
                                            plan);
  const device::FaultyDevice<Grumpkin> secondary(
      device::make_cpu_device<Grumpkin>(cpu.circuits.secondary(), cpu.keys.secondary), plan);
  Proved on_cpu(cpu, kSteps);
  std::optional<ProverState> state;
  try {
    Prover prover(cpu.circuits, primary, secondary, on_cpu.segment, on_cpu.claim.z0, on_cpu.commitments.commitments);
    prover.keep_states(keep_every);
    const auto proved = prover.run(cpu.source(), kSteps);
    state = prover.state();
    if (proved) {
      EXPECT_EQ(state->proof, expected);
      return std::nullopt;
    }
    EXPECT_EQ(proved.error(), ProveError::kDevice);
    EXPECT_NE(prover.device_error().find("injected fault"), std::string::npos);
  } catch (const device::DeviceError&) {
    state = {0, on_cpu.claim.z0, {}};  // of the prover's making
  }
  EXPECT_TRUE(on_cpu.prover->resume(*state));
  EXPECT_TRUE(on_cpu.prover->run(cpu.source(), kSteps));
  EXPECT_EQ(on_cpu.prover->state().proof, expected);
  return state->next;
}

TEST(DeviceFailure, AnyCallMayFailAndTheCpuFinishesTheProof) {
  const auto step = make_blocks(20);
  const Engine engine(*step);
  Proved proved(engine, kSteps);
  ASSERT_TRUE(proved.prover->run(engine.source(), kSteps));
  const Proof expected = proved.prover->state().proof;

  device::FaultPlan none;
  ASSERT_EQ(prove_with_faults(engine, none, 1, expected), std::nullopt);
  ASSERT_GT(none.calls, 20U);
  std::uint64_t kept = 0;
  // Every third call, and the last.
  for (std::uint64_t call = 1; call <= none.calls; call += call + 3 > none.calls && call != none.calls ? 1 : 3) {
    SCOPED_TRACE(call);
    device::FaultPlan plan{call};
    const auto resumed = prove_with_faults(engine, plan, 1, expected);
    ASSERT_TRUE(resumed);
    EXPECT_GE(*resumed, kept);
    kept = *resumed;
  }
  // The last call reads the state after the last step; the one before it is kept.
  EXPECT_EQ(kept, kSteps - 1);
  // Without kept states the CPU begins anew.
  device::FaultPlan late{none.calls - 10};
  EXPECT_EQ(prove_with_faults(engine, late, 0, expected), 0U);
}

}  // namespace
}  // namespace magnetar::ivc
