#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

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
    for (const std::uint64_t steps : {1U, 2U, 3U}) {
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

TEST(Ivc, ProofsAreTheSameForAnyNumberOfThreadsAndAfterResuming) {
  const auto step = make_blocks(300);
  const Engine engine(*step);
  constexpr std::uint64_t kSteps = 4;
  std::optional<Proof> first;
  for (const std::size_t threads : {1U, 2U, 3U}) {
    const tbb::global_control control(tbb::global_control::max_allowed_parallelism, threads);
    Proved proved(engine, kSteps);
    ASSERT_TRUE(proved.prover->run(engine.source(), kSteps));
    if (!first) first = proved.prover->state().proof;
    EXPECT_EQ(proved.prover->state().proof, *first) << threads;
  }
  for (std::uint64_t cut = 0; cut <= kSteps; ++cut) {
    Proved before(engine, kSteps);
    if (cut > 0) {
      const auto until = [&](std::uint64_t done) { return done < cut; };
      const auto stopped = before.prover->run(engine.source(), kSteps, until);
      EXPECT_EQ(stopped.error(), ProveError::kCancelled);
    }
    const ProverState state = before.prover->state();
    EXPECT_EQ(state.next, cut);
    Proved after(engine, kSteps);
    ASSERT_TRUE(after.prover->resume(state));
    ASSERT_TRUE(after.prover->run(engine.source(), kSteps));
    EXPECT_EQ(after.prover->state().proof, *first) << cut;
  }
}

// A state may come from a file: what does not fit is refused, and the prover proves as if nothing had been asked.
TEST(Ivc, StatesThatDoNotFitAreRefused) {
  const auto step = make_challenged();
  const Engine engine(*step);
  constexpr std::uint64_t kSteps = 3;
  Proved whole(engine, kSteps);
  std::optional<ProverState> good;
  ASSERT_TRUE(whole.prover->run(engine.source(), kSteps, [&](std::uint64_t done) {
    if (done == 2) good = whole.prover->state();
    return true;
  }));
  const std::vector<std::pair<std::string, std::function<void(ProverState&)>>> changes = {
      {"no state", [](ProverState& s) { s.z.clear(); }},
      {"long state", [](ProverState& s) { s.z.emplace_back(); }},
      {"too many steps", [](ProverState& s) { s.next = kSteps + 1; }},
      {"primary w1", [](ProverState& s) { s.proof.primary_assignment.stage1.pop_back(); }},
      {"primary w2", [](ProverState& s) { s.proof.primary_assignment.stage2.emplace_back(); }},
      {"primary E", [](ProverState& s) { s.proof.primary_assignment.error.clear(); }},
      {"secondary w1", [](ProverState& s) { s.proof.secondary_assignment.stage1.emplace_back(); }},
      {"secondary w2", [](ProverState& s) { s.proof.secondary_assignment.stage2.pop_back(); }},
      {"secondary E", [](ProverState& s) { s.proof.secondary_assignment.error.pop_back(); }},
      {"fresh w2", [](ProverState& s) { s.proof.fresh_stage2.clear(); }},
      {"no proof", [](ProverState& s) { s.proof = {}; }},
  };
  Proved after(engine, kSteps);
  EXPECT_TRUE(fits(*good, engine.circuits, kSteps));
  EXPECT_FALSE(fits(*good, engine.circuits, 1));
  for (const auto& [name, change] : changes) {
    ProverState state = *good;
    change(state);
    EXPECT_FALSE(after.prover->resume(state)) << name;
  }
  EXPECT_EQ(after.prover->state().next, 0U);
  ASSERT_TRUE(after.prover->run(engine.source(), kSteps));
  EXPECT_EQ(after.prover->state().proof, whole.prover->state().proof);
}

}  // namespace
}  // namespace magnetar::ivc
