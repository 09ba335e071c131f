#include "engine/zkvm/fold_step.h"

#include "engine/r1cs/relation.h"

namespace magnetar::zkvm {

using algebra::Fr;

FoldStep::FoldStep(const RowTypes& types, const Quotas& quotas) : types_(types) {
  for (std::size_t i = 0; i < quotas.size(); ++i) blocks_.push_back({&types.templates[i], quotas[i]});
}

std::vector<ivc::Value<Fr>> FoldStep::describe(ivc::Builder<Fr>& b, std::span<const ivc::Value<Fr>> state,
                                               const ivc::StepValues& values) const {
  // Every stage-2 variable of a row is a term of the bus.
  const std::size_t terms = r1cs::Relation<Fr>::block_stage2(blocks_);
  return {state[0] + b.foreign_sum({r1cs::Part::kStage2, 0}, terms, values.block_sum)};
}

}  // namespace magnetar::zkvm
