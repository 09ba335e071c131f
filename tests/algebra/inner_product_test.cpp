#include "engine/algebra/inner_product.h"

#include <gtest/gtest.h>

#include <iostream>
#include <random>
#include <vector>

#include "engine/algebra/instruction_set.h"

namespace magnetar::algebra {
namespace {

template <class F>
class InnerProduct : public testing::Test {
 protected:
  ~InnerProduct() override { force_instruction_set(previous_); }

  /// The elements whose Montgomery forms have the largest words: they make the longest carries.
  static std::vector<F> extremes() {
    U256 full_words = F::kModulus;
    full_words.limbs[3] -= 1;
    for (std::size_t i = 0; i < 3; ++i) full_words.limbs[i] = ~std::uint64_t{0};
    return {F::from_montgomery(full_words), F::from_montgomery(subtract(F::kModulus, U256::from_u64(1))), F::zero(),
            F::one(), -F::one()};
  }

  static F expected(std::span<const F> a, std::span<const F> b, F addend) {
    for (std::size_t i = 0; i < a.size(); ++i) addend += a[i] * b[i];
    return addend;
  }

  InstructionSet previous_ = active_instruction_set();
};

using Fields = testing::Types<Fr, Fq>;
TYPED_TEST_SUITE(InnerProduct, Fields);

TYPED_TEST(InnerProduct, EqualsTheSumOfProductsOnEveryPath) {
  using F = TypeParam;
  const std::vector<F> extremes = TestFixture::extremes();
  for (const InstructionSet set : {InstructionSet::kPortable, InstructionSet::kAdx}) {
    if (!is_supported(set)) {
      std::cout << "this processor lacks " << name(set) << '\n';
      continue;
    }
    force_instruction_set(set);
    for (const F& x : extremes) {
      for (const F& y : extremes) {
        for (const F& addend : extremes) {
          for (std::size_t length = 0; length < 13; ++length) {
            const std::vector<F> a(length, x);
            const std::vector<F> b(length, y);
            ASSERT_EQ(inner_product<F>(a, b, addend), TestFixture::expected(a, b, addend)) << name(set) << length;
          }
        }
      }
    }
    std::mt19937_64 generator(3);
    const auto draw = [&] { return generator() % 4 == 0 ? extremes[generator() % 5] : F::random(generator); };
    for (int round = 0; round < 20'000; ++round) {
      std::vector<F> a(generator() % 13);
      std::vector<F> b(a.size());
      for (F& element : a) element = draw();
      for (F& element : b) element = draw();
      const F addend = draw();
      ASSERT_EQ(inner_product<F>(a, b, addend), TestFixture::expected(a, b, addend)) << name(set);
    }
  }
}

}  // namespace
}  // namespace magnetar::algebra
