#include "proving.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "assembler.h"

namespace magnetar::zkvm::testing {

ParameterStore& store() {
  static ParameterStore one(MAGNETAR_TEST_PARAMETERS);
  return one;
}

Subject subject_of_elf(const std::vector<std::byte>& elf, std::string_view input) {
  auto subject = Subject::load(elf, vm::testing::make_input(input));
  EXPECT_TRUE(subject) << (subject ? "" : subject.error().message);
  if (!subject) std::abort();
  return *std::move(subject);
}

Subject subject_of(const std::vector<std::uint32_t>& text, std::string_view input) {
  constexpr std::uint32_t kReadAndExecute = 5;
  const auto size = static_cast<std::uint32_t>(4 * text.size());
  return subject_of_elf(vm::testing::make_elf(0, {{0, vm::testing::bytes_of(text), size, kReadAndExecute}}), input);
}

Subject guest(const std::string& name, std::string_view input) {
  return subject_of_elf(vm::testing::read_source_file("vm/guest/prebuilt/" + name + ".elf"), input);
}

Plan plan_of(const Subject& subject, const StepRange& range, const Preset& preset, const vm::Checkpoint* start) {
  auto plan = plan_segment(subject, range, preset, {}, {}, start);
  EXPECT_TRUE(plan) << (plan ? "" : plan.error().message);
  if (!plan) std::abort();
  return *std::move(plan);
}

Plan spread(Plan plan, std::uint32_t fold_steps) {
  EXPECT_EQ(plan.fold_steps, 1U);
  for (std::uint32_t& quota : plan.statement.layout.quotas) {
    const std::uint32_t rows = quota;
    if (rows == 0) continue;
    quota = (rows + fold_steps - 1) / fold_steps;
    plan.fold_steps = std::max<std::uint64_t>(plan.fold_steps, (rows + quota - 1) / quota);
  }
  return plan;
}

SegmentProof prove_honestly(const Plan& plan, const Control& control) {
  const auto parameters = store().parameters(plan.statement.layout);
  auto proved = prove(*parameters, plan, cpu_devices(*parameters), control);
  EXPECT_TRUE(proved) << (proved ? "" : proved.error().message);
  if (!proved) std::abort();
  return std::move(proved->proof);
}

void expect_proved(const Plan& plan) {
  const Subject& subject = plan.subject;
  vm::Machine machine(subject.program, subject.input, plan.start);
  machine.execute(plan.start.cycle + plan.statement.cycles);
  const Bundle bundle{{prove_honestly(plan)}};
  const auto bytes = encode(bundle);
  EXPECT_EQ(bytes.size(), encoded_size(bundle));
  const auto decoded = decode_bundle(bytes);
  ASSERT_TRUE(decoded) << decoded.error().message;
  ASSERT_EQ(*decoded, bundle);
  const auto claim = verify_from(MachineState::at(plan.start), subject, *decoded, store());
  ASSERT_TRUE(claim) << name(claim.error().reason) << ": " << claim.error().message;
  EXPECT_EQ(claim->first_step * vm::kCyclesPerStep, plan.start.cycle);
  EXPECT_EQ(claim->cycles, machine.cycle() - plan.start.cycle);
  EXPECT_EQ(claim->halted, machine.status() == vm::Status::kHalted);
  EXPECT_EQ(claim->exit_code, claim->halted ? machine.exit_code() : 0);
  EXPECT_EQ(claim->output, machine.output());
}

std::vector<std::uint32_t> nops(std::size_t rows) {
  return std::vector<std::uint32_t>(rows, vm::testing::addi(vm::testing::zero, vm::testing::zero, 0));
}

}  // namespace magnetar::zkvm::testing
