#pragma once

#include <span>
#include <vector>

#include "engine/ivc/augmented_circuit.h"
#include "engine/zkvm/layout.h"

namespace magnetar::zkvm {

/// A fold step as the step circuit of the IVC: quotas[i] rows of type i, and a state of one element, the bus's running
/// sum, to which all terms of all rows are added.
class FoldStep final : public ivc::StepCircuit {
 public:
  /// `types` must outlive this.
  FoldStep(const RowTypes& types, const Quotas& quotas);

  std::size_t arity() const override { return 1; }
  std::size_t stage1() const override { return 0; }
  std::span<const r1cs::Block> blocks() const override { return blocks_; }
  const r1cs::Palette* palette() const override { return &types_.palette; }
  std::vector<ivc::Value<algebra::Fr>> describe(ivc::Builder<algebra::Fr>& b,
                                                std::span<const ivc::Value<algebra::Fr>> state,
                                                const ivc::StepValues& values) const override;

 private:
  const RowTypes& types_;
  std::vector<r1cs::Block> blocks_;
};

}  // namespace magnetar::zkvm
