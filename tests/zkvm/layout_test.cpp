#include "engine/zkvm/layout.h"

#include <gtest/gtest.h>

#include "assembler.h"
#include "engine/r1cs/products.h"
#include "random_program.h"
#include "row_values.h"

namespace magnetar::zkvm {
namespace {

using namespace testing;
using vm::RowType;

std::shared_ptr<const vm::Program> random_program(std::uint64_t seed, int parts) {
  vm::testing::Random random(seed);
  std::vector<std::uint32_t> text;
  for (int i = 0; i < parts; ++i) vm::testing::append_random_program(random, text);
  text.push_back(vm::testing::kUnimp);
  return vm::testing::make_program(text);
}

// All rows of a trace, laid into steps.
std::vector<StepRows> place(const std::shared_ptr<const vm::Program>& program, const Quotas& quotas, std::size_t window,
                            std::size_t piece) {
  vm::Machine machine(program, vm::testing::make_input());
  vm::Trace trace(piece);
  Placement placement(quotas, window);
  std::vector<StepRows> steps;
  bool more = true;
  while (more) {
    machine.trace(UINT64_MAX, trace);
    placement.add(*program, trace);
    more = machine.status() == vm::Status::kRunning;
    while (auto step = placement.take(!more)) steps.push_back(*std::move(step));
  }
  EXPECT_EQ(placement.waiting(), 0U);
  return steps;
}

PerType count(const std::shared_ptr<const vm::Program>& program) {
  PerType counts{};
  vm::Machine machine(program, vm::testing::make_input());
  vm::Trace trace(1 << 12);
  while (machine.status() == vm::Status::kRunning) {
    machine.trace(UINT64_MAX, trace);
    add_counts(counts, *program, trace);
  }
  return counts;
}

TEST(Quotas, FitAndLeaveLittleOver) {
  PerType counts{};
  counts[static_cast<std::size_t>(RowType::kAddI)] = 1'000'000;
  counts[static_cast<std::size_t>(RowType::kLoadWord)] = 300'000;
  counts[static_cast<std::size_t>(RowType::kIn)] = 1;
  for (unsigned log_size = kMinLogSize; log_size <= kMaxLogSize; ++log_size) {
    const Quotas quotas = fit_quotas(row_types(), counts, log_size);
    EXPECT_TRUE(fits(row_types(), quotas, log_size));
    EXPECT_EQ(quotas[static_cast<std::size_t>(RowType::kIn)], 1U);
    EXPECT_EQ(quotas[static_cast<std::size_t>(RowType::kOut)], 0U);
    const Extent all = extent(row_types(), quotas);
    EXPECT_GT(std::max({all.constraints, all.stage1, all.stage2}), (std::size_t{1} << log_size) * 9 / 10);
    // A share more of every row would not fit.
    Quotas more = quotas;
    for (std::uint32_t& quota : more) quota += quota / 10;
    EXPECT_FALSE(fits(row_types(), more, log_size));
  }
}

TEST(Quotas, ASmallExecutionIsOneStep) {
  PerType counts{};
  counts[0] = 5;
  EXPECT_EQ(fit_quotas(row_types(), counts, kMinLogSize)[0], 5U);
  EXPECT_EQ(fit_quotas(row_types(), PerType{}, kMinLogSize), Quotas{});
}

TEST(Quotas, ProfilesHaveARowOfEveryType) {
  for (const Profile profile : {Profile::kGeneral, Profile::kMemory, Profile::kHash}) {
    for (unsigned log_size = kMinLogSize; log_size <= kMaxLogSize; ++log_size) {
      const Quotas quotas = profile_quotas(row_types(), profile, log_size);
      EXPECT_TRUE(fits(row_types(), quotas, log_size));
      for (const std::uint32_t quota : quotas) EXPECT_GE(quota, 1U);
    }
  }
}

TEST(Placement, EveryRowIsInOneStepWithinTheQuotas) {
  const auto program = random_program(7, 40);
  const PerType counts = count(program);
  // Quotas around the numbers of rows that there are: one less, the same, one more.
  for (const int by : {-1, 0, 1}) {
    Quotas quotas{};
    for (std::size_t i = 0; i < quotas.size(); ++i) {
      if (counts[i] != 0)
        quotas[i] = static_cast<std::uint32_t>(std::max<std::int64_t>(1, static_cast<std::int64_t>(counts[i]) + by));
    }
    const auto steps = place(program, quotas, 1 << 20, 100);
    EXPECT_EQ(steps.size(), by < 0 ? 2U : 1U);
    PerType placed{};
    std::vector<bool> clocks;
    for (const StepRows& step : steps) {
      for (std::size_t i = 0; i < quotas.size(); ++i) {
        EXPECT_LE(step.size(static_cast<RowType>(i)), quotas[i]);
        placed[i] += step.size(static_cast<RowType>(i));
        for (const PlacedRow& row : step.path[i]) {
          clocks.resize(std::max<std::size_t>(clocks.size(), row.clock + 1));
          EXPECT_FALSE(clocks[row.clock]);
          clocks[row.clock] = true;
        }
      }
    }
    EXPECT_EQ(placed, counts);
  }
}

TEST(Placement, DoesNotDependOnThePiecesOfTheTraceAndHoldsItsWindow) {
  const auto program = random_program(8, 40);
  Quotas quotas{};
  for (std::size_t i = 0; i < quotas.size(); ++i) quotas[i] = 30;
  const auto whole = place(program, quotas, 1 << 20, 1);
  // A type that never occurs keeps every step from being full; a small window lets them out all the same.
  EXPECT_EQ(quotas[static_cast<std::size_t>(RowType::kOut)], 30U);
  const auto narrow = place(program, quotas, 200, 1);
  EXPECT_GE(narrow.size(), whole.size());
  const auto again = place(program, quotas, 200, 1);
  ASSERT_EQ(again.size(), narrow.size());
  for (std::size_t s = 0; s < again.size(); ++s) {
    for (std::size_t i = 0; i < quotas.size(); ++i) ASSERT_EQ(again[s].path[i].size(), narrow[s].path[i].size());
  }
}

TEST(FoldStep, SolvedInBulkIsSolvedRowByRowAndTheBusBalances) {
  const auto program = random_program(9, 40);
  const PerType counts = count(program);
  Quotas quotas{};
  for (std::size_t i = 0; i < quotas.size(); ++i)
    quotas[i] = static_cast<std::uint32_t>((counts[i] + 1) / 2 + (counts[i] != 0 ? 3 : 0));
  const auto palette = row_types().palette.values(some_challenges());
  Fr sum;
  for (const StepRows& rows : place(program, quotas, 1 << 20, 64)) {
    const StepColumns step(row_types(), quotas, *program, rows);
    for (std::size_t t = 0; t < quotas.size(); ++t) {
      const r1cs::Columns* columns = step[static_cast<RowType>(t)];
      ASSERT_EQ(columns == nullptr, quotas[t] == 0);
      if (columns == nullptr) continue;
      const r1cs::Template& shape = row_types().templates[t];
      const r1cs::FilledTemplate filled(shape, row_types().palette, some_challenges());
      std::vector<Fr> stage2(quotas[t] * filled.stage2());
      std::vector<Fr> a(quotas[t] * filled.constraints()), b(a.size()), c(a.size());
      // In two ranges, as two threads would.
      const std::size_t middle = columns->rows() / 2;
      ASSERT_TRUE(filled.solve(*columns, 0, middle, stage2, a, b, c));
      ASSERT_TRUE(filled.solve(*columns, middle, columns->rows(), stage2, a, b, c));
      for (std::size_t row = 0; row < columns->rows(); ++row) {
        r1cs::RowValues values = r1cs::gather(shape, *columns, row);
        ASSERT_TRUE(r1cs::solve_stage2(shape, palette, values));
        ASSERT_EQ(r1cs::first_violated(shape, palette, values), std::nullopt);
        for (std::size_t j = 0; j < shape.stage2.size(); ++j) {
          ASSERT_EQ(stage2[row * shape.stage2.size() + j], values[shape.stage2_index(j)]);
          sum += stage2[row * shape.stage2.size() + j];
        }
        for (std::size_t k = 0; k < shape.constraints.size(); ++k) {
          const std::size_t at = row * shape.constraints.size() + k;
          ASSERT_EQ(a[at], r1cs::evaluate(shape.constraints[k].a, palette, values)) << shape.constraints[k].name;
          ASSERT_EQ(b[at], r1cs::evaluate(shape.constraints[k].b, palette, values)) << shape.constraints[k].name;
          ASSERT_EQ(c[at], r1cs::evaluate(shape.constraints[k].c, palette, values)) << shape.constraints[k].name;
        }
      }
    }
  }
  const auto execution = execute(program, vm::testing::make_input(), UINT64_MAX);
  const auto verifier = verifier_sum(*program, execution->lists, execution->boundary, some_challenges());
  ASSERT_TRUE(verifier);
  EXPECT_TRUE((sum + *verifier).is_zero());
}

TEST(FoldStep, ADenominatorOfZeroIsReported) {
  // γ equal to the fingerprint of the first STATE tuple of an empty row: (pc 0, clock 0).
  auto challenges = some_challenges();
  challenges.gamma = Fr::from_u64(static_cast<std::uint64_t>(Tag::kState)) * challenges.beta.pow(15);
  const r1cs::Template& shape = row_types()[RowType::kAddI];
  const r1cs::FilledTemplate filled(shape, row_types().palette, challenges);
  const r1cs::Columns columns(shape, 1);
  std::vector<Fr> stage2(filled.stage2()), a(filled.constraints()), b(a.size()), c(a.size());
  EXPECT_FALSE(filled.solve(columns, 0, 1, stage2, a, b, c));
}

}  // namespace
}  // namespace magnetar::zkvm
