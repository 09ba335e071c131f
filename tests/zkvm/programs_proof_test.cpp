// What takes longer to prove: the bundled guests, the programs of tests/programs, a chain of many segments.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>

#include "assembler.h"
#include "proving.h"
#include "vm/microcode.h"

namespace magnetar::zkvm {
namespace {

using namespace testing;
using namespace vm::testing;
using namespace std::string_view_literals;

struct GuestCase {
  std::string guest;
  std::string input;
  StepRange range{};
};

class ProvedGuest : public ::testing::TestWithParam<GuestCase> {};

TEST_P(ProvedGuest, IsAccepted) {
  const Plan plan = plan_of(guest(GetParam().guest, GetParam().input), GetParam().range);
  EXPECT_LE(plan.fold_steps, 3U);
  expect_proved(plan);
}

// Of those with too many cycles for three fold steps of this size, the start.
INSTANTIATE_TEST_SUITE_P(All, ProvedGuest,
                         ::testing::Values(GuestCase{"fibonacci", "9"}, GuestCase{"keccak256", "abc", {0, 8}},
                                           GuestCase{"matrix", "2"}, GuestCase{"modexp", "32", {0, 8}},
                                           GuestCase{"quicksort", "20"}, GuestCase{"sha256", "abc"},
                                           GuestCase{"wordcount", "two words\nmore\n"}),
                         [](const auto& parameter) { return parameter.param.guest; });

std::vector<std::string> instruction_programs() {
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(MAGNETAR_SOURCE_DIR "/tests/programs")) {
    if (file.path().extension() == ".S") names.push_back(file.path().stem());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class ProvedProgram : public ::testing::TestWithParam<std::string> {};

TEST_P(ProvedProgram, IsAccepted) {
  const std::filesystem::path elf = std::filesystem::path(MAGNETAR_TEST_PROGRAMS) / (GetParam() + ".elf");
  if (!std::filesystem::exists(elf)) {
    GTEST_SKIP() << elf << " was not built: riscv64-unknown-elf-gcc is not installed";
  }
  std::ifstream file(elf, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  const Plan plan = plan_of(subject_of_elf(bytes_of(bytes), "\x00\x7f\x80\xff"sv));
  EXPECT_TRUE(plan.statement.halted);
  expect_proved(plan);
}

INSTANTIATE_TEST_SUITE_P(All, ProvedProgram, ::testing::ValuesIn(instruction_programs()),
                         [](const auto& parameter) { return parameter.param; });

/// Reads a byte and writes it, again and again: an odd number of cycles each, so that step boundaries come to lie in
/// every row of a call.
Subject echo_loop(unsigned rounds) {
  return subject_of({addi(sp, zero, static_cast<std::int32_t>(rounds)), addi(s2, zero, 2), kEcallWord,
                     sb(a0, zero, 0x400), addi(s2, zero, 3), addi(a1, zero, 0x400), addi(a2, zero, 1), kEcallWord,
                     addi(zero, zero, 0), addi(sp, sp, -1), bne(sp, zero, -36), kUnimp},
                    std::string(rounds, 'e'));
}

TEST(Ranges, CutInEveryRowOfSystemCalls) {
  const Subject subject = echo_loop(1100);
  vm::Machine whole(subject.program, subject.input);
  whole.execute(UINT64_MAX);
  ASSERT_EQ(whole.status(), vm::Status::kHalted);

  std::vector<Plan> plans;
  std::set<std::uint64_t> cuts;
  Quotas quotas{};
  for (std::uint64_t step = 0; step * vm::kCyclesPerStep < whole.cycle(); ++step) {
    const bool last = (step + 1) * vm::kCyclesPerStep >= whole.cycle();
    const StepRange range{step, last ? std::nullopt : std::optional<std::uint64_t>(1)};
    plans.push_back(plan_of(subject, range, kSmallest, plans.empty() ? nullptr : &plans.back().start));
    const Statement& s = plans.back().statement;
    cuts.insert(s.start_pc);
    for (std::size_t i = 0; i < quotas.size(); ++i) quotas[i] = std::max(quotas[i], s.layout.quotas[i]);
  }
  // The rows of dispatch, reading and output that such calls go through: 0 to 3, 8 to 10, 12 to 18.
  for (const std::size_t row : {0U, 1U, 2U, 3U, 8U, 9U, 10U, 12U, 13U, 14U, 15U, 16U, 17U, 18U}) {
    EXPECT_TRUE(cuts.contains(vm::kMicrocodeBase + 4 * row)) << "no cut before row " << row;
  }

  // All in one layout, whose parameters are made once.
  Bundle bundle;
  for (Plan& plan : plans) {
    plan.statement.layout.quotas = quotas;
    bundle.segments.push_back(prove_honestly(plan));
  }
  const auto claim = verify(subject, bundle, store(), StepRange{});
  ASSERT_TRUE(claim) << claim.error().message;
  EXPECT_EQ(claim->cycles, whole.cycle());
  EXPECT_EQ(claim->output, whole.output());
  EXPECT_TRUE(claim->halted);

  // Lone segments: in the state that is known, under an assumption, and not as an execution from the start.
  for (const std::size_t i : {std::size_t{1}, bundle.segments.size() / 2, bundle.segments.size() - 1}) {
    SCOPED_TRACE(i);
    const Bundle lone{{bundle.segments[i]}};
    const Statement& s = lone.segments[0].statement;
    const auto known = verify_from(MachineState::at(plans[i].start), subject, lone, store(), StepRange{i, 1});
    ASSERT_TRUE(known) << known.error().message;
    EXPECT_EQ(known->output, s.output);
    const auto conditional = verify_assuming(subject, lone, store());
    ASSERT_TRUE(conditional) << conditional.error().message;
    EXPECT_EQ(conditional->claim.first_step, i);
    EXPECT_EQ(conditional->assumption.start_pc, s.start_pc);
    EXPECT_EQ(conditional->assumption.input_start, s.input_start);
    EXPECT_EQ(conditional->assumption.output_start, s.output_start);
    EXPECT_FALSE(conditional->assumption.first_values.empty());
    for (const Touched& touched : conditional->assumption.first_values) {
      EXPECT_EQ(touched.first_value, MachineState::at(plans[i].start).value(touched.address));
    }
    const auto from_start = verify(subject, lone, store());
    ASSERT_FALSE(from_start);
    EXPECT_EQ(from_start.error().reason, RefusalReason::kState);
  }
}

TEST(ProvedInLargerSteps, AWholeHash) {
  const Plan plan = plan_of(guest("keccak256", "abc"), {}, {17, std::nullopt});
  EXPECT_TRUE(plan.statement.halted);
  EXPECT_EQ(plan.statement.layout.log_size, 17U);
  EXPECT_GE(plan.fold_steps, 4U);
  expect_proved(plan);
}

}  // namespace
}  // namespace magnetar::zkvm
