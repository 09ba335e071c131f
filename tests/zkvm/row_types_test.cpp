#include "engine/zkvm/row_types.h"

#include <gtest/gtest.h>

#include <array>
#include <initializer_list>
#include <map>
#include <string_view>

#include "assembler.h"
#include "engine/zkvm/rows/shift.h"
#include "random_program.h"
#include "row_values.h"

namespace magnetar::zkvm {
namespace {

using namespace testing;
using vm::RowType;

TEST(RowTypes, CountsAreAsStatedAndAsDesigned) {
  // Constraints and stage-2 values that the design's table gives.
  const std::map<RowType, std::pair<std::size_t, std::size_t>> design = {{RowType::kAddI, {13, 11}},
                                                                         {RowType::kAddR, {17, 14}},
                                                                         {RowType::kJalr, {12, 9}},
                                                                         {RowType::kLogicR, {19, 16}},
                                                                         {RowType::kLogicI, {16, 13}},
                                                                         {RowType::kBranchEqual, {13, 9}},
                                                                         {RowType::kBranchLessUnsigned, {14, 11}},
                                                                         {RowType::kBranchLess, {18, 15}},
                                                                         {RowType::kSetLessUnsignedR, {16, 14}},
                                                                         {RowType::kSetLessUnsignedI, {13, 11}},
                                                                         {RowType::kSetLessR, {20, 18}},
                                                                         {RowType::kSetLessI, {15, 13}},
                                                                         {RowType::kLoadWord, {14, 12}},
                                                                         {RowType::kStoreWord, {14, 12}},
                                                                         {RowType::kLoadSubword, {21, 15}},
                                                                         {RowType::kStoreSubword, {23, 17}},
                                                                         {RowType::kShiftI, {19, 15}},
                                                                         {RowType::kShiftR, {26, 20}},
                                                                         {RowType::kIn, {11, 10}},
                                                                         {RowType::kOut, {11, 10}},
                                                                         {RowType::kRefresh, {5, 4}}};
  ASSERT_EQ(design.size(), vm::kRowTypeCount);
  for (const auto& [type, counts] : design) {
    const r1cs::Template& shape = row_types()[type];
    const Counts stated = stated_counts(type);
    EXPECT_EQ(shape.constraints.size(), stated.constraints) << shape.name;
    EXPECT_EQ(shape.stage1.size(), stated.stage1) << shape.name;
    EXPECT_EQ(shape.stage2.size(), stated.stage2) << shape.name;
    EXPECT_EQ(counts, std::pair(shape.constraints.size(), shape.stage2.size())) << shape.name;
  }
}

TEST(RowTypes, NamesAreUnique) {
  for (const r1cs::Template& shape : row_types().templates) {
    std::map<std::string, int> names;
    for (const r1cs::Variable& variable : shape.stage1)
      EXPECT_EQ(names[variable.name]++, 0) << shape.name << " " << variable.name;
  }
}

TEST(RowTypes, AnAllZeroRowSatisfiesEverythingAndAddsNothing) {
  const auto palette = row_types().palette.values(some_challenges());
  for (const r1cs::Template& shape : row_types().templates) {
    r1cs::RowValues values(shape.variables());
    values[0] = Fr::one();
    ASSERT_TRUE(r1cs::solve_stage2(shape, palette, values));
    EXPECT_EQ(r1cs::first_violated(shape, palette, values), std::nullopt) << shape.name;
    for (std::size_t i = 0; i < shape.stage2.size(); ++i) EXPECT_TRUE(values[shape.stage2_index(i)].is_zero());
  }
}

// Every row satisfied, all terms of rows and verifier adding up to zero.
void expect_complete(const Execution& execution) {
  const auto palette = row_types().palette.values(some_challenges());
  Fr sum;
  for (const SampleRow& row : execution.rows) {
    const r1cs::Template& shape = row_types()[row.type];
    r1cs::RowValues values = row.values;
    ASSERT_TRUE(r1cs::solve_stage2(shape, palette, values));
    const auto violated = r1cs::first_violated(shape, palette, values);
    ASSERT_EQ(violated, std::nullopt) << r1cs::explain(shape, palette, values, *violated);
    for (std::size_t i = 0; i < shape.stage2.size(); ++i) sum += values[shape.stage2_index(i)];
  }
  const auto verifier = verifier_sum(*execution.program, execution.lists, execution.boundary, some_challenges());
  ASSERT_TRUE(verifier);
  EXPECT_TRUE((sum + *verifier).is_zero()) << "the bus does not balance";
}

TEST(RowTypes, RandomProgramsAreComplete) {
  std::map<RowType, std::uint64_t> seen;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    vm::testing::Random random(seed);
    std::vector<std::uint32_t> text;
    for (int i = 0; i < 3; ++i) vm::testing::append_random_program(random, text);
    text.push_back(vm::testing::kUnimp);
    const auto execution = execute(vm::testing::make_program(text), vm::testing::make_input(), UINT64_MAX);
    ASSERT_EQ(execution->status, vm::Status::kHalted);
    ASSERT_NO_FATAL_FAILURE(expect_complete(*execution));
    for (const SampleRow& row : execution->rows) ++seen[row.type];
  }
  // All but system calls and refreshes.
  EXPECT_EQ(seen.size(), vm::kRowTypeCount - 3);
}

TEST(RowTypes, GuestsAreComplete) {
  const auto program = [](std::string_view guest) {
    return *vm::Program::load(vm::testing::read_source_file("vm/guest/prebuilt/" + std::string(guest) + ".elf"));
  };
  // Input, output, log; a part of an execution, which ends in the middle.
  ASSERT_NO_FATAL_FAILURE(
      expect_complete(*execute(program("wordcount"), vm::testing::make_input("two words\nmore\n"), UINT64_MAX)));
  ASSERT_NO_FATAL_FAILURE(expect_complete(*execute(program("sha256"), vm::testing::make_input("abc"), UINT64_MAX)));
  ASSERT_NO_FATAL_FAILURE(expect_complete(*execute(program("fibonacci"), vm::testing::make_input("9"), 3000)));
}

TEST(RowTypes, LongRestsAreComplete) {
  using namespace vm::testing;
  // x6 rests for 40,000 rows of a loop: two refreshes and more.
  const auto execution = execute(
      make_program({addi(t1, zero, 77), lui(t0, 5), addi(t0, t0, -1), bne(t0, zero, -4), addi(a0, t1, 0), kUnimp}),
      make_input(), UINT64_MAX);
  std::size_t refreshes = 0;
  for (const SampleRow& row : execution->rows) refreshes += row.type == RowType::kRefresh ? 1 : 0;
  EXPECT_GE(refreshes, 1U);
  expect_complete(*execution);
}

TEST(RowTypes, ExtremeOperandsAreComplete) {
  using namespace vm::testing;
  // Every instruction over registers, with operands at the ends of their ranges: rs1·factor of a shift, which has 64
  // bits without a sign, among others.
  const std::vector<std::uint32_t> load = {addi(t0, zero, 0), addi(t0, zero, 1), addi(t0, zero, -1), lui(t0, 0x80000),
                                           addi(t0, zero, 31)};
  std::vector<std::uint32_t> text;
  for (const std::uint32_t a : load) {
    for (const std::uint32_t b : load) {
      text.insert(text.end(), {a, addi(t1, t0, 0), b});
      for (std::uint32_t funct3 = 0; funct3 < 8; ++funct3) text.push_back(r_type(0, funct3, t2, t1, t0));
      for (const std::uint32_t funct3 : {0U, 5U}) text.push_back(r_type(0x20, funct3, t2, t1, t0));
      for (const std::uint32_t funct3 : {0U, 1U, 4U, 5U, 6U, 7U}) text.push_back(b_type(funct3, t1, t0, 4));
    }
    for (const std::int32_t immediate : {0, 1, 31, -1, 2047, -2048}) {
      for (const std::uint32_t funct3 : {0U, 2U, 3U, 4U, 6U, 7U}) {
        text.push_back(i_type(0x13, funct3, t2, t1, immediate));
      }
    }
    for (const std::int32_t amount : {0, 1, 31}) {
      for (const auto& [funct3, upper] : {std::pair{1U, 0}, {5U, 0}, {5U, 0x400}}) {
        text.push_back(i_type(0x13, funct3, t2, t1, upper + amount));
      }
    }
  }
  text.push_back(kUnimp);
  expect_complete(*execute(make_program(text), make_input(), UINT64_MAX));
}

// A writer that keeps what is constrained last: of a combination that nobody looks at, a compiler drops the overflow
// together with the value.
struct Nothing {
  void store(r1cs::Width, std::int64_t) {}
  template <class Value>
  void term(Tag, Value, std::initializer_list<Value>) {}
};
struct KeepingWriter : r1cs::WitnessWriter<PathRow, Nothing> {
  using WitnessWriter::WitnessWriter;
  void constrain(std::string_view, Value a, Value b, Value c) { kept = {a, b, c}; }
  std::array<Value, 3> kept{};
};

TEST(RowTypes, AShiftsProductMayTakeAll64Bits) {
  // srl and sra by 0 are products with 2^32.
  for (const std::uint32_t value : {0x7fffffffU, 0x80000000U, 0xffffffffU}) {
    const vm::ProgramEntry entry{
        .pc = 0, .type = RowType::kShiftR, .rd = 1, .rs1 = 2, .rs2 = 3, .target = 4, .f1 = 1, .f2 = 1};
    vm::Row row{};
    row.rs1_value = value;
    row.result = value;
    Nothing nothing;
    const PathRow context{entry, row, 1};
    KeepingWriter writer(context, nothing);
    describe_shift_r(writer);
    const auto [a, factor, product] = writer.kept;
    EXPECT_EQ(a.value(), value);
    EXPECT_EQ(factor.value(), kTwo32);
    EXPECT_EQ(static_cast<std::uint64_t>(product.value()), std::uint64_t{value} << 32);
  }
}

TEST(RowTypes, OneCycleIsComplete) {
  using namespace vm::testing;
  expect_complete(*execute(make_program({addi(a0, zero, 1), kUnimp}), make_input(), UINT64_MAX));
}

}  // namespace
}  // namespace magnetar::zkvm
