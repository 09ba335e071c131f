#include "engine/hash/poseidon.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "engine/hash/grain_lfsr.h"

namespace magnetar::hash {
namespace {

using algebra::Fq;
using algebra::Fr;
using algebra::U256;

template <class F>
std::vector<F> counting_state(std::size_t width) {
  std::vector<F> state(width);
  for (std::size_t i = 0; i < width; ++i) state[i] = F::from_u64(i);
  return state;
}

template <class F>
void expect_permutation_of_counting_state(std::initializer_list<U256> expected) {
  std::vector<F> fast = counting_state<F>(expected.size());
  std::vector<F> plain = fast;
  Poseidon<F>::of_width(expected.size()).permute(fast);
  Poseidon<F>::of_width(expected.size()).permute_plain(plain);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(fast[i].to_canonical(), expected.begin()[i]) << i;
    EXPECT_EQ(plain[i].to_canonical(), expected.begin()[i]) << i;
  }
}

// poseidonperm_x5_254_3 of the authors' test_vectors.txt (extgit.isec.tugraz.at/krypto/hadeshash).
TEST(Poseidon, MatchesTheReferenceVectorOfWidth3) {
  expect_permutation_of_counting_state<Fr>({
      U256::from_hex("115cc0f5e7d690413df64c6b9662e9cf2a3617f2743245519e19607a4417189a"),
      U256::from_hex("0fca49b798923ab0239de1c9e7a4a9a2210312b6a2f616d18b5a87f9b628ae29"),
      U256::from_hex("0e7ae82e40091e63cbd4f16a6d16310b3729d4b6e138fcf54110e2867045a30c"),
  });
}

// poseidonperm_x5_254_5 of the same file.
TEST(Poseidon, MatchesTheReferenceVectorOfWidth5) {
  expect_permutation_of_counting_state<Fr>({
      U256::from_hex("299c867db6c1fdd79dcefa40e4510b9837e60ebb1ce0663dbaa525df65250465"),
      U256::from_hex("1148aaef609aa338b27dafd89bb98862d8bb2b429aceac47d86206154ffe053d"),
      U256::from_hex("24febb87fed7462e23f6665ff9a0111f4044c38ee1672c1ac6b0637d34f24907"),
      U256::from_hex("0eb08f6d809668a981c186beaf6110060707059576406b248e5d9cf6e78b3d3e"),
      U256::from_hex("07748bc6877c9b82c8b98666ee9d0626ec7f5be4205f79ee8528ef1c4a376fc7"),
  });
}

// circomlib hashes inputs 1..n to the first element of the permutation of (0, 1, ..., n), with the same instances.
// Widths 2 and 7: TestPoseidonHash of github.com/iden3/go-iden3-crypto, poseidon/poseidon_test.go (in decimal there);
// the others: circomlibjs 0.1.7, buildPoseidon.
TEST(Poseidon, MatchesCircomlib) {
  const auto hash = [](std::size_t inputs) {
    std::vector<Fr> state = counting_state<Fr>(inputs + 1);
    Poseidon<Fr>::of_width(inputs + 1).permute(state);
    return state[0].to_canonical();
  };
  EXPECT_EQ(hash(1), U256::from_hex("29176100eaa962bdc1fe6c654d6a3c130e96a4d1168b33848b897dc502820133"));
  EXPECT_EQ(hash(3), U256::from_hex("0e7732d89e6939c0ff03d5e58dab6302f3230e269dc5b968f725df34ab36d732"));
  EXPECT_EQ(hash(5), U256::from_hex("0dab9449e4a1398a15224c0b15a49d598b2174d305a316c918125f8feeb123c0"));
  EXPECT_EQ(hash(6), U256::from_hex("2d1a03850084442813c8ebf094dea47538490a68b05f2239134a4cca2f6302e1"));
  EXPECT_EQ(hash(7), U256::from_hex("1c2f3482dbb140c4ebb9ada49abdbc374a9a85fcfc6533ec2e9df45b4921c318"));
  EXPECT_EQ(hash(8), U256::from_hex("2921ab9bd0140cbc98e40395c0fefb40337a4d54fbbecd9a4d43b3d8d0c4d8d1"));
  EXPECT_EQ(hash(9), U256::from_hex("1e0b893aa2ad802275e749d260330b7675b22bb3aaa4461d204af32e60cd9078"));
}

// Nobody publishes vectors for the base field: these are of tests/hash/reference.py, which shares no code with the
// engine. Test hash_reference runs it and compares what it prints with this file.
TEST(Poseidon, MatchesTheIndependentImplementationInTheBaseField) {
  const struct {
    std::size_t width;
    std::array<U256, 3> first;
  } vectors[] = {
      {3,
       {U256::from_hex("026f133d94c29a5b9d18f81ea258d9d87a3f151f01908a0cf98b605d29dd6f25"),
        U256::from_hex("035a70654a12cbe86a9844e79dd5aa0ef14b9f1a867e97168d6c98e6dc6ced54"),
        U256::from_hex("2b2fd4e807300db3e9fd6513a6e40712f3034a779f27217c2c5a940e29ac410e")}},
      {5,
       {U256::from_hex("05087abe6f3a5b3e9159d3293f849a2ab2a6ad662d2a9fcfbb52c91d79e0cc36"),
        U256::from_hex("1caaeb3149120ec435ba54440c03cd62bd2d68597945ea167bea2d4950d878b5"),
        U256::from_hex("0fb508c57e1390bf3dd5e9c1e3ad64ef1d643ea4f7a0ae10c7a5e97b0eefb175")}},
      {9,
       {U256::from_hex("0ed7bf991684ea264c6552fb0d184e526fd1d59cdb805e7806c449c2222ea256"),
        U256::from_hex("2416b1e616386dda93397c1df633ad4b816fc834fc64c4e26172f53a0c214a2c"),
        U256::from_hex("026c9db86b5215a8073d51ef8b470e6bb5eb67d5101821fddd248b20b9e94fc2")}},
  };
  for (const auto& vector : vectors) {
    std::vector<Fq> state = counting_state<Fq>(vector.width);
    Poseidon<Fq>::of_width(vector.width).permute(state);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(state[i].to_canonical(), vector.first[i]) << vector.width;
  }
}

TEST(Poseidon, SharesTheFirstConstantBetweenFields) {
  // The first published constant of width 3 (generate_parameters_grain.sage, BN254): below both moduli, hence the same.
  const U256 first = U256::from_hex("0ee9a592ba9a9518d05986d656f40c2114c4993c11bb29938d21d47304cd8e6e");
  EXPECT_EQ(Poseidon<Fr>::of_width(3).parameters().round_constants[0].to_canonical(), first);
  EXPECT_EQ(Poseidon<Fq>::of_width(3).parameters().round_constants[0].to_canonical(), first);
}

struct RoundNumbers {
  std::size_t full = 0;
  std::size_t partial = 0;
};

/// The fewest S-boxes for 128 bits of security with margin: calc_round_numbers.py of the authors, whose inequalities
/// are those of section 5.5 of the paper.
RoundNumbers fewest_rounds(std::size_t width, double log2_modulus) {
  const double security = 128;
  const double t = static_cast<double>(width);
  const double log5_of_2 = std::log(2.0) / std::log(5.0);
  RoundNumbers best;
  double best_cost = std::numeric_limits<double>::infinity();
  for (int partial = 1; partial < 500; ++partial) {
    for (int full = 4; full < 100; full += 2) {
      const double statistical = security <= std::floor(log2_modulus - 2) * (t + 1) ? 6 : 10;
      const double interpolation =
          1 + std::ceil(log5_of_2 * security) + std::ceil(std::log(t) / std::log(5.0)) - partial;
      const double groebner1 = 1 + log5_of_2 * std::min(security / 3, log2_modulus / 2) - partial;
      const double groebner2 = t - 1 + std::min(log5_of_2 * security / (t + 1), log5_of_2 * log2_modulus / 2) - partial;
      if (full < statistical || full < interpolation || full < std::ceil(groebner1) || full < std::ceil(groebner2)) {
        continue;
      }
      const double partial_with_margin = std::ceil(partial * 1.075);
      const double cost = t * (full + 2) + partial_with_margin;
      if (cost < best_cost) {
        best_cost = cost;
        best = {static_cast<std::size_t>(full) + 2, static_cast<std::size_t>(partial_with_margin)};
      }
    }
  }
  return best;
}

TEST(Poseidon, RoundNumbersFollowFromTheInequalities) {
  for (std::size_t width = kMinPoseidonWidth; width <= kMaxPoseidonWidth; ++width) {
    const RoundNumbers least = fewest_rounds(width, 253.6);
    EXPECT_EQ(least.full, kPoseidonFullRounds) << width;
    EXPECT_EQ(poseidon_partial_rounds(width), (least.partial + width - 1) / width * width) << width;
  }
}

template <class F>
class PoseidonField : public testing::Test {};
using Fields = testing::Types<Fr, Fq>;
TYPED_TEST_SUITE(PoseidonField, Fields);

TYPED_TEST(PoseidonField, FastPermutationEqualsThePlainOne) {
  using F = TypeParam;
  std::mt19937_64 generator(7);
  for (std::size_t width = kMinPoseidonWidth; width <= kMaxPoseidonWidth; ++width) {
    const Poseidon<F>& poseidon = Poseidon<F>::of_width(width);
    for (int round = 0; round < 50; ++round) {
      std::vector<F> fast(width);
      // Zeros, ones and p - 1 among random elements.
      for (F& element : fast) {
        const auto kind = generator() % 8;
        element = kind == 0 ? F::zero() : kind == 1 ? F::one() : kind == 2 ? -F::one() : F::random(generator);
      }
      std::vector<F> plain = fast;
      poseidon.permute(fast);
      poseidon.permute_plain(plain);
      ASSERT_EQ(fast, plain) << width;
    }
  }
}

TYPED_TEST(PoseidonField, MatrixIsCauchyMdsAndResistsTrails) {
  using F = TypeParam;
  for (const std::size_t width : {2U, 3U, 5U, 9U}) {
    const SquareMatrix<F>& mds = Poseidon<F>::of_width(width).parameters().mds;
    EXPECT_TRUE(resists_subspace_trails(mds));
    // Entries 1/(x_i + y_j): differences of inverses along columns are the same in every column.
    for (std::size_t i = 1; i < width; ++i) {
      const F difference = mds(i, 0).inverse() - mds(0, 0).inverse();
      EXPECT_FALSE(difference.is_zero());
      for (std::size_t j = 1; j < width; ++j) EXPECT_EQ(mds(i, j).inverse() - mds(0, j).inverse(), difference);
    }
  }
}

TYPED_TEST(PoseidonField, WeakMatricesAreFound) {
  using F = TypeParam;
  EXPECT_FALSE(resists_subspace_trails(SquareMatrix<F>(3)));            // singular
  EXPECT_FALSE(resists_subspace_trails(SquareMatrix<F>::identity(3)));  // everything is invariant
  // The second and third elements keep to themselves: a trail without active S-boxes.
  SquareMatrix<F> inactive(3);
  const std::uint64_t entries[3][3] = {{2, 0, 0}, {1, 3, 1}, {5, 1, 7}};
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) inactive(i, j) = F::from_u64(entries[i][j]);
  }
  EXPECT_TRUE(inactive.is_invertible());
  EXPECT_FALSE(resists_subspace_trails(inactive));
  // The first element keeps to itself: a trail with active S-boxes.
  EXPECT_FALSE(resists_subspace_trails(inactive.transposed()));
  // A cyclic shift: trails of period 3 only.
  SquareMatrix<F> shift(3);
  for (std::size_t i = 0; i < 3; ++i) shift(i, (i + 1) % 3) = F::one();
  EXPECT_FALSE(resists_subspace_trails(shift));
}

TEST(GrainLfsr, PutsOutTheSecondBitOfPairsThatStartWithOne) {
  // The initial state of width 3 over a 254-bit field, clocked by hand from the description.
  std::vector<int> state;
  const auto append = [&](unsigned value, int bits) {
    for (int i = bits; i-- > 0;) state.push_back(static_cast<int>((value >> i) & 1));
  };
  append(1, 2);
  append(0, 4);
  append(254, 12);
  append(3, 12);
  append(8, 10);
  append(57, 10);
  append((1U << 30) - 1, 30);
  const auto clock = [&] {
    const int bit = state[62] ^ state[51] ^ state[38] ^ state[23] ^ state[13] ^ state[0];
    state.erase(state.begin());
    state.push_back(bit);
    return bit;
  };
  for (int i = 0; i < 160; ++i) clock();
  GrainLfsr lfsr(254, 3, 8, 57);
  for (int i = 0; i < 1000; ++i) {
    int second = 0;
    bool first = false;
    while (!first) {
      first = clock() == 1;
      second = clock();
    }
    ASSERT_EQ(lfsr.next_bit(), second == 1) << i;
  }
}

}  // namespace
}  // namespace magnetar::hash
