#include "engine/algebra/curve.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace magnetar::algebra {
namespace {

template <class C>
class CurveTest : public testing::Test {
 public:
  using Affine = AffinePoint<C>;
  using Scalar = typename C::ScalarField;

  static Point<C> random_point(std::mt19937_64& generator) {
    return Point<C>(Affine::generator()) * Scalar::random(generator);
  }

  /// The textbook addition law in affine coordinates, with an inversion: the oracle of the XYZZ formulas.
  static Affine add(const Affine& a, const Affine& b) {
    if (a.is_infinity()) return b;
    if (b.is_infinity()) return a;
    if (a.x == b.x && a.y != b.y) return Affine::infinity();
    const auto slope = a.x == b.x ? a.x.square() * C::BaseField::from_u64(3) * a.y.doubled().inverse()
                                  : (b.y - a.y) * (b.x - a.x).inverse();
    const auto x = slope.square() - a.x - b.x;
    return {x, slope * (a.x - x) - a.y};
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

TYPED_TEST_SUITE(CurveTest, Curves, CurveNames);

TYPED_TEST(CurveTest, ParametersSatisfyTheirRelations) {
  using C = TypeParam;
  const auto g = AffinePoint<C>::generator();
  EXPECT_TRUE(g.is_on_curve());
  EXPECT_FALSE(g.is_infinity());
  EXPECT_FALSE(C::kB.is_square());  // no point with x = 0
  EXPECT_TRUE(Point<C>(g).times(C::ScalarField::kModulus).is_infinity());
  // A point with y = 0 would have order 2, and the order is an odd prime.
  EXPECT_TRUE(C::kBeta.pow(3).is_one());
  EXPECT_FALSE(C::kBeta.is_one());
  EXPECT_TRUE(C::kLambda.pow(3).is_one());
  EXPECT_EQ((Point<C>(g) * C::kLambda).to_affine(), g.endomorphism());
}

TYPED_TEST(CurveTest, AdditionAgreesWithTheTextbookLaw) {
  using C = TypeParam;
  std::mt19937_64 generator(1);
  std::vector<Point<C>> points{Point<C>::infinity()};
  for (int i = 0; i < 12; ++i) {
    // The second is the same point with other coordinates.
    const Point<C> p = TestFixture::random_point(generator);
    points.insert(points.end(), {p, (p + p) - p, -p, p.doubled(), Point<C>(p.to_affine())});
  }
  for (const auto& p : points) {
    const auto a = p.to_affine();
    EXPECT_TRUE(a.is_on_curve());
    EXPECT_EQ(p.doubled().to_affine(), TestFixture::add(a, a));
    EXPECT_EQ((-p).to_affine(), -a);
    for (const auto& q : points) {
      const auto b = q.to_affine();
      const auto sum = TestFixture::add(a, b);
      EXPECT_EQ((p + q).to_affine(), sum);
      EXPECT_EQ((p + b).to_affine(), sum);
      EXPECT_EQ((p - q).to_affine(), TestFixture::add(a, -b));
      EXPECT_EQ((p - b).to_affine(), TestFixture::add(a, -b));
      EXPECT_EQ(p == q, a == b);
    }
  }
}

TYPED_TEST(CurveTest, ScalarMultiplicationIsRepeatedAddition) {
  using C = TypeParam;
  std::mt19937_64 generator(2);
  const Point<C> p = TestFixture::random_point(generator);
  Point<C> sum;
  for (std::uint64_t i = 0; i < 100; ++i) {
    EXPECT_EQ(p * TestFixture::Scalar::from_u64(i), sum);
    EXPECT_EQ(p * -TestFixture::Scalar::from_u64(i), -sum);
    sum += p;
  }
  for (int i = 0; i < 20; ++i) {
    const typename TestFixture::Scalar a = TestFixture::Scalar::random(generator);
    const typename TestFixture::Scalar b = TestFixture::Scalar::random(generator);
    EXPECT_EQ(p * a + p * b, p * (a + b));
    EXPECT_EQ((p * a) * b, p * (a * b));
  }
  EXPECT_TRUE((Point<C>::infinity() * TestFixture::Scalar::random(generator)).is_infinity());
}

TYPED_TEST(CurveTest, BatchToAffineSkipsInfinity) {
  using C = TypeParam;
  std::mt19937_64 generator(3);
  std::vector<Point<C>> points;
  for (int i = 0; i < 40; ++i) {
    points.push_back(i % 5 == 0 ? Point<C>::infinity() : TestFixture::random_point(generator).doubled());
  }
  std::vector<AffinePoint<C>> affine(points.size());
  Point<C>::batch_to_affine(points, affine);
  for (std::size_t i = 0; i < points.size(); ++i) EXPECT_EQ(affine[i], points[i].to_affine());
}

TYPED_TEST(CurveTest, EncodingsRoundTrip) {
  std::mt19937_64 generator(4);
  for (int i = 0; i < 200; ++i) {
    const typename TestFixture::Affine point =
        i == 0 ? TestFixture::Affine::infinity() : TestFixture::random_point(generator).to_affine();
    for (const typename TestFixture::Affine& p : {point, -point}) {
      EXPECT_EQ(TestFixture::Affine::from_uncompressed(p.to_uncompressed()), p);
      EXPECT_EQ(TestFixture::Affine::from_compressed(p.to_compressed()), p);
    }
  }
  for (const std::uint8_t byte : TestFixture::Affine::infinity().to_compressed()) EXPECT_EQ(byte, 0);
  for (const std::uint8_t byte : TestFixture::Affine::infinity().to_uncompressed()) EXPECT_EQ(byte, 0);
}

TYPED_TEST(CurveTest, MalformedEncodingsAreRefused) {
  using C = TypeParam;
  using Base = typename C::BaseField;
  const auto refused = [](DecodeError error) {
    return tl::expected<typename TestFixture::Affine, DecodeError>(tl::unexpected(error));
  };
  const typename TestFixture::Affine g = TestFixture::Affine::generator();
  std::vector<std::uint8_t> zeros(130);
  for (std::size_t length = 0; length <= 130; ++length) {
    const auto bytes = std::span<const std::uint8_t>(zeros).first(length);
    if (length != 32) {
      EXPECT_EQ(TestFixture::Affine::from_compressed(bytes), refused(DecodeError::kWrongLength));
    }
    if (length != 64) {
      EXPECT_EQ(TestFixture::Affine::from_uncompressed(bytes), refused(DecodeError::kWrongLength));
    }
  }
  // Every other integer congruent to a coordinate that fits the bytes.
  const auto write = [](auto& bytes, std::size_t offset, const U256& value) {
    std::ranges::copy(value.to_le_bytes(), bytes.begin() + static_cast<std::ptrdiff_t>(offset));
  };
  U256 alias_x = g.x.to_canonical();
  U256 alias_y = g.y.to_canonical();
  for (int i = 0; i < 4; ++i) {
    alias_x = add(alias_x, Base::kModulus);
    alias_y = add(alias_y, Base::kModulus);
    auto bytes = g.to_uncompressed();
    write(bytes, 0, alias_x);
    EXPECT_EQ(TestFixture::Affine::from_uncompressed(bytes), refused(DecodeError::kNotCanonical));
    bytes = g.to_uncompressed();
    write(bytes, 32, alias_y);
    EXPECT_EQ(TestFixture::Affine::from_uncompressed(bytes), refused(DecodeError::kNotCanonical));
    if (!alias_x.bit(255)) {
      auto compressed = g.to_compressed();
      write(compressed, 0, alias_x);
      EXPECT_EQ(TestFixture::Affine::from_compressed(compressed), refused(DecodeError::kNotCanonical));
    }
  }
  auto infinity_with_sign = TestFixture::Affine::infinity().to_compressed();
  infinity_with_sign.back() = 0x80;
  EXPECT_EQ(TestFixture::Affine::from_compressed(infinity_with_sign), refused(DecodeError::kInvalidFlags));
  for (std::size_t bit = 0; bit < 512; ++bit) {  // one flipped bit leaves the curve, or is not canonical
    auto bytes = g.to_uncompressed();
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(TestFixture::Affine::from_uncompressed(bytes).has_value());
  }
  int on_curve = 0;
  for (std::uint64_t x = 1; x <= 200; ++x) {
    const Base element = Base::from_u64(x);
    const bool expected = (element.pow(3) + C::kB).is_square();
    const auto decoded = TestFixture::Affine::from_compressed(element.to_bytes());
    EXPECT_EQ(decoded.has_value(), expected);
    if (!expected) {
      EXPECT_EQ(decoded, refused(DecodeError::kNotOnCurve));
    }
    on_curve += expected ? 1 : 0;
  }
  EXPECT_GT(on_curve, 50);
}

}  // namespace
}  // namespace magnetar::algebra
