#include "engine/algebra/batch_addition.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace magnetar::algebra {
namespace {

template <class C>
class BatchAdditionTest : public testing::Test {
 public:
  using Affine = AffinePoint<C>;

  static std::vector<Affine> random_points(std::size_t count, std::mt19937_64& generator) {
    std::vector<Point<C>> points;
    Point<C> point = Point<C>(Affine::generator()) * C::ScalarField::random(generator);
    for (std::size_t i = 0; i < count; ++i) {
      points.push_back(point);
      point = point.doubled() + Affine::generator();
    }
    std::vector<Affine> affine(count);
    Point<C>::batch_to_affine(points, affine);
    return affine;
  }

  /// Adds pairs of `table` by every instruction set and compares with the complete law.
  static void check(const std::vector<Affine>& table, const std::vector<PointReference>& left,
                    const std::vector<PointReference>& right, bool may_be_infinite) {
    for (const auto set : {InstructionSet::kPortable, InstructionSet::kAdx, InstructionSet::kIfma}) {
      if (!is_supported(set)) continue;
      std::vector<PackedPoint> packed;
      for (const Affine& point : table) packed.push_back(BatchAddition<C>::pack(point, set));
      std::vector<PackedPoint> sums(left.size());
      BatchAddition<C> addition(set);
      bool infinite = may_be_infinite;
      addition.add(packed.data(), left, right, sums.data(), infinite);
      const auto operand = [&](PointReference reference) {
        const Affine point = table[reference.index()];
        EXPECT_EQ(BatchAddition<C>::unpack(addition.resolve(packed.data(), reference), set),
                  reference.negative() ? -point : point);
        return reference.negative() ? -point : point;
      };
      for (std::size_t i = 0; i < left.size(); ++i) {
        const Affine expected = (Point<C>(operand(left[i])) + operand(right[i])).to_affine();
        ASSERT_EQ(BatchAddition<C>::unpack(sums[i], set), expected) << name(set) << ", pair " << i;
        if (expected.is_infinity()) {
          EXPECT_TRUE(infinite);
        }
      }
      if (!may_be_infinite && infinite) {
        EXPECT_TRUE(std::ranges::any_of(
            sums, [&](const PackedPoint& sum) { return BatchAddition<C>::unpack(sum, set).is_infinity(); }));
      }
    }
  }
};

using Curves = testing::Types<Bn254, Grumpkin>;

class CurveNames {
 public:
  template <class C>
  static std::string GetName(int) {
    return std::string(C::kName);
  }
};

TYPED_TEST_SUITE(BatchAdditionTest, Curves, CurveNames);

TYPED_TEST(BatchAdditionTest, EveryCountOfDistinctPairs) {
  std::mt19937_64 generator(1);
  const auto table = TestFixture::random_points(5000, generator);
  std::vector<std::size_t> counts{1023, 1024, 1025, 1040, 2500};
  for (std::size_t count = 0; count <= 50; ++count) counts.push_back(count);
  for (const std::size_t count : counts) {
    std::vector<PointReference> left;
    std::vector<PointReference> right;
    for (std::size_t i = 0; i < count; ++i) {
      left.emplace_back(static_cast<std::uint32_t>(2 * i), generator() % 2 == 0);
      right.emplace_back(static_cast<std::uint32_t>(2 * i + 1), generator() % 2 == 0);
    }
    TestFixture::check(table, left, right, false);
  }
}

TYPED_TEST(BatchAdditionTest, EqualOppositeAndInfinitePoints) {
  std::mt19937_64 generator(2);
  auto table = TestFixture::random_points(40, generator);
  for (int i = 0; i < 3; ++i) {
    std::vector<PointReference> left;
    std::vector<PointReference> right;
    for (std::size_t pair = 0; pair < 700; ++pair) {
      left.emplace_back(static_cast<std::uint32_t>(generator() % table.size()), generator() % 2 == 0);
      right.emplace_back(static_cast<std::uint32_t>(generator() % table.size()), generator() % 2 == 0);
    }
    TestFixture::check(table, left, right, i != 0);
    if (i != 0) table[static_cast<std::size_t>(i)] = AffinePoint<TypeParam>::infinity();
  }
}

/// One pair of equal points, or of opposite ones, in each place of a batch.
TYPED_TEST(BatchAdditionTest, ASingleExceptionAnywhere) {
  std::mt19937_64 generator(3);
  const auto table = TestFixture::random_points(80, generator);
  for (std::uint32_t place = 0; place < 40; ++place) {
    for (const bool opposite : {false, true}) {
      std::vector<PointReference> left;
      std::vector<PointReference> right;
      for (std::uint32_t i = 0; i < 40; ++i) {
        left.emplace_back(2 * i, false);
        right.emplace_back(i == place ? 2 * i : 2 * i + 1, i == place && opposite);
      }
      TestFixture::check(table, left, right, false);
    }
  }
}

/// Sums of sums, so that operands are in every form that the vectors produce.
TYPED_TEST(BatchAdditionTest, ResultsServeAsOperands) {
  using C = TypeParam;
  std::mt19937_64 generator(4);
  constexpr std::size_t kCount = 4096;
  const auto points = TestFixture::random_points(kCount, generator);
  for (const auto set : {InstructionSet::kPortable, InstructionSet::kAdx, InstructionSet::kIfma}) {
    if (!is_supported(set)) continue;
    std::vector<PackedPoint> table;
    for (const auto& point : points) table.push_back(BatchAddition<C>::pack(point, set));
    Point<C> expected;
    BatchAddition<C> addition(set);
    std::vector<bool> signs;
    for (std::size_t i = 0; i < kCount; ++i) signs.push_back(generator() % 2 == 0);
    for (std::size_t i = 0; i < kCount; ++i) expected += signs[i] ? -points[i] : points[i];
    for (std::size_t count = kCount / 2; count >= 1; count /= 2) {
      std::vector<PointReference> left;
      std::vector<PointReference> right;
      for (std::uint32_t i = 0; i < count; ++i) {
        left.emplace_back(2 * i, count == kCount / 2 && signs[2 * i]);
        right.emplace_back(2 * i + 1, count == kCount / 2 && signs[2 * i + 1]);
      }
      std::vector<PackedPoint> sums(count);
      bool infinite = false;
      addition.add(table.data(), left, right, sums.data(), infinite);
      EXPECT_FALSE(infinite);
      table = sums;
    }
    EXPECT_EQ(BatchAddition<C>::unpack(table[0], set), expected.to_affine()) << name(set);
  }
}

}  // namespace
}  // namespace magnetar::algebra
