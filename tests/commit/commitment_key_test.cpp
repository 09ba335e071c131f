#include "engine/commit/commitment_key.h"

#include <gtest/gtest.h>
#include <tbb/global_control.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace magnetar::commit {
namespace {

using algebra::AffinePoint;
using algebra::InstructionSet;
using algebra::Point;

template <class C>
class CommitmentKeyTest : public testing::Test {
 public:
  using Affine = AffinePoint<C>;
  using Scalar = typename C::ScalarField;

  ~CommitmentKeyTest() override { algebra::force_instruction_set(initial_); }

  /// Distinct points with no relation between them that the code could stumble over.
  static std::vector<Affine> random_points(std::size_t count, std::mt19937_64& generator) {
    std::vector<Point<C>> points;
    Point<C> point = Point<C>(Affine::generator()) * Scalar::random(generator);
    const Affine step = (Point<C>(Affine::generator()) * Scalar::random(generator)).to_affine();
    for (std::size_t i = 0; i < count; ++i) {
      points.push_back(point);
      point = point.doubled() + step;
    }
    std::vector<Affine> affine(count);
    Point<C>::batch_to_affine(points, affine);
    return affine;
  }

  static std::vector<Scalar> random_scalars(std::size_t count, std::mt19937_64& generator) {
    std::vector<Scalar> scalars(count);
    for (Scalar& scalar : scalars) scalar = Scalar::random(generator);
    return scalars;
  }

  /// A vector as a witness is: 60 % bits and zeros, 35 % up to 32 bits, 5 % full; some negative.
  static std::vector<Scalar> witness(std::size_t count, std::mt19937_64& generator) {
    std::vector<Scalar> scalars(count);
    for (Scalar& scalar : scalars) {
      const std::uint64_t kind = generator() % 100;
      scalar = kind < 60   ? Scalar::from_u64(generator() % 2)
               : kind < 95 ? Scalar::from_u64(generator() >> (32 + generator() % 32))
                           : Scalar::random(generator);
      if (generator() % 8 == 0) scalar = -scalar;
    }
    return scalars;
  }

  static Affine naive(const std::vector<Affine>& points, const std::vector<Scalar>& scalars, std::size_t offset = 0) {
    Point<C> sum;
    for (std::size_t i = 0; i < scalars.size(); ++i) sum += Point<C>(points[offset + i]) * scalars[i];
    return sum.to_affine();
  }

  static std::vector<InstructionSet> supported_sets() {
    std::vector<InstructionSet> sets;
    for (const auto set : {InstructionSet::kPortable, InstructionSet::kAdx, InstructionSet::kIfma}) {
      if (algebra::is_supported(set)) sets.push_back(set);
    }
    return sets;
  }

  /// The commitment by every instruction set, with and without tables, on one and two threads: all must be `expected`.
  static void expect_commitment(const std::vector<Affine>& points, const std::vector<Scalar>& scalars,
                                const Affine& expected) {
    for (const InstructionSet set : supported_sets()) {
      algebra::force_instruction_set(set);
      for (const std::size_t tables : {1U, 2U, 5U, 16U}) {
        const CommitmentKey<C> key(points, tables * points.size() * 64);
        for (const int threads : {1, 2}) {
          tbb::task_arena arena(threads);
          const Affine commitment = arena.execute([&] { return key.commit(std::span<const Scalar>(scalars)); });
          ASSERT_EQ(commitment, expected) << algebra::name(set) << ", " << scalars.size() << " scalars, "
                                          << key.tables() << " tables, " << threads << " threads";
        }
      }
    }
  }

