#pragma once

#include <array>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <span>
#include <tl/expected.hpp>
#include <type_traits>

#include "engine/algebra/adx/montgomery_product.h"
#include "engine/algebra/decode_error.h"
#include "engine/algebra/field_parameters.h"
#include "engine/algebra/instruction_set.h"
#include "engine/algebra/u256.h"

namespace magnetar::algebra {

/// Constants of Montgomery arithmetic with R = 2^256, derived from the modulus alone.
template <class P>
struct Montgomery {
  static constexpr U256 kModulus = P::kModulus;
  static_assert(kModulus.is_odd() && kModulus.limbs[3] != 0 && kModulus.limbs[3] < 0x7fff'ffff'ffff'ffff);

  /// -p^-1 mod 2^64, by Newton's iteration: each round doubles the number of right bits, starting from 3.
  static constexpr std::uint64_t kNegativeInverse = [] {
    std::uint64_t inverse = kModulus.limbs[0];
    for (int round = 0; round < 5; ++round) inverse *= 2 - kModulus.limbs[0] * inverse;
    return ~inverse + 1;
  }();

  /// 2^exponent mod p.
  static constexpr U256 power_of_two(unsigned exponent) {
    U256 value = U256::from_u64(1);
    for (unsigned i = 0; i < exponent; ++i) {
      value = value.shifted_left(1);
      if (value >= kModulus) value = subtract(value, kModulus);
    }
    return value;
  }

  static constexpr U256 kR = power_of_two(256);
  static constexpr U256 kR2 = power_of_two(512);
};

/// An element of the prime field of `P` (see field_parameters.h). The value is always canonical: equal elements have
/// equal representations. Arithmetic takes time that depends on the operands: not for secrets.
template <class P>
class Field {
 public:
  using Parameters = P;
  static constexpr U256 kModulus = P::kModulus;
  static constexpr std::size_t kBytes = 32;
  static constexpr std::size_t kBits = kModulus.bit_length();
  /// The largest s with 2^s dividing p - 1.
  static constexpr std::size_t kTwoAdicity = subtract(kModulus, U256::from_u64(1)).trailing_zeros();

  /// Zero.
  constexpr Field() = default;

  static constexpr Field zero() { return {}; }
  static constexpr Field one() { return Field(Montgomery<P>::kR); }
  static constexpr Field from_u64(std::uint64_t value) { return reduce(U256::from_u64(value)); }
  static constexpr Field from_i64(std::int64_t value) {
    if (value >= 0) return from_u64(static_cast<std::uint64_t>(value));
    return -from_u64(~static_cast<std::uint64_t>(value) + 1);
  }
  /// `value` mod p, for any 256-bit value.
  static constexpr Field reduce(const U256& value) { return Field(montgomery_product(value, Montgomery<P>::kR2)); }
  /// `value` if it is below p.
  static constexpr std::optional<Field> from_canonical(const U256& value) {
    if (value >= kModulus) return std::nullopt;
    return reduce(value);
  }
  /// Strict decoding of 32 little-endian bytes: an integer not below p is refused.
  static constexpr tl::expected<Field, DecodeError> from_bytes(std::span<const std::uint8_t> bytes) {
    if (bytes.size() != kBytes) return tl::unexpected(DecodeError::kWrongLength);
    const auto element = from_canonical(U256::from_le_bytes(bytes.first<kBytes>()));
    if (!element) return tl::unexpected(DecodeError::kNotCanonical);
    return *element;
  }
  /// The little-endian integer of any length, reduced mod p.
  static Field from_wide_le(std::span<const std::uint8_t> bytes);
  /// The big-endian integer of any length, reduced mod p (OS2IP and reduction as in RFC 9380, section 5.2).
  static Field from_wide_be(std::span<const std::uint8_t> bytes);
  /// The element whose Montgomery representation a·2^256 mod p is `limbs`, which must be below p.
  static constexpr Field from_montgomery(const U256& limbs) { return Field(limbs); }

