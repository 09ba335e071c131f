#include "engine/algebra/field.h"

#include <gmp.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

namespace magnetar::algebra {
namespace {

/// A GMP integer.
class Integer {
 public:
  Integer() { mpz_init(value_); }
  explicit Integer(const U256& value) : Integer() { import(value.to_le_bytes()); }
  explicit Integer(std::span<const std::uint8_t> le_bytes) : Integer() { import(le_bytes); }
  Integer(const Integer&) = delete;
  Integer& operator=(const Integer&) = delete;
  ~Integer() { mpz_clear(value_); }

  mpz_ptr get() { return value_; }
  mpz_srcptr get() const { return value_; }

  /// The value, which must be below 2^256.
  U256 to_u256() const {
    U256 result;
    EXPECT_LE(mpz_sizeinbase(value_, 2), 256U);
    mpz_export(result.limbs.data(), nullptr, -1, 8, 0, 0, value_);
    return result;
  }

 private:
  void import(std::span<const std::uint8_t> bytes) { mpz_import(value_, bytes.size(), -1, 1, 0, 0, bytes.data()); }

  mpz_t value_;
};

template <class F>
class FieldTest : public testing::Test {
 public:
  /// Integers at the edges of limbs and of the modulus, all canonical.
  static std::vector<U256> edge_values() {
    std::vector<U256> values;
    const U256 p = F::kModulus;
    for (std::uint64_t i = 0; i < 4; ++i) {
      values.push_back(U256::from_u64(i));
      values.push_back(subtract(p, U256::from_u64(i + 1)));
      values.push_back(add(p.shifted_right(1), U256::from_u64(i)));
    }
    for (unsigned bit = 1; bit < 254; ++bit) {
      if (bit % 52 > 1 && bit % 64 > 1 && bit % 52 < 51 && bit % 64 < 63) continue;
      U256 power;
      power.limbs[bit / 64] = std::uint64_t{1} << (bit % 64);
      values.push_back(power);
      values.push_back(subtract(power, U256::from_u64(1)));
      if (power < p) values.push_back(subtract(p, power));
    }
    std::erase_if(values, [&](const U256& v) { return v >= p; });
    return values;
  }

