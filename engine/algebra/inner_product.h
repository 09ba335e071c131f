#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/algebra/adx/accumulator.h"
#include "engine/algebra/field.h"

namespace magnetar::algebra {

namespace portable {

/// Five words, the least significant first, that take sums of products before they are reduced.
struct Accumulator {
  std::array<std::uint64_t, 5> words{};

  /// Adds a·b; the sum must stay below 2^320.
  constexpr void add_product(std::uint64_t a, const U256& b) {
    std::uint64_t carry = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      const Uint128 sum = Uint128{a} * b.limbs[i] + words[i] + carry;
      words[i] = static_cast<std::uint64_t>(sum);
      carry = static_cast<std::uint64_t>(sum >> 64);
    }
    words[4] += carry;
  }

  /// Adds the multiple of p that clears the lowest word, and drops that word.
  constexpr void reduce(const U256& p, std::uint64_t negative_inverse) {
    const std::uint64_t factor = words[0] * negative_inverse;
    Uint128 sum = Uint128{factor} * p.limbs[0] + words[0];
    for (std::size_t i = 1; i < 4; ++i) {
      sum = Uint128{factor} * p.limbs[i] + words[i] + static_cast<std::uint64_t>(sum >> 64);
      words[i - 1] = static_cast<std::uint64_t>(sum);
    }
    sum = Uint128{words[4]} + static_cast<std::uint64_t>(sum >> 64);
    words[3] = static_cast<std::uint64_t>(sum);
    words[4] = static_cast<std::uint64_t>(sum >> 64);
  }

  /// The residue below p of a value below 3·p, plus `addend` below p; the sum must be below 3·p < 2^256.
  constexpr U256 finish(const U256& addend, const U256& p) const {
    U256 value = add(U256{{words[0], words[1], words[2], words[3]}}, addend);
    for (int round = 0; round < 2; ++round) {
      U256 difference;
      std::uint64_t borrow = 0;
      for (std::size_t i = 0; i < 4; ++i) {
        difference.limbs[i] = subtract_with_borrow(value.limbs[i], p.limbs[i], borrow);
      }
      const std::uint64_t keep = ~borrow + 1;
      for (std::size_t i = 0; i < 4; ++i) value.limbs[i] = (value.limbs[i] & keep) | (difference.limbs[i] & ~keep);
    }
    return value;
  }
};

}  // namespace portable

/// Σ a[i]·b[i] + addend, for spans of the same length: up to five products share one Montgomery reduction, at less
/// than half the cost of a product each.
template <class F>
F inner_product(std::span<const F> a, std::span<const F> b, F addend = F::zero()) {
  // With k products a value before reduction is below (k + 1)·p·2^64 and must stay below 2^320 without the last
  // multiple of p; after it the sum is below (1 + k·p/2^256)·p + addend, which two subtractions bring below p.
  constexpr std::size_t kTerms = 5;
  static_assert(F::kModulus.limbs[3] < ~std::uint64_t{0} / kTerms);
  assert(a.size() == b.size());

  const auto sum = [&]<class Accumulator>(Accumulator) {
    for (std::size_t begin = 0; begin < a.size(); begin += kTerms) {
      const std::size_t end = std::min(a.size(), begin + kTerms);
      Accumulator accumulator;
      for (std::size_t word = 0; word < 4; ++word) {
        for (std::size_t i = begin; i < end; ++i) {
          accumulator.add_product(a[i].montgomery().limbs[word], b[i].montgomery());
        }
        accumulator.reduce(F::kModulus, Montgomery<typename F::Parameters>::kNegativeInverse);
      }
      addend = F::from_montgomery(accumulator.finish(addend.montgomery(), F::kModulus));
    }
    return addend;
  };
#ifdef __x86_64__
  if (use_adx) return sum(adx::Accumulator());
#endif
  return sum(portable::Accumulator());
}

}  // namespace magnetar::algebra