  /// A uniform element (rejection sampling), the same for the same generator state everywhere.
  template <std::uniform_random_bit_generator Generator>
  requires(Generator::min() == 0 && Generator::max() == std::numeric_limits<std::uint64_t>::max()) static Field
      random(Generator& generator) {
    constexpr std::uint64_t kTopMask = ~std::uint64_t{0} >> (256 - kBits);
    for (;;) {
      U256 candidate;
      for (std::uint64_t& limb : candidate.limbs) limb = generator();
      candidate.limbs[3] &= kTopMask;
      // Any bijection of a uniform residue is uniform, so the candidate may serve as the Montgomery form.
      if (candidate < kModulus) return Field(candidate);
    }
  }

  /// The integer in 0..p-1.
  constexpr U256 to_canonical() const { return montgomery_reduction(value_); }
  constexpr std::array<std::uint8_t, kBytes> to_bytes() const { return to_canonical().to_le_bytes(); }
  constexpr const U256& montgomery() const { return value_; }

  constexpr bool is_zero() const { return value_.is_zero(); }
  constexpr bool is_one() const { return value_ == Montgomery<P>::kR; }
  /// Parity of the canonical integer: sgn0 of RFC 9380, section 4.1.
  constexpr bool is_odd() const { return to_canonical().is_odd(); }

  friend constexpr bool operator==(const Field&, const Field&) = default;
  /// The order of the canonical integers.
  friend constexpr std::strong_ordering operator<=>(const Field& a, const Field& b) {
    return a.to_canonical() <=> b.to_canonical();
  }

  friend constexpr Field operator+(const Field& a, const Field& b) {
    return Field(reduced_once(add(a.value_, b.value_)));  // no carry out: p < 2^255
  }
  friend constexpr Field operator-(const Field& a, const Field& b) {
    U256 difference;
    std::uint64_t borrow = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      difference.limbs[i] = subtract_with_borrow(a.value_.limbs[i], b.value_.limbs[i], borrow);
    }
    const std::uint64_t mask = ~borrow + 1;
    std::uint64_t carry = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      difference.limbs[i] = add_with_carry(difference.limbs[i], kModulus.limbs[i] & mask, carry);
    }
    return Field(difference);
  }
  friend constexpr Field operator*(const Field& a, const Field& b) {
    return Field(montgomery_product(a.value_, b.value_));
  }
  constexpr Field operator-() const { return is_zero() ? *this : Field(subtract(kModulus, value_)); }
  constexpr Field& operator+=(const Field& other) { return *this = *this + other; }
  constexpr Field& operator-=(const Field& other) { return *this = *this - other; }
  constexpr Field& operator*=(const Field& other) { return *this = *this * other; }

  constexpr Field doubled() const { return *this + *this; }
  constexpr Field square() const { return *this * *this; }

  /// This element to the power of a 256-bit integer; 0^0 = 1.
  constexpr Field pow(const U256& exponent) const {
    Field result = one();
    for (std::size_t i = exponent.bit_length(); i-- > 0;) {
      result = result.square();
      if (exponent.bit(i)) result *= *this;
    }
    return result;
  }
  constexpr Field pow(std::uint64_t exponent) const { return pow(U256::from_u64(exponent)); }

  /// The inverse; zero for zero.
  Field inverse() const;
  /// Whether this is the square of an element; true for zero.
  bool is_square() const;
  /// The square root whose canonical integer is even, if there is one.
  std::optional<Field> sqrt() const;

  /// `condition ? a : b` without a branch.
  static constexpr Field select(bool condition, const Field& a, const Field& b) {
    const std::uint64_t mask = ~static_cast<std::uint64_t>(condition) + 1;
    Field result;
    for (std::size_t i = 0; i < 4; ++i) {
      result.value_.limbs[i] = (a.value_.limbs[i] & mask) | (b.value_.limbs[i] & ~mask);
    }
    return result;
  }

 private:
  constexpr explicit Field(const U256& montgomery) : value_(montgomery) {}