  static void check_pair(const F& a, const F& b) {
    const Integer p(F::kModulus);
    const Integer x(a.to_canonical());
    const Integer y(b.to_canonical());
    Integer z;
    mpz_add(z.get(), x.get(), y.get());
    mpz_mod(z.get(), z.get(), p.get());
    ASSERT_EQ((a + b).to_canonical(), z.to_u256());
    mpz_sub(z.get(), x.get(), y.get());
    mpz_mod(z.get(), z.get(), p.get());
    ASSERT_EQ((a - b).to_canonical(), z.to_u256());
    mpz_mul(z.get(), x.get(), y.get());
    mpz_mod(z.get(), z.get(), p.get());
    ASSERT_EQ((a * b).to_canonical(), z.to_u256());
    mpz_mul(z.get(), x.get(), x.get());
    mpz_mod(z.get(), z.get(), p.get());
    ASSERT_EQ(a.square().to_canonical(), z.to_u256());
    mpz_neg(z.get(), x.get());
    mpz_mod(z.get(), z.get(), p.get());
    ASSERT_EQ((-a).to_canonical(), z.to_u256());
  }
};

/// Calls `check` under every instruction set of this processor and restores the one in use.
template <class Check>
void for_each_instruction_set(Check check) {
  const InstructionSet initial = active_instruction_set();
  for (const auto set : {InstructionSet::kPortable, InstructionSet::kAdx, InstructionSet::kIfma}) {
    if (!is_supported(set)) {
      std::printf("skipped, not supported by this processor: %s\n", std::string(name(set)).c_str());
      continue;
    }
    SCOPED_TRACE(name(set));
    force_instruction_set(set);
    check();
    if (testing::Test::HasFatalFailure()) break;
  }
  force_instruction_set(initial);
}

/// MAGNETAR_TEST_CASES, or 10^6: random operands for each field and path.
std::size_t case_count() {
  const char* const requested = std::getenv("MAGNETAR_TEST_CASES");
  return requested == nullptr ? 1'000'000 : std::strtoull(requested, nullptr, 10);
}

using Fields = testing::Types<Fr, Fq>;

class FieldNames {
 public:
  template <class F>
  static std::string GetName(int) {
    return std::string(F::Parameters::kName);
  }
};

TYPED_TEST_SUITE(FieldTest, Fields, FieldNames);

TYPED_TEST(FieldTest, ConstantsMatchTheirDefinitions) {
  using P = typename TypeParam::Parameters;
  const Integer p(TypeParam::kModulus);
  EXPECT_GT(mpz_probab_prime_p(p.get(), 50), 0);
  Integer z;
  for (const auto& [exponent, expected] : {std::pair{256UL, Montgomery<P>::kR}, {512UL, Montgomery<P>::kR2}}) {
    mpz_set_ui(z.get(), 1);
    mpz_mul_2exp(z.get(), z.get(), exponent);
    mpz_mod(z.get(), z.get(), p.get());
    EXPECT_EQ(z.to_u256(), expected);
  }
  EXPECT_EQ(TypeParam::kModulus.limbs[0] * Montgomery<P>::kNegativeInverse, ~std::uint64_t{0});
  for (unsigned long i = 1; i <= P::kNonResidue; ++i) {
    mpz_set_ui(z.get(), i);
    EXPECT_EQ(mpz_legendre(z.get(), p.get()), i == P::kNonResidue ? -1 : 1) << i;
  }
}

TEST(FieldParameters, AreThePolynomialsOfBn254) {
  Integer x;
  mpz_set_ui(x.get(), 4965661367192848881UL);
  const auto polynomial = [&](unsigned long quadratic) {
    Integer value;
    for (const unsigned long coefficient : {36UL, 36UL, quadratic, 6UL, 1UL}) {
      mpz_mul(value.get(), value.get(), x.get());
      mpz_add_ui(value.get(), value.get(), coefficient);
    }
    return value.to_u256();
  };
  EXPECT_EQ(polynomial(18), Fr::kModulus);
  EXPECT_EQ(polynomial(24), Fq::kModulus);
}

TYPED_TEST(FieldTest, ArithmeticAgreesWithGmpOnEdges) {
  const auto values = TestFixture::edge_values();
  for_each_instruction_set([&] {
    for (const U256& a : values) {
      for (const U256& b : values) {
        TestFixture::check_pair(*TypeParam::from_canonical(a), *TypeParam::from_canonical(b));
        if (testing::Test::HasFatalFailure()) return;
      }
    }
  });
}

TYPED_TEST(FieldTest, ArithmeticAgreesWithGmpOnRandomOperands) {
  for_each_instruction_set([&] {
    std::mt19937_64 generator(1);
    for (std::size_t i = 0; i < case_count(); ++i) {
      TestFixture::check_pair(TypeParam::random(generator), TypeParam::random(generator));
      if (testing::Test::HasFatalFailure()) return;
    }
  });
}

TYPED_TEST(FieldTest, ArraysAgreeWithGmp) {
  const Integer p(TypeParam::kModulus);
  // The expected values once, for all paths.
  std::mt19937_64 generator(7);
  std::vector<TypeParam> a;
  std::vector<TypeParam> b;
  const auto edges = TestFixture::edge_values();
  for (const U256& x : edges) {
    for (const U256& y : edges) {
      a.push_back(*TypeParam::from_canonical(x));
      b.push_back(*TypeParam::from_canonical(y));
    }
  }
  while (a.size() < case_count()) {
    a.push_back(TypeParam::random(generator));
    b.push_back(TypeParam::random(generator));
  }
  std::vector<U256> products;
  std::vector<U256> squares;
  std::vector<U256> inverses;
  Integer z;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const Integer x(a[i].to_canonical());
    const Integer y(b[i].to_canonical());
    mpz_mul(z.get(), x.get(), y.get());
    mpz_mod(z.get(), z.get(), p.get());
    products.push_back(z.to_u256());
    mpz_mul(z.get(), x.get(), x.get());
    mpz_mod(z.get(), z.get(), p.get());
    squares.push_back(z.to_u256());
    // Zero has no inverse; batch_inverse leaves it.
    if (mpz_invert(z.get(), x.get(), p.get()) == 0) mpz_set_ui(z.get(), 0);
    inverses.push_back(z.to_u256());
  }
  for_each_instruction_set([&] {
    std::vector<TypeParam> out(a.size());
    multiply(std::span<const TypeParam>(a), std::span<const TypeParam>(b), std::span(out));
    for (std::size_t i = 0; i < a.size(); ++i) ASSERT_EQ(out[i].to_canonical(), products[i]) << i;
    square(std::span<const TypeParam>(a), std::span(out));
    for (std::size_t i = 0; i < a.size(); ++i) ASSERT_EQ(out[i].to_canonical(), squares[i]) << i;
    out = a;
    batch_inverse(std::span(out));
    for (std::size_t i = 0; i < a.size(); ++i) ASSERT_EQ(out[i].to_canonical(), inverses[i]) << i;
  });
}

TYPED_TEST(FieldTest, ArraysOfEveryLengthAndInPlace) {
  for_each_instruction_set([&] {
    std::mt19937_64 generator(8);
    std::vector<std::size_t> lengths{2047, 2048, 2049, 5000};
    for (std::size_t length = 0; length <= 70; ++length) lengths.push_back(length);
    for (const std::size_t length : lengths) {
      std::vector<TypeParam> a(length);
      std::vector<TypeParam> b(length);
      for (auto& element : a) element = generator() % 4 == 0 ? TypeParam::zero() : TypeParam::random(generator);
      for (auto& element : b) element = TypeParam::random(generator);
      auto products = a;
      multiply(std::span<const TypeParam>(products), std::span<const TypeParam>(b), std::span(products));
      auto squares = a;
      square(std::span<const TypeParam>(squares), std::span(squares));
      auto inverses = a;
      batch_inverse(std::span(inverses));
      for (std::size_t i = 0; i < length; ++i) {
        ASSERT_EQ(products[i], a[i] * b[i]);
        ASSERT_EQ(squares[i], a[i] * a[i]);
        ASSERT_EQ(inverses[i], a[i].inverse()) << length << " " << i;
      }
    }
  });
}

TYPED_TEST(FieldTest, InverseAgreesWithGmp) {
  const Integer p(TypeParam::kModulus);
  std::vector<TypeParam> elements;
  for (const U256& value : TestFixture::edge_values()) elements.push_back(*TypeParam::from_canonical(value));
  std::mt19937_64 generator(2);
  for (int i = 0; i < 20'000; ++i) elements.push_back(TypeParam::random(generator));
  for_each_instruction_set([&] {
    for (const TypeParam& element : elements) {
      const Integer x(element.to_canonical());
      Integer z;
      if (!element.is_zero()) {
        ASSERT_NE(mpz_invert(z.get(), x.get(), p.get()), 0);
      }
      ASSERT_EQ(element.inverse().to_canonical(), z.to_u256());
    }
  });
}

TYPED_TEST(FieldTest, SquareRootsExistExactlyForResidues) {
  const Integer p(TypeParam::kModulus);
  std::vector<TypeParam> elements;
  for (const U256& value : TestFixture::edge_values()) elements.push_back(*TypeParam::from_canonical(value));
  std::mt19937_64 generator(3);
  for (int i = 0; i < 1000; ++i) elements.push_back(TypeParam::random(generator));
  for (const TypeParam& a : elements) {
    const Integer x(a.to_canonical());
    const bool residue = a.is_zero() || mpz_legendre(x.get(), p.get()) == 1;
    ASSERT_EQ(a.is_square(), residue);
    const auto root = a.sqrt();
    ASSERT_EQ(root.has_value(), residue);
    if (root) {
      ASSERT_EQ(root->square(), a);
      ASSERT_FALSE(root->is_odd());
    }
  }
}

TYPED_TEST(FieldTest, PowerAgreesWithGmp) {
  const Integer p(TypeParam::kModulus);
  std::mt19937_64 generator(4);
  for (int i = 0; i < 200; ++i) {
    const TypeParam a = TypeParam::random(generator);
    const U256 exponent{{generator(), generator(), generator(), generator()}};
    Integer z;
    mpz_powm(z.get(), Integer(a.to_canonical()).get(), Integer(exponent).get(), p.get());
    ASSERT_EQ(a.pow(exponent).to_canonical(), z.to_u256());
  }
  EXPECT_TRUE(TypeParam::zero().pow(0).is_one());
}

TYPED_TEST(FieldTest, BytesRoundTripAndNonCanonicalOnesAreRefused) {
  std::mt19937_64 generator(5);
  for (int i = 0; i < 1000; ++i) {
    const TypeParam a = TypeParam::random(generator);
    ASSERT_EQ(TypeParam::from_bytes(a.to_bytes()), a);
  }
  for (const U256& value : TestFixture::edge_values()) {
    const auto decoded = TypeParam::from_bytes(value.to_le_bytes());
    ASSERT_TRUE(decoded.has_value());
    ASSERT_EQ(decoded->to_bytes(), value.to_le_bytes());
    // Every other representative of the residue below 2^256.
    for (U256 alias = add(value, TypeParam::kModulus); alias >= TypeParam::kModulus;) {
      ASSERT_EQ(TypeParam::from_bytes(alias.to_le_bytes()), tl::unexpected(DecodeError::kNotCanonical));
      const U256 next = add(alias, TypeParam::kModulus);
      if (next < alias) break;
      alias = next;
    }
  }
  const U256 all_ones{{~0ULL, ~0ULL, ~0ULL, ~0ULL}};
  EXPECT_EQ(TypeParam::from_bytes(all_ones.to_le_bytes()), tl::unexpected(DecodeError::kNotCanonical));
  const std::vector<std::uint8_t> zeros(64);
  for (std::size_t length = 0; length < 64; ++length) {
    if (length == 32) continue;
    EXPECT_EQ(TypeParam::from_bytes(std::span(zeros).first(length)), tl::unexpected(DecodeError::kWrongLength));
  }
}

TYPED_TEST(FieldTest, WideReductionAgreesWithGmp) {
  const Integer p(TypeParam::kModulus);
  std::mt19937_64 generator(6);
  for (std::size_t length = 0; length <= 72; ++length) {
    for (int i = 0; i < 20; ++i) {
      std::vector<std::uint8_t> bytes(length);
      for (auto& byte : bytes) byte = i == 0 ? 0xff : static_cast<std::uint8_t>(generator());
      Integer z{std::span<const std::uint8_t>(bytes)};
      mpz_mod(z.get(), z.get(), p.get());
      ASSERT_EQ(TypeParam::from_wide_le(bytes).to_canonical(), z.to_u256());
      std::reverse(bytes.begin(), bytes.end());
      ASSERT_EQ(TypeParam::from_wide_be(bytes).to_canonical(), z.to_u256());
    }
  }
}

TYPED_TEST(FieldTest, SmallIntegersAndOrder) {
  EXPECT_EQ(TypeParam::from_i64(-5) + TypeParam::from_u64(5), TypeParam::zero());
  const auto lowest = std::numeric_limits<std::int64_t>::min();
  EXPECT_EQ(TypeParam::from_i64(lowest), -TypeParam::from_u64(std::uint64_t{1} << 63));
  EXPECT_LT(TypeParam::from_u64(2), TypeParam::from_u64(3));
  EXPECT_GT(-TypeParam::one(), TypeParam::from_u64(3));
  const TypeParam a = TypeParam::from_u64(7);
  EXPECT_EQ(TypeParam::select(true, a, TypeParam::one()), a);
  const U256 ones{{~0ULL, ~0ULL, ~0ULL, ~0ULL}};
  EXPECT_EQ(TypeParam::reduce(ones), TypeParam::from_wide_le(ones.to_le_bytes()));
  EXPECT_EQ(TypeParam::select(false, a, TypeParam::one()), TypeParam::one());
}

}  // namespace
}  // namespace magnetar::algebra
