#include "engine/commit/generators.h"

#include <gtest/gtest.h>
#include <tbb/task_arena.h>

#include <array>
#include <charconv>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "engine/algebra/instruction_set.h"
#include "engine/hash/hash_to_curve.h"

namespace magnetar::commit {
namespace {

using algebra::AffinePoint;
using algebra::Bn254;
using algebra::Grumpkin;
using algebra::InstructionSet;
using algebra::U256;

/// The element written in 64 hexadecimal digits.
template <class F>
F element(std::string_view digits) {
  EXPECT_EQ(digits.size(), 64U);
  U256 value;
  for (std::size_t limb = 0; limb < 4; ++limb) {
    const std::string_view part = digits.substr(16 * (3 - limb), 16);
    std::from_chars(part.data(), part.data() + part.size(), value.limbs[limb], 16);
  }
  const auto result = F::from_canonical(value);
  EXPECT_TRUE(result) << digits;
  return result.value_or(F::zero());
}

struct KnownGenerator {
  std::uint64_t index;
  std::string_view x;
  std::string_view y;
};

template <class C>
constexpr std::array<KnownGenerator, 3> kKnown{};

// Computed by tests/hash/reference.py.
template <>
constexpr std::array<KnownGenerator, 3> kKnown<Bn254>{{
    {0, "0c909fb88dc8816ec75f90917a4c7f7641dbcb930b96f73975b484fbfe3d1d72",
     "027e7ff06daa6eb5a2ade608cc099f2d87eed6da8216a3da88de2dc5988bd584"},
    {1, "107bace557ba24f5426e06c7789304c56c214c843d5ac72d9c66d9f679100567",
     "2fb7aea57a2d9ac15c9516907ef36e9e291c02d90517dce6437349ef1663edb5"},
    {1000, "15edebeae453e4441157636a4d051472ce76804acd6c47cb1e0e64b05e797aa2",
     "0aa1ea6840922927090738a1d62f4b50813de872876e7bf4fdf41ced8ee34aa5"},
}};
template <>
constexpr std::array<KnownGenerator, 3> kKnown<Grumpkin>{{
    {0, "1973553267c3c4958abc597e52c134351d12e34baf5bf41cc7a92e25a0c0814d",
     "127e26f87fcee40712ad8acfb404c3988d80717e6b02912e49f47754f6be956f"},
    {1, "0e19b6496940404baec7bba071b00d94da84cab76bc2828fe7e591448e8d6bc5",
     "1e18a0fb71ae8a1c610943d9de766ec10086d38b40e49beae89a6086f88bb900"},
    {1000, "2f5ec5a2206b807045816cba1e7a7329dc538a363db40a2551185320c7f1e318",
     "2eef359db46ec39e5ccf0b739a484a51bc2dc911a726278d44600862ced62e7a"},
}};

template <class C>
class Generators : public testing::Test {
 public:
  ~Generators() override { algebra::force_instruction_set(initial_); }

  static std::vector<AffinePoint<C>> derive(std::uint64_t first, std::size_t count) {
    std::vector<AffinePoint<C>> points(count);
    EXPECT_TRUE(derive_generators<C>(generator_tag<C>(), first, points));
    return points;
  }

 private:
  InstructionSet initial_ = algebra::active_instruction_set();
};
using Curves = testing::Types<Bn254, Grumpkin>;
TYPED_TEST_SUITE(Generators, Curves);

TYPED_TEST(Generators, AreTheKnownOnesByEveryInstructionSetAndNumberOfThreads) {
  using F = typename TypeParam::BaseField;
  std::vector<AffinePoint<TypeParam>> first_points;
  for (const InstructionSet set : {InstructionSet::kPortable, InstructionSet::kAdx, InstructionSet::kIfma}) {
    if (!algebra::is_supported(set)) {
      std::printf("skipped, not supported by this processor: %s\n", std::string(algebra::name(set)).c_str());
      continue;
    }
    algebra::force_instruction_set(set);
    for (const int threads : {1, 2}) {
      tbb::task_arena arena(threads);
      const auto points = arena.execute([] { return TestFixture::derive(0, 1001); });
      for (const KnownGenerator& known : kKnown<TypeParam>) {
        EXPECT_EQ(points[known.index].x, element<F>(known.x)) << known.index;
        EXPECT_EQ(points[known.index].y, element<F>(known.y)) << known.index;
      }
      if (first_points.empty()) first_points = points;
      EXPECT_EQ(points, first_points);
    }
  }
}

TYPED_TEST(Generators, AreHashesOfTheirIndicesInAnyRange) {
  constexpr std::uint64_t kLast = std::numeric_limits<std::uint64_t>::max();
  for (const auto& [first, count] :
       {std::pair<std::uint64_t, std::size_t>{0, 1}, {5, 3}, {510, 4}, {0x0102'0304'0506'0700, 2}, {kLast, 1}}) {
    const auto points = TestFixture::derive(first, count);
    for (std::size_t i = 0; i < count; ++i) {
      std::array<std::uint8_t, 8> message{};
      for (std::size_t byte = 0; byte < 8; ++byte) {
        message[byte] = static_cast<std::uint8_t>((first + i) >> (8 * (7 - byte)));
      }
      EXPECT_EQ(points[i], hash::hash_to_curve<TypeParam>(message, generator_tag<TypeParam>()));
    }
  }
  EXPECT_TRUE(TestFixture::derive(7, 0).empty());
}

TYPED_TEST(Generators, ArePrefixesOfEachOtherDistinctAndOnTheCurve) {
  const auto all = TestFixture::derive(0, 2000);
  for (const std::size_t count : {1U, 511U, 512U, 513U, 1999U}) {
    const auto prefix = TestFixture::derive(0, count);
    EXPECT_TRUE(std::equal(prefix.begin(), prefix.end(), all.begin()));
  }
  std::set<typename TypeParam::BaseField> abscissas;  // neither equal nor opposite
  for (const auto& point : all) {
    EXPECT_TRUE(point.is_on_curve());
    EXPECT_FALSE(point.is_infinity());
    abscissas.insert(point.x);
  }
  EXPECT_EQ(abscissas.size(), all.size());
}

TYPED_TEST(Generators, DependOnTheTag) {
  std::vector<AffinePoint<TypeParam>> points(1);
  EXPECT_EQ(derive_generators<TypeParam>("", 0, points).error(), hash::ExpandMessageError::kEmptyTag);
  ASSERT_TRUE(derive_generators<TypeParam>(std::string(300, 'x'), 0, points));
  EXPECT_TRUE(points[0].is_on_curve());
  EXPECT_NE(points[0], TestFixture::derive(0, 1)[0]);
}

}  // namespace
}  // namespace magnetar::commit