  /// `value` or `value - p`, whichever is canonical, for value < 2p.
  static constexpr U256 reduced_once(const U256& value) {
    U256 difference;
    std::uint64_t borrow = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      difference.limbs[i] = subtract_with_borrow(value.limbs[i], kModulus.limbs[i], borrow);
    }
    return borrow != 0 ? value : difference;
  }

  /// a·b/2^256 mod p, canonical, for any a < 2^256 and b < p.
  static constexpr U256 montgomery_product(const U256& a, const U256& b) {
#ifdef __x86_64__
    if (!std::is_constant_evaluated() && use_adx) {
      return adx::montgomery_product(a, b, Montgomery<P>::kModulus, Montgomery<P>::kNegativeInverse);
    }
#endif
    return portable_product(a, b);
  }

  /// The same in plain C++. Coarsely integrated operand scanning (Koç, Acar,
  /// Kaliski 1996); as p < 2^255 - 2^191, the two carries of a round add up without overflow.
  [[gnu::noinline]] static constexpr U256 portable_product(const U256& a, const U256& b) {
    std::array<std::uint64_t, 4> t{};
    for (std::size_t i = 0; i < 4; ++i) {
      Uint128 product = Uint128{a.limbs[i]} * b.limbs[0] + t[0];
      const std::uint64_t factor = static_cast<std::uint64_t>(product) * Montgomery<P>::kNegativeInverse;
      Uint128 reduction = Uint128{factor} * kModulus.limbs[0] + static_cast<std::uint64_t>(product);
      for (std::size_t j = 1; j < 4; ++j) {
        product = Uint128{a.limbs[i]} * b.limbs[j] + t[j] + static_cast<std::uint64_t>(product >> 64);
        reduction = Uint128{factor} * kModulus.limbs[j] + static_cast<std::uint64_t>(product) +
                    static_cast<std::uint64_t>(reduction >> 64);
        t[j - 1] = static_cast<std::uint64_t>(reduction);
      }
      t[3] = static_cast<std::uint64_t>(product >> 64) + static_cast<std::uint64_t>(reduction >> 64);
    }
    return reduced_once(U256{t});
  }

  /// a/2^256 mod p, canonical, for a < p: half the work of a product by one.
  static constexpr U256 montgomery_reduction(const U256& a) {
    std::array<std::uint64_t, 4> t = a.limbs;
    for (std::size_t i = 0; i < 4; ++i) {
      const std::uint64_t factor = t[0] * Montgomery<P>::kNegativeInverse;
      Uint128 sum = Uint128{factor} * kModulus.limbs[0] + t[0];
      for (std::size_t j = 1; j < 4; ++j) {
        sum = Uint128{factor} * kModulus.limbs[j] + t[j] + static_cast<std::uint64_t>(sum >> 64);
        t[j - 1] = static_cast<std::uint64_t>(sum);
      }
      t[3] = static_cast<std::uint64_t>(sum >> 64);
    }
    return reduced_once(U256{t});
  }

  U256 value_;
};

/// Replaces every element by its inverse, zeros by zero: one inversion and three products an element.
template <class P>
void batch_inverse(std::span<Field<P>> elements);

/// out[i] = a[i]·b[i]; the spans have the same length, and `out` may be one of the others. 8 at a time with IFMA.
template <class P>
void multiply(std::span<const Field<P>> a, std::span<const Field<P>> b, std::span<Field<P>> out);

/// out[i] = a[i]²; the spans have the same length, and `out` may be `a`. 8 at a time with IFMA.
template <class P>
void square(std::span<const Field<P>> a, std::span<Field<P>> out);

/// The scalar field of BN254 and base field of Grumpkin.
using Fr = Field<Bn254ScalarParameters>;
/// The base field of BN254 and scalar field of Grumpkin.
using Fq = Field<Bn254BaseParameters>;

extern template class Field<Bn254ScalarParameters>;
extern template class Field<Bn254BaseParameters>;
extern template void batch_inverse(std::span<Fr>);
extern template void batch_inverse(std::span<Fq>);
extern template void multiply(std::span<const Fr>, std::span<const Fr>, std::span<Fr>);
extern template void multiply(std::span<const Fq>, std::span<const Fq>, std::span<Fq>);
extern template void square(std::span<const Fr>, std::span<Fr>);
extern template void square(std::span<const Fq>, std::span<Fq>);

}  // namespace magnetar::algebra