 private:
  InstructionSet initial_ = algebra::active_instruction_set();
};

using Curves = testing::Types<algebra::Bn254, algebra::Grumpkin>;

class CurveNames {
 public:
  template <class C>
  static std::string GetName(int) {
    return std::string(C::kName);
  }
};

TYPED_TEST_SUITE(CommitmentKeyTest, Curves, CurveNames);

TYPED_TEST(CommitmentKeyTest, EveryShortLengthIsTheNaiveSum) {
  std::mt19937_64 generator(1);
  const auto points = TestFixture::random_points(70, generator);
  for (std::size_t length = 0; length <= 70; ++length) {
    const std::vector prefix(points.begin(), points.begin() + static_cast<std::ptrdiff_t>(length));
    const auto scalars = TestFixture::random_scalars(length, generator);
    TestFixture::expect_commitment(prefix, scalars, TestFixture::naive(prefix, scalars));
    if (testing::Test::HasFatalFailure()) return;
  }
}

TYPED_TEST(CommitmentKeyTest, EveryShortLengthWithExceptionalPointsAndScalars) {
  using C = TypeParam;
  using F = typename C::ScalarField;
  std::mt19937_64 generator(8);
  const auto distinct = TestFixture::random_points(4, generator);
  const F half = *F::from_canonical(F::kModulus.shifted_right(1));
  for (std::size_t length = 0; length <= 70; ++length) {
    std::vector<AffinePoint<C>> points(length);
    std::vector<F> scalars(length);
    for (std::size_t i = 0; i < length; ++i) {
      // Repeated, opposite and infinite points; zero, one, the largest, those next to half the order, and any.
      points[i] = distinct[generator() % distinct.size()];
      if (generator() % 2 == 0) points[i] = -points[i];
      if (generator() % 6 == 0) points[i] = AffinePoint<C>::infinity();
      const std::vector<F> choices{F::zero(), F::one(), -F::one(), half, half + F::one(), F::random(generator)};
      scalars[i] = choices[generator() % choices.size()];
    }
    TestFixture::expect_commitment(points, scalars, TestFixture::naive(points, scalars));
    if (testing::Test::HasFatalFailure()) return;
  }
}

TYPED_TEST(CommitmentKeyTest, RandomLengthsAreTheNaiveSum) {
  std::mt19937_64 generator(2);
  const auto points = TestFixture::random_points(3000, generator);
  for (int i = 0; i < 4; ++i) {
    const std::size_t length = 71 + generator() % (points.size() - 71);
    const std::vector prefix(points.begin(), points.begin() + static_cast<std::ptrdiff_t>(length));
    const auto scalars =
        i % 2 == 0 ? TestFixture::random_scalars(length, generator) : TestFixture::witness(length, generator);
    TestFixture::expect_commitment(prefix, scalars, TestFixture::naive(prefix, scalars));
    if (testing::Test::HasFatalFailure()) return;
  }
}

TYPED_TEST(CommitmentKeyTest, RepeatedOppositeAndInfinitePoints) {
  using C = TypeParam;
  std::mt19937_64 generator(3);
  const auto distinct = TestFixture::random_points(5, generator);
  for (const std::size_t length : {9U, 40U, 300U, 1500U}) {
    std::vector<AffinePoint<C>> points(length);
    for (auto& point : points) {
      point = distinct[generator() % distinct.size()];
      if (generator() % 2 == 0) point = -point;
      if (generator() % 5 == 0) point = AffinePoint<C>::infinity();
    }
    for (int kind = 0; kind < 3; ++kind) {
      auto scalars = TestFixture::random_scalars(length, generator);
      for (auto& scalar : scalars) {
        if (kind == 1) scalar = scalars[0];
        if (kind == 2) scalar = C::ScalarField::from_u64(generator() % 3);
      }
      TestFixture::expect_commitment(points, scalars, TestFixture::naive(points, scalars));
      if (testing::Test::HasFatalFailure()) return;
    }
  }
  // All points equal, all pairs opposite, nothing but infinity.
  std::vector<AffinePoint<C>> points(200, distinct[0]);
  const std::vector<typename C::ScalarField> ones(200, C::ScalarField::one());
  TestFixture::expect_commitment(points, ones, (Point<C>(distinct[0]) * C::ScalarField::from_u64(200)).to_affine());
  for (std::size_t i = 1; i < points.size(); i += 2) points[i] = -points[i];
  TestFixture::expect_commitment(points, ones, AffinePoint<C>::infinity());
  points.assign(200, AffinePoint<C>::infinity());
  TestFixture::expect_commitment(points, ones, AffinePoint<C>::infinity());
}

TYPED_TEST(CommitmentKeyTest, ExtremeScalars) {
  using C = TypeParam;
  using F = typename C::ScalarField;
  std::mt19937_64 generator(4);
  const auto points = TestFixture::random_points(260, generator);
  std::vector<std::vector<F>> vectors{std::vector<F>(points.size()), std::vector<F>(points.size(), -F::one()),
                                      std::vector<F>(points.size(), F::one())};
  std::vector<F> edges;
  for (std::size_t bit = 0; bit < points.size(); ++bit) {
    edges.push_back(F::from_u64(2).pow(std::min<std::uint64_t>(bit, 253)));
  }
  vectors.push_back(edges);
  for (F& scalar : edges) scalar = scalar - F::one();
  vectors.push_back(edges);
  for (F& scalar : edges) scalar = -scalar;
  vectors.push_back(edges);
  const F half = *F::from_canonical(F::kModulus.shifted_right(1));  // the largest positive, and the most negative
  for (std::size_t i = 0; i < edges.size(); ++i) edges[i] = i % 2 == 0 ? half : half + F::one();
  vectors.push_back(edges);
  std::vector<F> sparse(points.size());
  sparse[17] = F::random(generator);
  vectors.push_back(sparse);
  for (const auto& scalars : vectors) {
    TestFixture::expect_commitment(points, scalars, TestFixture::naive(points, scalars));
    if (testing::Test::HasFatalFailure()) return;
  }
}

TYPED_TEST(CommitmentKeyTest, IntegersAreTheirFieldElements) {
  using C = TypeParam;
  using F = typename C::ScalarField;
  std::mt19937_64 generator(5);
  const auto points = TestFixture::random_points(700, generator);
  const CommitmentKey<C> key(points);
  const CommitmentKey<C> with_tables(points, 16 * 64 * points.size());
  const auto check = [&]<class T>(T) {
    for (const std::size_t length : {3U, 700U}) {
      std::vector<T> integers(length);
      std::vector<F> elements(length);
      for (std::size_t i = 0; i < length; ++i) {
        integers[i] = static_cast<T>(generator());
        if (i % 5 == 0) integers[i] = std::numeric_limits<T>::max();
        if (i % 7 == 0) integers[i] = std::numeric_limits<T>::min();
        if constexpr (std::is_signed_v<T>) {
          elements[i] = F::from_i64(integers[i]);
        } else {
          elements[i] = F::from_u64(integers[i]);
        }
      }
      const auto expected = TestFixture::naive(points, elements);
      EXPECT_EQ(key.commit(std::span<const T>(integers)), expected);
      EXPECT_EQ(with_tables.commit(std::span<const T>(integers)), expected);
      EXPECT_EQ(key.commit(std::span<const F>(elements)), expected);
    }
  };
  check(std::uint8_t{});
  check(std::uint16_t{});
  check(std::uint32_t{});
  check(std::uint64_t{});
  check(std::int8_t{});
  check(std::int16_t{});
  check(std::int32_t{});
  check(std::int64_t{});
}

TYPED_TEST(CommitmentKeyTest, OffsetsAndPrefixesUseTheirGenerators) {
  using C = TypeParam;
  std::mt19937_64 generator(6);
  const auto points = TestFixture::random_points(500, generator);
  for (const std::size_t bytes : {std::size_t{0}, 16 * 64 * points.size()}) {
    const CommitmentKey<C> key(points, bytes);
    EXPECT_EQ(key.size(), points.size());
    EXPECT_LE(key.memory_bytes(), std::max(bytes, 64 * points.size()));
    for (std::size_t i = 0; i < points.size(); i += 50) EXPECT_EQ(key.generator(i), points[i]);
    for (const auto& [offset, length] : {std::pair<std::size_t, std::size_t>{0, 100}, {3, 5}, {250, 250}, {500, 0}}) {
      const auto scalars = TestFixture::random_scalars(length, generator);
      EXPECT_EQ(key.commit(std::span(std::as_const(scalars)), offset), TestFixture::naive(points, scalars, offset));
    }
  }
}

/// Large enough for long buckets that several chunks share, against the linear structure instead of a naive sum.
TYPED_TEST(CommitmentKeyTest, LargeVectorsAgreeWithTheDiscreteLogarithms) {
  using C = TypeParam;
  using F = typename C::ScalarField;
  std::mt19937_64 generator(7);
  constexpr std::size_t kCount = 30'000;
  // points[i] = (a + i·b)·G.
  const F a = F::random(generator);
  const F b = F::random(generator);
  const Point<C> base(AffinePoint<C>::generator());
  const auto step = (base * b).to_affine();
  std::vector<Point<C>> projective{base * a};
  while (projective.size() < kCount) projective.push_back(projective.back() + step);
  std::vector<AffinePoint<C>> points(kCount);
  Point<C>::batch_to_affine(projective, points);
  std::vector<std::vector<F>> vectors{TestFixture::random_scalars(kCount, generator),
                                      TestFixture::witness(kCount, generator), std::vector<F>(kCount, F::from_u64(3)),
                                      std::vector<F>(kCount)};
  for (F& scalar : vectors[3]) scalar = F::from_u64(generator() % 2);
  std::vector<AffinePoint<C>> expected;
  for (const auto& scalars : vectors) {
    F logarithm;
    for (std::size_t i = 0; i < kCount; ++i) logarithm += scalars[i] * (a + F::from_u64(i) * b);
    expected.push_back((base * logarithm).to_affine());
  }
  for (const InstructionSet set : TestFixture::supported_sets()) {
    algebra::force_instruction_set(set);
    for (const std::size_t tables : {1U, 4U}) {
      const CommitmentKey<C> key(points, tables * kCount * 64);
      for (const int threads : {1, 2}) {
        tbb::task_arena arena(threads);
        for (std::size_t i = 0; i < vectors.size(); ++i) {
          EXPECT_EQ(arena.execute([&] { return key.commit(std::span<const F>(vectors[i])); }), expected[i])
              << algebra::name(set) << ", vector " << i << ", " << key.tables() << " tables, " << threads << " threads";
        }
      }
    }
  }
}

}  // namespace
}  // namespace magnetar::commit
