#include "engine/hash/sponge.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

namespace magnetar::hash {
namespace {

using algebra::Fq;
using algebra::Fr;
using algebra::U256;
using enum SpongeOperation;

template <class F>
using Other = std::conditional_t<std::is_same_v<F, Fr>, Fq, Fr>;

/// What a sponge gives for a pattern that has every operation.
struct KnownAnswer {
  U256 element, digest, challenge, last;
};

/// Absorbs 1 and -1, 2^64 - 1, the other field's -1; squeezes an element, a digest and a challenge; absorbs 5; squeezes
/// 9 elements, of which the last is taken.
template <class F, std::size_t kWidth>
KnownAnswer run_every_operation() {
  const SpongePattern pattern("magnetar-v1 test", {{kAbsorbElement, 2},
                                                   {kAbsorbU64},
                                                   {kAbsorbForeign},
                                                   {kSqueezeElement},
                                                   {kSqueezeDigest},
                                                   {kSqueezeChallenge},
                                                   {kAbsorbElement},
                                                   {kSqueezeElement, 9}});
  Sponge<F, kWidth> sponge(pattern);
  sponge.absorb(std::array{F::one(), -F::one()});
  sponge.absorb_u64(~std::uint64_t{0});
  sponge.absorb_foreign(-Other<F>::one());
  KnownAnswer answer;
  answer.element = sponge.squeeze_element().to_canonical();
  answer.digest = sponge.squeeze_digest();
  answer.challenge = sponge.squeeze_challenge();
  sponge.absorb(F::from_u64(5));
  for (int i = 0; i < 9; ++i) answer.last = sponge.squeeze_element().to_canonical();
  return answer;
}

template <class F, std::size_t kWidth>
void expect_known_answer(const KnownAnswer& expected) {
  const KnownAnswer answer = run_every_operation<F, kWidth>();
  EXPECT_EQ(answer.element, expected.element);
  EXPECT_EQ(answer.digest, expected.digest);
  EXPECT_EQ(answer.challenge, expected.challenge);
  EXPECT_EQ(answer.last, expected.last);
}

// Pinned: a change of any of these changes every proof. They come from an implementation in Python, of constants,
// permutation and sponge, that shares no code with this one.
TEST(SpongeVectors, KnownAnswersOverFr) {
  expect_known_answer<Fr, 3>({U256::from_hex("1bcec1a10b7ca5fdbc57ed3148321588350861e6ed74f28b3c94e5bad85fb3f"),
                              U256::from_hex("2ab1906560a3ba175ab8096f0818972b0e08f4f80a75ff614187e775277a486"),
                              U256::from_hex("a243b469f5fde7f1644b47a020659bf6"),
                              U256::from_hex("2bbb4319ad1f52e750d96193eb774c9b17dd4999e935f07716852ef4a524f443")});
  expect_known_answer<Fr, 5>({U256::from_hex("57a4ac508c73727315e336de9cdd8b974c6f06b139b015a6e99bb86c289ad96"),
                              U256::from_hex("168c1668089a1c4d254e7df31e1bf447e0d300e5e167d5baa88aac2cf25b588"),
                              U256::from_hex("c8658d0002976986a0fa39763e594040"),
                              U256::from_hex("13222ac8067e2b0688bb5e0d19d70f98da39215196e45347e8eeaaafe6d1fa65")});
  expect_known_answer<Fr, 9>({U256::from_hex("10db8575be93d6d33e47be4d4f4c86d1104b43f60b9cee6e06506e30accd0724"),
                              U256::from_hex("c43717f2d5aaa1fe494b2dd8e36d8dd6c8614fa0eaefc0d7917fe2afd535e6"),
                              U256::from_hex("305f41ee70a56acec0fc9f0cf3ebebc9"),
                              U256::from_hex("1898ab5398b706807ec6818f3ac5bf29ebfb4a6a5a3833e258ee158bd713f6c4")});
}

TEST(SpongeVectors, KnownAnswersOverFq) {
  expect_known_answer<Fq, 3>({U256::from_hex("da07a29b5d7d01d81e61b08510b390743ea82e918c9237c17459a9caf21b585"),
                              U256::from_hex("2b864aab963d575afafdd23be4d9b3a4c55f7e7eb58e367c62be874f109c3a3"),
                              U256::from_hex("375821b1f995b78fe61c0898b7d5c7da"),
                              U256::from_hex("d01ab49176354b97927f7e87ab0fe261ec70d5fdcb429f79f6ee2feaee5a733")});
  expect_known_answer<Fq, 5>({U256::from_hex("23684a303c81be6f7abdf2fa3abf447c01ccaf396c886c0792257bd57784bc26"),
                              U256::from_hex("2a712be8277ee486e71e61b6521a35e14d229492e8fc9a5cf6e2b1bd236dbd4"),
                              U256::from_hex("c831b203f6ad10d133dfd89d9b49b940"),
                              U256::from_hex("1127251736d528b1e12e40ac4e3b42fca4d6ccc6da554507449e570c5aa8d0ff")});
  expect_known_answer<Fq, 9>({U256::from_hex("ef7355469789ae480eab2ddf595bed80160c5d60553122fb92784633dc7525b"),
                              U256::from_hex("19447ced28c94647af3e7477c76d20402761f24377c95b43ddd180b4aee9aee"),
                              U256::from_hex("3b3247c068d42fac940a1c070104c7e8"),
                              U256::from_hex("50bf3dff8482ca65c522989d7e661f34e819d9425d00190f3ae70b2ffcf9a5a")});
}

TEST(SpongePattern, MergesNeighboursAndDropsEmptySteps) {
  const SpongePattern merged("tag", {{kAbsorbElement, 3}, {kSqueezeElement, 2}});
  const SpongePattern split(
      "tag", {{kAbsorbElement}, {kAbsorbElement, 0}, {kAbsorbElement, 2}, {kAbsorbU64, 0}, {kSqueezeElement, 2}});
  EXPECT_EQ(split.steps(), merged.steps());
  EXPECT_EQ(split.capacity(), merged.capacity());
}

TEST(SpongePattern, EveryTagAndPatternHasItsOwnCapacity) {
  std::set<U256> capacities;
  std::size_t count = 0;
  const auto add = [&](std::string_view tag, std::initializer_list<SpongeStep> steps) {
    const SpongePattern pattern(tag, steps);
    EXPECT_LE(pattern.capacity().bit_length(), 248U);
    capacities.insert(pattern.capacity());
    ++count;
  };
  for (const std::string_view tag : {std::string_view(""), std::string_view("a"), std::string_view("b"),
                                     std::string_view("aa"), std::string_view("a\0", 2)}) {
    add(tag, {});
    for (const SpongeOperation operation :
         {kAbsorbElement, kAbsorbU64, kAbsorbForeign, kSqueezeElement, kSqueezeDigest, kSqueezeChallenge}) {
      for (const std::uint32_t repeats : {1U, 2U, 4U, 256U, 1U << 24}) add(tag, {{operation, repeats}});
    }
    add(tag, {{kAbsorbElement}, {kSqueezeElement}});
    add(tag, {{kSqueezeElement}, {kAbsorbElement}});
    add(tag, {{kAbsorbElement}, {kSqueezeElement}, {kAbsorbElement}});
  }
  // Steps cannot pass for the end of a tag.
  add(std::string_view("a\1\1\0\0\0", 6), {});
  EXPECT_EQ(capacities.size(), count);
}

template <class S>
class SpongeTest : public testing::Test {};

using Sponges =
    testing::Types<Sponge<Fr, 3>, Sponge<Fr, 5>, Sponge<Fr, 9>, Sponge<Fq, 3>, Sponge<Fq, 5>, Sponge<Fq, 9>>;
TYPED_TEST_SUITE(SpongeTest, Sponges);

template <class S>
using FieldOf = decltype(std::declval<S&>().squeeze_element());

template <class S>
FieldOf<S> hash_elements(const std::vector<FieldOf<S>>& elements, std::string_view tag = "magnetar-v1 test") {
  const SpongePattern pattern(tag, {{kAbsorbElement, static_cast<std::uint32_t>(elements.size())}, {kSqueezeElement}});
  S sponge(pattern);
  sponge.absorb(elements);
  return sponge.squeeze_element();
}

TYPED_TEST(SpongeTest, LengthsTagsAndInputsDiffer) {
  using F = FieldOf<TypeParam>;
  std::set<F> outputs;
  std::size_t count = 0;
  const auto add = [&](const std::vector<F>& elements, std::string_view tag = "magnetar-v1 test") {
    outputs.insert(hash_elements<TypeParam>(elements, tag));
    ++count;
  };
  // Zeros would collide with nothing absorbed if lengths did not count.
  for (std::size_t length = 0; length <= 3 * TypeParam::kRate + 1; ++length) {
    add(std::vector<F>(length));
    add(std::vector<F>(length), "magnetar-v1 another test");
    for (std::size_t i = 0; i < length; ++i) {
      std::vector<F> elements(length);
      elements[i] = F::one();
      add(elements);
      elements[i] = -F::one();
      add(elements);
    }
  }
  EXPECT_EQ(outputs.size(), count);
  EXPECT_EQ(hash_elements<TypeParam>({F::one()}), hash_elements<TypeParam>({F::one()}));
}

TYPED_TEST(SpongeTest, KindsOfInputDiffer) {
  using F = FieldOf<TypeParam>;
  const SpongePattern u64("tag", {{kAbsorbU64, 4}, {kSqueezeElement}});
  const SpongePattern element("tag", {{kAbsorbElement, 4}, {kSqueezeElement}});
  const SpongePattern foreign("tag", {{kAbsorbForeign}, {kSqueezeElement}});
  TypeParam of_u64(u64);
  TypeParam of_elements(element);
  TypeParam of_foreign(foreign);
  for (std::uint64_t i = 0; i < 4; ++i) {
    of_u64.absorb_u64(0);
    of_elements.absorb(F::zero());
  }
  of_foreign.absorb_foreign(Other<F>::zero());
  const std::set<F> outputs{of_u64.squeeze_element(), of_elements.squeeze_element(), of_foreign.squeeze_element()};
  EXPECT_EQ(outputs.size(), 3U);
}

TYPED_TEST(SpongeTest, ForeignElementsAreFourLimbs) {
  using F = FieldOf<TypeParam>;
  using Foreign = Other<F>;
  std::mt19937_64 generator(3);
  std::vector<Foreign> elements{Foreign::zero(), Foreign::one(), -Foreign::one(), Foreign::from_u64(~std::uint64_t{0}),
                                // The own field's modulus, if it is the smaller one, or the difference.
                                Foreign::reduce(F::kModulus)};
  for (int i = 0; i < 20; ++i) elements.push_back(Foreign::random(generator));
  const SpongePattern pattern("tag", {{kAbsorbForeign}, {kSqueezeElement}});
  std::set<F> outputs;
  for (const Foreign& element : elements) {
    const auto limbs = foreign_limbs(element);
    EXPECT_LT(limbs[3], std::uint64_t{1} << 62);
    const U256 joined{limbs};
    EXPECT_EQ(Foreign::from_canonical(joined), element);
    TypeParam sponge(pattern);
    sponge.absorb_foreign(element);
    outputs.insert(sponge.squeeze_element());
  }
  EXPECT_EQ(outputs.size(), elements.size());
}

// Truncations are the lower bits of what squeeze_element would give at the same place and for the same capacity.
TYPED_TEST(SpongeTest, TruncationsKeepTheLowerBits) {
  using F = FieldOf<TypeParam>;
  std::size_t largest_digest = 0;
  std::size_t largest_challenge = 0;
  const SpongePattern digest_pattern("tag", {{kAbsorbU64}, {kSqueezeDigest}});
  const SpongePattern challenge_pattern("tag", {{kAbsorbU64}, {kSqueezeChallenge}});
  constexpr std::size_t kWidth = TypeParam::kRate + 1;
  for (std::uint64_t i = 0; i < 50; ++i) {
    const auto element = [&](const SpongePattern& pattern) {
      std::array<F, kWidth> state{F::reduce(pattern.capacity()), F::from_u64(i)};
      Poseidon<F>::of_width(kWidth).permute(state);
      return state[1].to_canonical();
    };
    TypeParam digest_sponge(digest_pattern);
    digest_sponge.absorb_u64(i);
    const U256 digest = digest_sponge.squeeze_digest();
    U256 expected = element(digest_pattern);
    expected.limbs[3] &= (std::uint64_t{1} << 58) - 1;
    EXPECT_EQ(digest, expected);
    largest_digest = std::max(largest_digest, digest.bit_length());

    TypeParam challenge_sponge(challenge_pattern);
    challenge_sponge.absorb_u64(i);
    const U256 challenge = challenge_sponge.squeeze_challenge();
    expected = element(challenge_pattern);
    expected.limbs[2] = expected.limbs[3] = 0;
    EXPECT_EQ(challenge, expected);
    largest_challenge = std::max(largest_challenge, challenge.bit_length());
  }
  EXPECT_EQ(largest_digest, 250U);
  EXPECT_EQ(largest_challenge, 128U);
}

TYPED_TEST(SpongeTest, OutputsDependOnAllThatWasAbsorbedBefore) {
  using F = FieldOf<TypeParam>;
  const SpongePattern pattern(
      "tag", {{kAbsorbU64}, {kSqueezeElement, 2 * TypeParam::kRate + 1}, {kAbsorbU64}, {kSqueezeElement}});
  std::set<F> outputs;
  std::size_t count = 0;
  for (const auto& [first, second] : {std::pair{0U, 0U}, std::pair{0U, 1U}, std::pair{1U, 0U}, std::pair{1U, 1U}}) {
    TypeParam sponge(pattern);
    sponge.absorb_u64(first);
    for (std::size_t i = 0; i < 2 * TypeParam::kRate + 1; ++i) {
      const F output = sponge.squeeze_element();
      if (second == 0) outputs.insert(output), ++count;
    }
    sponge.absorb_u64(second);
    outputs.insert(sponge.squeeze_element());
    ++count;
  }
  EXPECT_EQ(outputs.size(), count);
}

#ifndef NDEBUG
TEST(SpongeDeathTest, MisuseOfThePattern) {
  using S = Sponge<Fr, 3>;
  const SpongePattern pattern("tag", {{kAbsorbElement, 2}, {kSqueezeChallenge}});
  const auto use = [&](auto&& operations) {
    S sponge(pattern);
    operations(sponge);
  };
  use([](S& sponge) {
    sponge.absorb(std::array{Fr::one(), Fr::one()});
    sponge.squeeze_challenge();
  });
  const char* kWrong = "not what the sponge's pattern has here";
  EXPECT_DEATH(use([](S& sponge) { sponge.absorb_u64(1); }), kWrong);
  EXPECT_DEATH(use([](S& sponge) { sponge.absorb_foreign(Fq::one()); }), kWrong);
  EXPECT_DEATH(use([](S& sponge) { sponge.squeeze_challenge(); }), kWrong);
  EXPECT_DEATH(use([](S& sponge) {
                 sponge.absorb(Fr::one());
                 sponge.squeeze_challenge();
               }),
               kWrong);
  EXPECT_DEATH(use([](S& sponge) { sponge.absorb(std::array{Fr::one(), Fr::one(), Fr::one()}); }), kWrong);
  EXPECT_DEATH(use([](S& sponge) {
                 sponge.absorb(std::array{Fr::one(), Fr::one()});
                 sponge.squeeze_digest();
               }),
               kWrong);
  EXPECT_DEATH(use([](S& sponge) {
                 sponge.absorb(std::array{Fr::one(), Fr::one()});
                 sponge.squeeze_challenge();
                 sponge.squeeze_challenge();
               }),
               kWrong);
  EXPECT_DEATH(use([](S& sponge) { sponge.absorb(std::array{Fr::one(), Fr::one()}); }), "pattern goes on");
}
#endif

}  // namespace
}  // namespace magnetar::hash
