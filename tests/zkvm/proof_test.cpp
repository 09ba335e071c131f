// Executions of all kinds are proved and accepted, with a claim that says what the machine did.

#include <gtest/gtest.h>
#include <tbb/task_arena.h>

#include <algorithm>

#include "assembler.h"
#include "proving.h"
#include "random_program.h"

namespace magnetar::zkvm {
namespace {

using namespace testing;
using namespace vm::testing;
using Stage = Progress::Stage;

TEST(Completeness, NoCycle) {
  const Subject subject = subject_of({kUnimp});
  for (const StepRange& range : {StepRange{}, StepRange{0, 0}}) {
    const Plan plan = plan_of(subject, range);
    EXPECT_EQ(plan.statement.cycles, 0U);
    EXPECT_EQ(plan.fold_steps, 1U);
    expect_proved(plan);
  }
}

TEST(Completeness, OneCycle) {
  const Subject subject = subject_of({addi(a0, zero, 77), kUnimp});
  const auto claim = verify(subject, {{prove_honestly(plan_of(subject))}}, store());
  ASSERT_TRUE(claim);
  EXPECT_EQ(claim->cycles, 1U);
  EXPECT_EQ(claim->steps, 1U);
  EXPECT_EQ(claim->exit_code, 77U);
}

TEST(Completeness, InstructionsAreThoseOfTheMachine) {
  const Subject subject = subject_of({addi(s2, zero, 2), kEcallWord, addi(a0, a0, 1), kUnimp}, "x");
  vm::Machine machine(subject.program, subject.input);
  machine.execute(UINT64_MAX);
  EXPECT_EQ(machine.instructions(), 4U);
  EXPECT_EQ(plan_of(subject).instructions, 3U) << "all but the halt word";
  EXPECT_EQ(plan_of(subject_of({kUnimp})).instructions, 0U);
}

TEST(Completeness, EveryInstructionOfRandomPrograms) {
  Random random(11);
  std::vector<std::uint32_t> text;
  for (int i = 0; i < 10; ++i) append_random_program(random, text);
  text.push_back(kUnimp);
  const Plan plan = plan_of(subject_of(text));
  std::size_t types = 0;
  for (const std::uint32_t quota : plan.statement.layout.quotas) types += quota == 0 ? 0 : 1;
  EXPECT_EQ(types, vm::kRowTypeCount - 3) << "all but system calls and refreshes";
  expect_proved(plan);
}

TEST(Completeness, LongRests) {
  // x6 rests for more ticks than one gap bridges.
  const Subject subject = subject_of({addi(t1, zero, 77), lui(t0, 2), addi(t0, t0, 100), addi(t0, t0, -1),
                                      bne(t0, zero, -4), addi(a0, t1, 0), kUnimp});
  const Plan plan = plan_of(subject);
  EXPECT_NE(plan.statement.layout.quotas[static_cast<std::size_t>(vm::RowType::kRefresh)], 0U);
  expect_proved(plan);
}

TEST(Completeness, EmptyInputAndInputToItsEnd) {
  // Three bytes are asked for; the sum tells what was read.
  std::vector<std::uint32_t> text{addi(s2, zero, 2)};
  for (int i = 0; i < 3; ++i) {
    text.push_back(kEcallWord);
    text.push_back(r_type(0, 0, t0, t0, a0));
  }
  text.push_back(addi(a0, t0, 0));
  text.push_back(kUnimp);
  for (const std::string_view input : {"", "a", "abc", "abcd"}) {
    SCOPED_TRACE(input);
    expect_proved(plan_of(subject_of(text, input)));
  }
}

TEST(Completeness, KilobytesOfOutput) {
  // The program's own text, twice: 2 KiB of zeros and more.
  std::vector<std::uint32_t> text{
      addi(s2, zero, 3), addi(a1, zero, 0), addi(a2, zero, 1500), kEcallWord, addi(a1, zero, 1), kEcallWord, kUnimp};
  const Plan plan = plan_of(subject_of(text));
  EXPECT_EQ(plan.statement.output.size(), 3000U);
  EXPECT_GE(plan.fold_steps, 2U);
  expect_proved(plan);
}

TEST(Completeness, QuotasByProfile) {
  const Subject subject = subject_of({addi(s2, zero, 2), kEcallWord, sw(a0, zero, 0x400), kUnimp}, "q");
  for (const Profile profile : {Profile::kGeneral, Profile::kMemory, Profile::kHash}) {
    SCOPED_TRACE(name(profile));
    expect_proved(plan_of(subject, {}, {kMinLogSize, profile}));
  }
}

TEST(Completeness, RowsThatFillTheirQuotas) {
  // One row more or less than two fold steps hold.
  for (const std::size_t rows : {9U, 10U, 11U}) {
    std::vector<std::uint32_t> text = nops(rows);
    text.push_back(kUnimp);
    Plan plan = plan_of(subject_of(text));
    plan.statement.layout.quotas[static_cast<std::size_t>(vm::RowType::kAddI)] = 5;
    plan.fold_steps = (rows + 4) / 5;
    expect_proved(plan);
  }
}

TEST(Completeness, OutOfAFewFoldSteps) {
  const Plan plan = spread(plan_of(guest("wordcount", "some words\nand a line\n")), 3);
  EXPECT_GE(plan.fold_steps, 3U);
  expect_proved(plan);
}

// --- Ranges

TEST(Ranges, HaltingJustBeforeAtAndBehindAStepBoundary) {
  for (const std::size_t cycles : {1023U, 1024U, 1025U}) {
    SCOPED_TRACE(cycles);
    std::vector<std::uint32_t> text = nops(cycles);
    text.push_back(kUnimp);
    const Subject subject = subject_of(text);
    const std::uint64_t steps = cycles <= 1024 ? 1 : 2;
    for (const StepRange& range : {StepRange{}, StepRange{0, steps}}) {
      const Plan plan = plan_of(subject, range);
      EXPECT_EQ(plan.statement.cycles, cycles);
      EXPECT_EQ(plan.statement.steps, steps);
      EXPECT_TRUE(plan.statement.halted);
      const auto claim = verify(subject, {{prove_honestly(plan)}}, store(), range);
      ASSERT_TRUE(claim) << claim.error().message;
      EXPECT_TRUE(claim->halted);
    }
    EXPECT_FALSE(plan_segment(subject, {0, steps + 1}, kSmallest));
    EXPECT_FALSE(plan_segment(subject, {steps, {}}, kSmallest)) << "nothing is left";
  }
}

TEST(Ranges, WhatAConditionalClaimAssumesOfAnExitCode) {
  // a0 is set in the first step alone; the last segment does not touch it.
  std::vector<std::uint32_t> text{addi(a0, zero, 41)};
  for (const std::uint32_t word : nops(1100)) text.push_back(word);
  text.push_back(kUnimp);
  const Subject subject = subject_of(text);
  const Plan plan = plan_of(subject, {1, {}});
  const Bundle lone{{prove_honestly(plan)}};
  const auto conditional = verify_assuming(subject, lone, store());
  ASSERT_TRUE(conditional) << conditional.error().message;
  EXPECT_EQ(conditional->assumption.exit_code_register, 41U);
  EXPECT_EQ(conditional->claim.exit_code, 41U);
  ASSERT_TRUE(verify_from(MachineState::at(plan.start), subject, lone, store()));
  const Bundle chain{{prove_honestly(plan_of(subject, {0, 1})), lone.segments[0]}};
  const auto claim = verify(subject, chain, store());
  ASSERT_TRUE(claim) << claim.error().message;
  EXPECT_EQ(claim->exit_code, 41U);
}

TEST(Ranges, AnotherRangeThanAskedForIsRefused) {
  const Subject subject = subject_of({jal(zero, 0)});
  const Bundle bundle{{prove_honestly(plan_of(subject, {0, 1})), prove_honestly(plan_of(subject, {1, 1}))}};
  EXPECT_TRUE(verify(subject, bundle, store(), StepRange{0, 2}));
  for (const StepRange& range : {StepRange{0, 1}, StepRange{0, 3}, StepRange{1, 1}, StepRange{0, {}}}) {
    const auto claim = verify(subject, bundle, store(), range);
    ASSERT_FALSE(claim);
    EXPECT_EQ(claim.error().reason, RefusalReason::kRange);
  }
}

TEST(Ranges, ErrorsOfPlanning) {
  using Kind = ProveError::Kind;
  const auto kind = [](const Subject& subject, const StepRange& range, const vm::Limits& limits = {},
                       const ProgressCallback& progress = {}) -> std::optional<Kind> {
    const auto plan = plan_segment(subject, range, kSmallest, limits, progress);
    if (plan) return std::nullopt;
    EXPECT_FALSE(plan.error().message.empty());
    EXPECT_EQ(plan.error().fault.has_value(), plan.error().kind == Kind::kFault);
    return plan.error().kind;
  };
  std::vector<std::uint32_t> text = nops(1500);
  const auto with_end = [&](std::uint32_t word) {
    text.push_back(word);
    const Subject subject = subject_of(text);
    text.pop_back();
    return subject;
  };
  const Subject halting = with_end(kUnimp);
  EXPECT_EQ(kind(halting, {}), std::nullopt);
  EXPECT_EQ(kind(halting, {0, 2}), std::nullopt);
  EXPECT_EQ(kind(halting, {0, 3}), Kind::kRange);
  EXPECT_EQ(kind(halting, {2, {}}), Kind::kRange);
  EXPECT_EQ(kind(halting, {0, 0}), Kind::kRange);
  EXPECT_EQ(kind(halting, {UINT64_MAX, {}}), Kind::kRange);
  EXPECT_EQ(kind(halting, {0, UINT64_MAX}), Kind::kRange);
  EXPECT_EQ(kind(subject_of({kUnimp}), {0, 1}), Kind::kRange);
  EXPECT_EQ(kind(subject_of({kUnimp}), {1, {}}), Kind::kRange);

  // Faults: an illegal word within the range, before it, and where the range would end; a limit.
  const Subject faulting = with_end(0);
  EXPECT_EQ(kind(faulting, {0, 1}), std::nullopt);
  EXPECT_EQ(kind(faulting, {}), Kind::kFault);
  EXPECT_EQ(kind(faulting, {1, 1}), Kind::kFault);
  EXPECT_EQ(kind(faulting, {2, 1}), Kind::kFault);
  text.resize(1024);
  EXPECT_EQ(kind(with_end(0), {0, 1}), Kind::kFault);
  EXPECT_EQ(kind(subject_of({jal(zero, 0)}), {}, {.max_cycles = 5000}), Kind::kFault);

  for (std::uint64_t after = 0; after < 3; ++after) {
    std::uint64_t left = after;
    EXPECT_EQ(kind(halting, {1, 1}, {}, [&](const Progress& p) { return p.stage != Stage::kExecute || left-- != 0; }),
              Kind::kCancelled)
        << after;
  }
}

// A program made of what its profile expects least of passes the fold steps that an IVC may have. Its own mix fits.
TEST(Ranges, MoreFoldStepsThanAnIvcMayHave) {
  std::vector<std::uint32_t> text(1000, i_type(0x13, 2, t0, t0, 0));  // slti t0, t0, 0
  text.push_back(jal(zero, -4000));
  const Subject subject = subject_of(text);
  const StepRange range{0, 5000};
  const auto refused = plan_segment(subject, range, {kMinLogSize, Profile::kGeneral});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ProveError::Kind::kTooManySteps);
  EXPECT_EQ(name(refused.error().kind), "too-many-fold-steps");
  EXPECT_NE(refused.error().message.find("more than 1048576"), std::string::npos) << refused.error().message;
  const auto fitting = plan_segment(subject, range, kSmallest);
  ASSERT_TRUE(fitting) << fitting.error().message;
  EXPECT_LT(fitting->fold_steps, 10000U);
}

// --- The same bytes, whatever happens on the way

/// A program of some fold steps, and its proof without interruption.
struct Uninterrupted {
  Plan plan = spread(plan_of(guest("wordcount", "to be resumed\n")), 3);
  std::vector<std::uint8_t> bytes = encode(Bundle{{prove_honestly(plan)}});
  std::shared_ptr<const Parameters> parameters = store().parameters(plan.statement.layout);
  Devices devices = cpu_devices(*parameters);
};

void expect_same_bytes(const Plan& plan, std::initializer_list<int> parallelisms) {
  std::vector<std::uint8_t> first;
  for (const int threads : parallelisms) {
    tbb::task_arena arena(threads);
    const auto bytes = arena.execute([&] { return encode(Bundle{{prove_honestly(plan)}}); });
    if (first.empty()) first = bytes;
    EXPECT_EQ(bytes, first) << threads;
  }
}

// Small enough for ThreadSanitizer, which takes half a minute for each proof.
TEST(SameBytes, OnOneAndTwoThreads) {
  expect_same_bytes(plan_of(subject_of({addi(a0, zero, 1), kUnimp})), {1, 2});
}

TEST(SameBytes, AtAnyParallelism) {
  expect_same_bytes(spread(plan_of(guest("wordcount", "t")), 3), {1, 2, 3, 8});
}

TEST(SameBytes, AfterCancellingAtEveryStage) {
  const Uninterrupted honest;
  // Events are those of committing, the one before folding, and those of folding. After the last step nothing is left
  // to be cancelled.
  const std::uint64_t steps = honest.plan.fold_steps;
  for (std::uint64_t event = 0; event < 2 * steps; ++event) {
    SCOPED_TRACE(event);
    std::uint64_t left = event;
    std::optional<std::vector<std::uint8_t>> saved;
    const Control cancelling{.progress = [&](const Progress&) { return left-- != 0; },
                             .save =
                                 [&](const ProvingState& state) {
                                   EXPECT_FALSE(saved) << "saved twice";
                                   saved = encode(state);
                                 }};
    const auto cancelled = prove(*honest.parameters, honest.plan, honest.devices, cancelling);
    ASSERT_FALSE(cancelled);
    EXPECT_EQ(cancelled.error().kind, ProveError::Kind::kCancelled);
    ASSERT_TRUE(saved);
    auto state = decode_proving_state(*saved);
    ASSERT_TRUE(state) << state.error().message;
    EXPECT_EQ(encode(*state), *saved);
    EXPECT_EQ(state->commitments.size(), std::min(event, steps));
    EXPECT_EQ(state->prover.next, event < steps ? 0 : event - steps);

    std::vector<Stage> stages;
    const Control resuming{.progress =
                               [&](const Progress& p) {
                                 stages.push_back(p.stage);
                                 return true;
                               },
                           .resume = *state};
    const auto proved = prove(*honest.parameters, honest.plan, honest.devices, resuming);
    ASSERT_TRUE(proved);
    EXPECT_EQ(proved->resumed_steps, state->prover.next);
    EXPECT_EQ(static_cast<std::uint64_t>(std::count(stages.begin(), stages.end(), Stage::kCommit)),
              steps - state->commitments.size());
    EXPECT_EQ(encode(Bundle{{proved->proof}}), honest.bytes);
  }
}

TEST(SameBytes, WhenInterruptedAgainAndAgain) {
  const Uninterrupted honest;
  std::optional<ProvingState> state;
  for (int tries = 1;; ++tries) {
    ASSERT_LT(tries, 100);
    int left = 1;
    const Control control{.progress = [&](const Progress&) { return left-- != 0; },
                          .resume = state,
                          .save = [&](const ProvingState& now) { state = now; }};
    const auto proved = prove(*honest.parameters, honest.plan, honest.devices, control);
    if (!proved) continue;
    EXPECT_GT(tries, 3);
    EXPECT_EQ(encode(Bundle{{proved->proof}}), honest.bytes);
    return;
  }
}

TEST(SameBytes, WhenForeignStatesAreOffered) {
  const Uninterrupted honest;
  std::vector<ProvingState> states;
  const Control saving{.save = [&](const ProvingState& now) { states.push_back(now); },
                       .save_interval = std::chrono::seconds(0)};
  ASSERT_TRUE(prove(*honest.parameters, honest.plan, honest.devices, saving));
  ASSERT_GE(states.size(), 4U);
  ProvingState foreign = states.back();
  EXPECT_EQ(foreign.identity, plan_identity(honest.plan));

  const auto expect_ignored = [&](const char* what) {
    const auto proved = prove(*honest.parameters, honest.plan, honest.devices, {.resume = foreign});
    ASSERT_TRUE(proved);
    EXPECT_EQ(proved->resumed_steps, 0U) << what;
    EXPECT_EQ(encode(Bundle{{proved->proof}}), honest.bytes) << what;
  };
  foreign.identity[31] ^= 1;
  expect_ignored("another identity");
  foreign = states.back();
  foreign.commitments.resize(honest.plan.fold_steps + 1);
  expect_ignored("more commitments than fold steps");

  // Whatever the identity covers: input, window, number of fold steps, lists.
  Plan other = plan_of(guest("wordcount", "to be renamed\n"));
  EXPECT_NE(plan_identity(other), plan_identity(honest.plan));
  other = honest.plan;
  other.window -= 1;
  EXPECT_NE(plan_identity(other), plan_identity(honest.plan));
  other = honest.plan;
  other.fold_steps += 1;
  EXPECT_NE(plan_identity(other), plan_identity(honest.plan));
  other = honest.plan;
  other.lists.back() ^= 1;
  EXPECT_NE(plan_identity(other), plan_identity(honest.plan));
}

TEST(SameBytes, DamagedStatesAreToldFromWholeOnes) {
  const Plan plan = spread(plan_of(subject_of({addi(a0, zero, 1), addi(a0, a0, 1), kUnimp})), 2);
  std::vector<std::vector<std::uint8_t>> saved;
  prove_honestly(plan, {.save = [&](const ProvingState& now) { saved.push_back(encode(now)); },
                        .save_interval = std::chrono::seconds(0)});
  ASSERT_GE(saved.size(), 3U);
  for (const auto& bytes : {saved.front(), saved.back()}) {
    ASSERT_TRUE(decode_proving_state(bytes));
    for (std::size_t i = 0; i < 64; ++i) {
      auto damaged = bytes;
      damaged[i * (bytes.size() - 1) / 63] ^= static_cast<std::uint8_t>(1U << (i % 8));
      const auto state = decode_proving_state(damaged);
      ASSERT_FALSE(state);
      EXPECT_EQ(state.error().kind, ContainerError::Kind::kDamaged);
      EXPECT_FALSE(decode_proving_state(std::span(bytes).first(i * (bytes.size() - 1) / 63)));
    }
    auto longer = bytes;
    longer.push_back(0);
    EXPECT_FALSE(decode_proving_state(longer));
  }
}

}  // namespace
}  // namespace magnetar::zkvm
