#include "engine/hash/square_roots.h"

#include <array>
#include <bit>
#include <cassert>
#include <cstddef>
#include <vector>

namespace magnetar::hash {

namespace {

using algebra::U256;

/// p - 1 = kOddPart·2^kTwoAdicity.
template <class F>
constexpr U256 kOddPart = [] {
  U256 value = subtract(F::kModulus, U256::from_u64(1));
  while (!value.is_odd()) value = value.shifted_right(1);
  return value;
}();

/// out[i] = a[i]^exponent, by sliding windows over the bits of the exponent; `exponent` is not zero.
template <class F>
void powers(std::span<const F> a, const U256& exponent, std::span<F> out) {
  constexpr std::size_t kWindow = 5;
  const std::size_t count = a.size();
  // Row k holds a^(2k + 1).
  std::vector<F> odd_powers(count << (kWindow - 1));
  const auto row = [&](std::size_t index) { return std::span(odd_powers).subspan(index * count, count); };
  std::copy(a.begin(), a.end(), odd_powers.begin());
  algebra::square(a, out);
  for (std::size_t index = 1; index < std::size_t{1} << (kWindow - 1); ++index) {
    algebra::multiply(std::span<const F>(row(index - 1)), std::span<const F>(out), row(index));
  }

  bool started = false;
  for (std::size_t end = exponent.bit_length(); end > 0;) {
    if (!exponent.bit(end - 1)) {
      algebra::square(std::span<const F>(out), out);
      --end;
      continue;
    }
    std::size_t begin = end >= kWindow ? end - kWindow : 0;
    while (!exponent.bit(begin)) ++begin;
    const auto digit = static_cast<std::size_t>(exponent.bits(begin, end - begin));
    if (started) {
      for (std::size_t i = begin; i < end; ++i) algebra::square(std::span<const F>(out), out);
      algebra::multiply(std::span<const F>(out), std::span<const F>(row(digit / 2)), out);
    } else {
      std::copy_n(row(digit / 2).begin(), count, out.begin());
      started = true;
    }
    end = begin;
  }
}

/// Discrete logarithms to base g, of order 2^s, in digits of kDigitBits bits.
template <class F>
class TwoPowerLogarithm {
 public:
  static constexpr std::size_t kDigitBits = [] {
    std::size_t bits = 8;
    while (F::kTwoAdicity % bits != 0) --bits;
    return bits;
  }();
  static constexpr std::size_t kDigits = F::kTwoAdicity / kDigitBits;
  static constexpr std::size_t kBase = std::size_t{1} << kDigitBits;

  TwoPowerLogarithm() {
    const F generator = F::from_u64(F::Parameters::kNonResidue).pow(kOddPart<F>);
    F step = generator.inverse();
    for (auto& table : negative_powers_) {
      table[0] = F::one();
      for (std::size_t digit = 1; digit < kBase; ++digit) table[digit] = table[digit - 1] * step;
      step = table[kBase - 1] * step;
    }
    // Of the group of order kBase: the inverse of g^(-d·2^(s - kDigitBits)) has logarithm d.
    for (std::size_t digit = 0; digit < kBase; ++digit) {
      const F& inverse = negative_powers_[kDigits - 1][digit];
      std::size_t slot = slot_of(inverse.inverse());
      while (digits_[slot] != kEmpty) slot = (slot + 1) % kSlots;
      digits_[slot] = static_cast<std::uint16_t>(digit);
      keys_[slot] = inverse.inverse();
    }
  }

  /// The logarithm of `elements[0]`, where elements[i] is elements[0] to the power 2^(kDigitBits·i).
  std::uint64_t logarithm(const std::array<F, kDigits>& elements) const {
    std::uint64_t result = 0;
    for (std::size_t k = 0; k < kDigits; ++k) {
      // Take the digits known so far away; what is left has order kBase.
      F rest = elements[kDigits - 1 - k];
      for (std::size_t i = 0; i < k; ++i) rest *= negative_powers_[kDigits - 1 - k + i][digit(result, i)];
      result |= std::uint64_t{digit_of(rest)} << (kDigitBits * k);
    }
    return result;
  }

