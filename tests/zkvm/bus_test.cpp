// Attacks on the bus from outside the rows: statements that do not fit, rows left out, repeated, or exchanged.

#include <gtest/gtest.h>

#include <algorithm>

#include "assembler.h"
#include "engine/zkvm/lists.h"
#include "row_values.h"

namespace magnetar::zkvm {
namespace {

using namespace testing;
using vm::RowType;

// Reads a byte, stores and loads, writes a byte.
std::unique_ptr<Execution> some_execution() {
  using namespace vm::testing;
  return execute(make_program({addi(s2, zero, 2), kEcallWord, sw(a0, zero, 0x400), addi(a0, a0, 1), sb(a0, zero, 0x401),
                               lw(t0, zero, 0x400), addi(s2, zero, 3), addi(a1, zero, 0x400), addi(a2, zero, 2),
                               kEcallWord, kUnimp}),
                 make_input("xyz"), UINT64_MAX);
}

Fr row_sum(const std::vector<SampleRow>& rows) {
  const auto palette = row_types().palette.values(some_challenges());
  Fr sum;
  for (const SampleRow& row : rows) {
    const r1cs::Template& shape = row_types()[row.type];
    r1cs::RowValues values = row.values;
    EXPECT_TRUE(r1cs::solve_stage2(shape, palette, values));
    for (std::size_t i = 0; i < shape.stage2.size(); ++i) sum += values[shape.stage2_index(i)];
  }
  return sum;
}

bool balances(const Execution& e) {
  const auto verifier = verifier_sum(*e.program, e.lists, e.boundary, some_challenges());
  return verifier && (row_sum(e.rows) + *verifier).is_zero();
}

TEST(Bus, Balances) {
  EXPECT_TRUE(balances(*some_execution()));
}

TEST(Bus, EveryRowCounts) {
  const auto e = some_execution();
  const Fr verifier = *verifier_sum(*e->program, e->lists, e->boundary, some_challenges());
  const Fr all = row_sum(e->rows);
  for (const SampleRow& row : e->rows) {
    const Fr one = row_sum({row});
    EXPECT_FALSE((all - one + verifier).is_zero()) << "left out";
    EXPECT_FALSE((all + one + verifier).is_zero()) << "repeated";
  }
}

TEST(Bus, RowsMayComeInAnyOrder) {
  const auto e = some_execution();
  std::reverse(e->rows.begin(), e->rows.end());
  EXPECT_TRUE(balances(*e));
}

TEST(Bus, EveryNumberOfTheListsCounts) {
  const auto e = some_execution();
  const Lists good = e->lists;
  const auto expect_refused = [&](const char* what) {
    EXPECT_FALSE(balances(*e)) << what;
    e->lists = good;
  };
  for (std::size_t op = 0; op < good.program.size(); ++op) {
    if (!e->program->entry_of(static_cast<std::uint32_t>(op))) continue;
    ++e->lists.program[op];
    expect_refused("program entry");
  }
  for (std::size_t t = 0; t < kTables.size(); ++t) {
    const std::size_t stride = good.tables[t].size() / 64 + 1;
    for (std::size_t i = 0; i < good.tables[t].size(); i += stride) {
      ++e->lists.tables[t][i];
      expect_refused("table entry");
    }
  }
  for (std::size_t i = 0; i < good.touched.size(); ++i) {
    ++e->lists.touched[i].first_value;
    expect_refused("first value");
    ++e->lists.touched[i].last_value;
    expect_refused("last value");
    ++e->lists.touched[i].last_time;
    expect_refused("last time");
    e->lists.touched.erase(e->lists.touched.begin() + static_cast<std::ptrdiff_t>(i));
    expect_refused("address left out");
    e->lists.touched.push_back(good.touched[i]);
    expect_refused("address twice");
  }
}

TEST(Bus, EveryNumberOfTheBoundaryCounts) {
  const auto e = some_execution();
  const Boundary good = e->boundary;
  const auto expect_refused = [&](const char* what) {
    EXPECT_FALSE(balances(*e)) << what;
    e->boundary = good;
  };
  ASSERT_EQ(good.input.size(), 1U);
  ASSERT_EQ(good.output.size(), 2U);
  const auto other = vm::testing::bytes_of("y?");
  for (const int by : {-4, -2, -1, 1, 2, 4}) {
    e->boundary.end_pc += static_cast<std::uint64_t>(by);
    expect_refused("end pc");
    e->boundary.start_pc += static_cast<std::uint64_t>(by);
    expect_refused("start pc");
    e->boundary.cycles += static_cast<std::uint64_t>(by);
    expect_refused("cycles");
  }
  e->boundary.input = std::span(other).first(1);
  expect_refused("another input byte");
  e->boundary.input = {};
  expect_refused("less input");
  e->boundary.input = std::span(*e->input).first(2);
  expect_refused("more input");
  e->boundary.input_start = 1;
  expect_refused("input from elsewhere");
  e->boundary.output = other;
  expect_refused("another output");
  e->boundary.output = good.output.first(1);
  expect_refused("less output");
  e->boundary.output_start = 1;
  expect_refused("output elsewhere");
}

TEST(Bus, AStaleReadIsRefused) {
  // The LW reads the word as it was before the SB, at the time of the SW: a satisfied row, but two rows take the same
  // tuple off the bus.
  const auto e = some_execution();
  const auto load =
      std::find_if(e->rows.begin(), e->rows.end(), [](const SampleRow& r) { return r.type == RowType::kLoadWord; });
  const r1cs::Template& shape = row_types()[RowType::kLoadWord];
  const auto variable = [&](std::string_view name) -> Fr& {
    for (std::size_t i = 0; i < shape.stage1.size(); ++i) {
      if (shape.stage1[i].name == name) return load->values[shape.stage1_index(i)];
    }
    throw std::out_of_range(std::string(name));
  };
  const std::optional<std::int64_t> word = as_integer(variable("word"));
  variable("word") = Fr::from_i64(*word & 0xff);  // before the SB
  variable("memory/gap") += Fr::from_u64(8);      // two rows earlier
  const auto palette = row_types().palette.values(some_challenges());
  r1cs::RowValues values = load->values;
  ASSERT_TRUE(r1cs::solve_stage2(shape, palette, values));
  EXPECT_EQ(r1cs::first_violated(shape, palette, values), std::nullopt);
  EXPECT_FALSE(balances(*e));
}

TEST(Bus, AMultiplicityOfAWordWithoutEntryIsRefused) {
  const auto e = some_execution();
  e->lists.program.back() = 1;  // stands for a pc outside text
  EXPECT_EQ(verifier_sum(*e->program, e->lists, e->boundary, some_challenges()), std::nullopt);
}

TEST(Bus, ADenominatorOfZeroIsRefused) {
  const auto e = some_execution();
  auto challenges = some_challenges();
  // γ made equal to the fingerprint of RANGE16's entry 5, were it looked up.
  challenges.gamma =
      Fr::from_u64(static_cast<std::uint64_t>(Tag::kRange16)) * challenges.beta.pow(15) + Fr::from_u64(5);
  e->lists.multiplicities(Tag::kRange16)[5] = 1;
  EXPECT_EQ(verifier_sum(*e->program, e->lists, e->boundary, challenges), std::nullopt);
}

TEST(Tables, IndicesAndEntriesAgree) {
  for (const Tag table : kTables) {
    for (std::size_t i = 0; i < table_size(table); ++i) {
      const Tuple entry = table_entry(table, i);
      ASSERT_EQ(table_index(entry), i);
      for (std::size_t e = 0; e < 4; ++e) {
        Tuple other = entry;
        other.elements[e] += 1 << 17;
        ASSERT_EQ(table_index(other), std::nullopt);
      }
    }
  }
  EXPECT_EQ(table_index({Tag::kAnd8, {12, 10, 8}}), 12U << 8 | 10U);
  EXPECT_EQ(table_index({Tag::kAnd8, {12, 10, 9}}), std::nullopt);
  EXPECT_EQ(table_index({Tag::kAlign, {1, 1, 0, 1 << 16}}), std::nullopt);
  EXPECT_EQ(table_index({Tag::kAlign, {1, 1, 1, 1 << 16}}), 5U);
  EXPECT_EQ(table_index({Tag::kRange16, {1 << 16}}), std::nullopt);
  EXPECT_EQ(table_index({Tag::kRange16, {-1}}), std::nullopt);
  EXPECT_EQ(table_index({Tag::kShiftPow, {32, 1, std::int64_t{1} << 32}}), 32U);
}

}  // namespace
}  // namespace magnetar::zkvm
