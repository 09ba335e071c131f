#include <gtest/gtest.h>

#include "engine.h"

namespace magnetar::ivc {
namespace {

using algebra::Fr;

std::vector<std::unique_ptr<TestStep>> all_steps() {
  std::vector<std::unique_ptr<TestStep>> all;
  all.push_back(make_counter());
  all.push_back(make_min_root());
  all.push_back(make_poseidon_chain());
  all.push_back(make_challenged());
  all.push_back(make_blocks(10));
  return all;
}

TEST(Ivc, ProvesStepsOfEveryCircuit) {
  for (const auto& step : all_steps()) {
    SCOPED_TRACE(step->name());
    const Engine engine(*step);
    for (const std::uint64_t steps : {1, 2, 3}) {
      SCOPED_TRACE(steps);
      Proved proved(engine, steps);
      ASSERT_TRUE(proved.prover->run(engine.source(), steps));
      const ProverState state = proved.prover->state();
      std::vector<Fr> z = step->z0();
      for (std::uint64_t i = 0; i < steps; ++i) z = step->apply(i, z, proved.segment);
      EXPECT_EQ(state.z, z);
      EXPECT_EQ(state.next, steps);
      proved.claim.zn = state.z;
      const auto verdict = verify(engine.circuits, engine.keys, proved.claim, state.proof);
      EXPECT_TRUE(verdict) << verdict.error().describe();
    }
  }
}

TEST(Ivc, RecursionTakesFewConstraints) {
  const auto step = make_counter();
  const Circuits circuits(*step);
  RecordProperty("primary", static_cast<int>(circuits.primary().constraints()));
  RecordProperty("secondary", static_cast<int>(circuits.secondary().constraints()));
  std::printf("recursion: %zu primary constraints, %zu variables; %zu secondary, %zu variables\n",
              circuits.primary().constraints(), circuits.primary().stage2(), circuits.secondary().constraints(),
              circuits.secondary().stage2());
  EXPECT_LE(circuits.primary().constraints(), 12'500U);
  EXPECT_LE(circuits.secondary().constraints(), 14'000U);
}

}  // namespace
}  // namespace magnetar::ivc