  /// g^-exponent.
  F negative_power(std::uint64_t exponent) const {
    F result = negative_powers_[0][digit(exponent, 0)];
    for (std::size_t i = 1; i < kDigits; ++i) result *= negative_powers_[i][digit(exponent, i)];
    return result;
  }

 private:
  static constexpr std::size_t kSlots = 4 * kBase;
  static constexpr std::uint16_t kEmpty = 0xffff;

  static std::size_t digit(std::uint64_t value, std::size_t index) {
    return static_cast<std::size_t>(value >> (kDigitBits * index)) % kBase;
  }
  static std::size_t slot_of(const F& element) {
    return static_cast<std::size_t>(element.montgomery().limbs[0]) % kSlots;
  }

  /// `element` must be a power of g^(2^(s - kDigitBits)).
  std::uint16_t digit_of(const F& element) const {
    std::size_t slot = slot_of(element);
    while (digits_[slot] != kEmpty && keys_[slot] != element) slot = (slot + 1) % kSlots;
    assert(digits_[slot] != kEmpty);
    return digits_[slot];
  }

  /// Table i: g^(-d·2^(kDigitBits·i)) for every digit d.
  std::array<std::array<F, kBase>, kDigits> negative_powers_;
  std::array<F, kSlots> keys_;
  std::array<std::uint16_t, kSlots> digits_ = [] {
    std::array<std::uint16_t, kSlots> empty;
    empty.fill(kEmpty);
    return empty;
  }();
};

}  // namespace

template <class F>
void square_roots(std::span<const F> a, std::span<F> roots, std::span<std::uint8_t> exists) {
  using Logarithm = TwoPowerLogarithm<F>;
  static const Logarithm kLogarithm;
  assert(roots.size() == a.size() && exists.size() == a.size());
  const std::size_t count = a.size();
  if (count == 0) return;

  // With m the odd part of p - 1: root = a^((m+1)/2) has root² = a·defect with defect = a^m of order 2^s.
  std::vector<F> power(count);
  powers<F>(a, kOddPart<F>.shifted_right(1), power);
  algebra::multiply(std::span<const F>(power), a, roots);
  // Row i: defect^(2^(kDigitBits·i)).
  std::vector<F> defects(count * Logarithm::kDigits);
  const auto row = [&](std::size_t index) { return std::span(defects).subspan(index * count, count); };
  algebra::multiply(std::span<const F>(power), std::span<const F>(roots), row(0));
  for (std::size_t index = 1; index < Logarithm::kDigits; ++index) {
    std::copy_n(row(index - 1).begin(), count, row(index).begin());
    for (std::size_t bit = 0; bit < Logarithm::kDigitBits; ++bit) {
      algebra::square(std::span<const F>(row(index)), row(index));
    }
  }

  for (std::size_t i = 0; i < count; ++i) {
    if (a[i].is_zero()) {
      roots[i] = F::zero();
      exists[i] = 1;
      continue;
    }
    std::array<F, Logarithm::kDigits> defect;
    for (std::size_t index = 0; index < Logarithm::kDigits; ++index) defect[index] = row(index)[i];
    const std::uint64_t logarithm = kLogarithm.logarithm(defect);
    exists[i] = static_cast<std::uint8_t>(logarithm % 2 == 0);
    if (exists[i] == 0) continue;
    if (logarithm != 0) roots[i] *= kLogarithm.negative_power(logarithm / 2);
    if (roots[i].is_odd()) roots[i] = -roots[i];
  }
}

template void square_roots(std::span<const algebra::Fr>, std::span<algebra::Fr>, std::span<std::uint8_t>);
template void square_roots(std::span<const algebra::Fq>, std::span<algebra::Fq>, std::span<std::uint8_t>);

}  // namespace magnetar::hash
