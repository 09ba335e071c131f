// Executions as fold steps of the IVC: proved, verified, and with a bus that comes to zero with the verifier's side.

#include "engine/zkvm/fold_step.h"

#include <gtest/gtest.h>

#include "assembler.h"
#include "engine/commit/generators.h"
#include "engine/device/cpu_device.h"
#include "engine/ivc/prover.h"
#include "random_program.h"
#include "row_values.h"

namespace magnetar::zkvm {
namespace {

using namespace testing;
using algebra::Bn254;
using algebra::Grumpkin;

template <class C>
commit::CommitmentKey<C> make_key(std::size_t size) {
  std::vector<algebra::AffinePoint<C>> points(size);
  EXPECT_TRUE(commit::derive_generators<C>(commit::generator_tag<C>(), 0, std::span(points)));
  return commit::CommitmentKey<C>(points);
}

TEST(FoldStepIvc, AnExecutionIsProvedAndItsBusBalances) {
  vm::testing::Random random(3);
  std::vector<std::uint32_t> text;
  for (int i = 0; i < 20; ++i) vm::testing::append_random_program(random, text);
  text.push_back(vm::testing::kUnimp);
  const auto program = vm::testing::make_program(text);
  const auto execution = execute(program, vm::testing::make_input(), UINT64_MAX);

  // Three steps, the last one with unused rows.
  vm::Machine machine(program, vm::testing::make_input());
  vm::Trace trace(1 << 16);
  machine.trace(UINT64_MAX, trace);
  ASSERT_NE(machine.status(), vm::Status::kRunning);
  PerType counts{};
  add_counts(counts, *program, trace);
  Quotas quotas{};
  for (std::size_t i = 0; i < quotas.size(); ++i) quotas[i] = static_cast<std::uint32_t>((counts[i] + 2) / 3);
  Placement placement(quotas, std::size_t{1} << 20);
  placement.add(*program, trace);
  std::vector<StepRows> steps;
  while (auto rows = placement.take(true)) steps.push_back(*std::move(rows));
  ASSERT_EQ(steps.size(), 3U);

  const FoldStep step(row_types(), quotas);
  const ivc::Circuits circuits(step);
  const Extent room = extent(row_types(), quotas);
  EXPECT_LE(circuits.primary().constraints(), room.constraints);
  EXPECT_EQ(circuits.primary().stage1(), room.stage1);
  EXPECT_LE(circuits.primary().stage2(), room.stage2);

  const ivc::Keys keys{make_key<Bn254>(circuits.primary_generators()),
                       make_key<Grumpkin>(circuits.secondary_generators())};
  const auto primary = device::make_cpu_device<Bn254>(circuits.primary(), keys.primary);
  const auto secondary = device::make_cpu_device<Grumpkin>(circuits.secondary(), keys.secondary);
  const ivc::StepSource source = [&](std::uint64_t index) {
    return ivc::StepStage1{StepColumns(row_types(), quotas, *program, steps[index]).take(), {}};
  };
  const auto commitments = ivc::commit_steps(*primary, steps.size(), source);
  ivc::Claim claim{{7}, steps.size(), {Fr::zero()}, {}};
  const ivc::Segment segment = ivc::derive_segment(circuits.digest(), claim.statement, claim.steps, commitments.chain);
  ivc::Prover prover(circuits, *primary, *secondary, segment, claim.z0, commitments.commitments);
  ASSERT_TRUE(prover.run(source, claim.steps));
  const ivc::ProverState state = prover.state();

  claim.zn = state.z;
  const auto verdict = ivc::verify(circuits, keys, claim, state.proof);
  ASSERT_TRUE(verdict) << verdict.error().describe();
  const auto other_side = verifier_sum(*program, execution->lists, execution->boundary, segment.challenges);
  ASSERT_TRUE(other_side);
  EXPECT_TRUE((claim.zn[0] + *other_side).is_zero());

  // A row skipped: the proof is as good, but the bus does not come to zero.
  std::vector<StepRows> without = steps;
  ASSERT_FALSE(without[1].path[0].empty());
  without[1].path[0].pop_back();
  const ivc::StepSource shorter = [&](std::uint64_t index) {
    return ivc::StepStage1{StepColumns(row_types(), quotas, *program, without[index]).take(), {}};
  };
  const auto others = ivc::commit_steps(*primary, steps.size(), shorter);
  EXPECT_NE(others.chain, commitments.chain);
  const ivc::Segment forged = ivc::derive_segment(circuits.digest(), claim.statement, claim.steps, others.chain);
  ivc::Prover forger(circuits, *primary, *secondary, forged, claim.z0, others.commitments);
  ASSERT_TRUE(forger.run(shorter, claim.steps));
  claim.zn = forger.state().z;
  EXPECT_TRUE(ivc::verify(circuits, keys, claim, forger.state().proof));
  const auto sum = verifier_sum(*program, execution->lists, execution->boundary, forged.challenges);
  ASSERT_TRUE(sum);
  EXPECT_FALSE((claim.zn[0] + *sum).is_zero());
}

}  // namespace
}  // namespace magnetar::zkvm
