#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/ivc/prover.h"

namespace magnetar::ivc {

/// A step circuit with what a test needs of it: stage-1 values, and F computed without circuits.
class TestStep : public StepCircuit {
 public:
  using Fr = algebra::Fr;

  virtual std::string name() const = 0;
  virtual std::vector<Fr> z0() const = 0;
  /// z(i+1).
  virtual std::vector<Fr> apply(std::uint64_t step, const std::vector<Fr>& z, const Segment& segment) const = 0;
  virtual StepStage1 witness(std::uint64_t) const { return {}; }
  std::size_t stage1() const override { return 0; }
};

/// z + 1.
std::unique_ptr<TestStep> make_counter();
/// (x, y, i) -> ((x + y)^(1/5), x + i, i + 1), the root by its fifth power (Khovratovich, Maller, Tiwari 2022).
std::unique_ptr<TestStep> make_min_root();
/// z -> Poseidon's sponge of z, at width 5.
std::unique_ptr<TestStep> make_poseidon_chain();
/// z + 1 / (γ - w) + β·w with a stage-1 value w for each step.
std::unique_ptr<TestStep> make_challenged();
/// Blocks: rows with stage-1 values x and y = x², and stage-2 values 1/(γ - x - β·y); z grows by their sum.
std::unique_ptr<TestStep> make_blocks(std::size_t rows);

}  // namespace magnetar::ivc
