#include "kernels/window_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "engine/algebra/field.h"

namespace magnetar::kernels {
namespace {

using algebra::Fr;
using algebra::U256;

constexpr std::size_t kSizes[] = {0, 1, 2, 7, 100, 1000, 7000, 1 << 16, 1 << 18, 1 << 20};
constexpr std::size_t kTables[] = {0, 1, 2, 5, 13, 40, 254};

struct Window {
  std::uint32_t position, width;
};

std::vector<Window> windows_of(const WindowPlan& plan) {
  std::vector<Window> windows;
  for (std::uint32_t table = 0; table < plan.tables; ++table) {
    for (std::uint32_t piece = 0; piece < plan.pieces; ++piece) {
      const std::uint32_t position = table * plan.stride + plan.begin[piece];
      const std::uint32_t end = std::min(table * plan.stride + plan.begin[piece + 1], WindowPlan::kMaxBits);
      if (position < WindowPlan::kMaxBits) windows.push_back({position, end - position});
    }
  }
  return windows;
}

/// The plans of all sizes and tables above.
void for_each_plan(auto visit) {
  for (const std::size_t size : kSizes) {
    for (const std::size_t most : kTables) {
      const TablePlan tables = plan_tables(size, most);
      EXPECT_LE(tables.tables, std::max<std::size_t>(most, 1));
      EXPECT_GE(tables.tables * tables.stride, WindowPlan::kMaxBits);
      visit(size, tables);
    }
  }
}

TEST(WindowPlan, WindowsCoverAllBitsOnceAndFitTheirBuckets) {
  for_each_plan([](std::size_t size, const TablePlan& tables) {
    const WindowPlan plan = plan_windows(size, tables);
    std::uint32_t covered = 0;
    for (const Window& window : windows_of(plan)) {
      EXPECT_EQ(window.position, covered);
      EXPECT_GE(window.width, 1U);
      EXPECT_LE(window.width, WindowPlan::kMaxWidth);
      EXPECT_LE(window.width, plan.bucket_bits + 1);
      covered += window.width;
    }
    EXPECT_EQ(covered, WindowPlan::kMaxBits);
  });
}

TEST(WindowPlan, SignedDigitsGiveTheScalarAgain) {
  std::mt19937_64 generator(1);
  for_each_plan([&](std::size_t size, const TablePlan& tables) {
    const WindowPlan plan = plan_windows(size, tables);
    U256 offset;
    for (std::size_t i = 0; i < 8; ++i) offset.limbs[i / 2] |= std::uint64_t{plan.offset[i]} << (32 * (i % 2));
    const U256 half = Fr::kModulus.shifted_right(1);
    U256 scalars[] = {U256{}, U256::from_u64(1), half, Fr::random(generator).to_canonical()};
    if (scalars[3] > half) scalars[3] = subtract(Fr::kModulus, scalars[3]);
    for (const U256& scalar : scalars) {
      const U256 shifted = add(scalar, offset);
      Fr sum;
      for (const Window& window : windows_of(plan)) {
        const auto least = (std::int64_t{1} << (window.width - 1)) - 1;
        const auto digit = static_cast<std::int64_t>(shifted.bits(window.position, window.width)) - least;
        EXPECT_GE(digit, -least);
        EXPECT_LE(digit, std::int64_t{1} << plan.bucket_bits);
        sum += Fr::from_i64(digit) * Fr::from_u64(2).pow(std::uint64_t{window.position});
      }
      EXPECT_EQ(sum.to_canonical(), scalar);
    }
  });
}

TEST(WindowPlan, LimitsHoldForEverySmallerSize) {
  for_each_plan([](std::size_t size, const TablePlan& tables) {
    const PlanLimits limits = plan_limits(size, tables);
    for (std::size_t count = 0; count <= size; count += std::max<std::size_t>(1, size / 97)) {
      const WindowPlan plan = plan_windows(count, tables);
      EXPECT_LE(count * windows_of(plan).size(), limits.entries);
      EXPECT_LE(plan.buckets(), limits.buckets);
      EXPECT_LE(plan.pieces, limits.pieces);
    }
  });
}

}  // namespace
}  // namespace magnetar::kernels
