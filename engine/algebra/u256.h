#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace magnetar::algebra {

__extension__ using Uint128 = unsigned __int128;

/// An unsigned 256-bit integer: four 64-bit limbs, the least significant first.
struct U256 {
  std::array<std::uint64_t, 4> limbs{};

  friend constexpr bool operator==(const U256&, const U256&) = default;

  friend constexpr std::strong_ordering operator<=>(const U256& a, const U256& b) {
    for (std::size_t i = 4; i-- > 0;) {
      if (a.limbs[i] != b.limbs[i]) return a.limbs[i] <=> b.limbs[i];
    }
    return std::strong_ordering::equal;
  }

  static constexpr U256 from_u64(std::uint64_t value) { return {{value, 0, 0, 0}}; }

  /// The integer written in `digits`, hexadecimal without prefix, at most 64 digits; for constants.
  static consteval U256 from_hex(std::string_view digits) {
    U256 value;
    for (const char c : digits) {
      if (value.limbs[3] >> 60 != 0) throw "more than 256 bits";
      value = value.shifted_left(4);
      if (c >= '0' && c <= '9') {
        value.limbs[0] |= static_cast<std::uint64_t>(c - '0');
      } else if (c >= 'a' && c <= 'f') {
        value.limbs[0] |= static_cast<std::uint64_t>(c - 'a' + 10);
      } else {
        throw "not a lower-case hexadecimal digit";
      }
    }
    return value;
  }

  static constexpr U256 from_le_bytes(std::span<const std::uint8_t, 32> bytes) {
    U256 value;
    for (std::size_t i = 0; i < 32; ++i) value.limbs[i / 8] |= std::uint64_t{bytes[i]} << (8 * (i % 8));
    return value;
  }

  constexpr std::array<std::uint8_t, 32> to_le_bytes() const {
    std::array<std::uint8_t, 32> bytes{};
    for (std::size_t i = 0; i < 32; ++i) bytes[i] = static_cast<std::uint8_t>(limbs[i / 8] >> (8 * (i % 8)));
    return bytes;
  }

  constexpr bool is_zero() const { return (limbs[0] | limbs[1] | limbs[2] | limbs[3]) == 0; }
  constexpr bool is_odd() const { return (limbs[0] & 1) != 0; }

  /// Bit `index`, which must be below 256.
  constexpr bool bit(std::size_t index) const { return ((limbs[index / 64] >> (index % 64)) & 1) != 0; }

  /// The `width` <= 63 bits from bit `index` on; bits above 255 read as zero.
  constexpr std::uint64_t bits(std::size_t index, std::size_t width) const {
    const std::size_t limb = index / 64;
    const std::size_t shift = index % 64;
    if (limb >= 4) return 0;
    std::uint64_t value = limbs[limb] >> shift;
    if (shift != 0 && limb + 1 < 4) value |= limbs[limb + 1] << (64 - shift);
    return value & ((std::uint64_t{1} << width) - 1);
  }

  /// The number of bits of the integer: 0 for zero.
  constexpr std::size_t bit_length() const {
    for (std::size_t i = 4; i-- > 0;) {
      if (limbs[i] != 0) return 64 * i + static_cast<std::size_t>(std::bit_width(limbs[i]));
    }
    return 0;
  }

  constexpr std::size_t trailing_zeros() const {
    for (std::size_t i = 0; i < 4; ++i) {
      if (limbs[i] != 0) return 64 * i + static_cast<std::size_t>(std::countr_zero(limbs[i]));
    }
    return 256;
  }

  /// Shifts by `count` in 1..63, dropping what leaves the 256 bits.
  constexpr U256 shifted_left(unsigned count) const {
    U256 result;
    result.limbs[0] = limbs[0] << count;
    for (std::size_t i = 1; i < 4; ++i) result.limbs[i] = (limbs[i] << count) | (limbs[i - 1] >> (64 - count));
    return result;
  }

  constexpr U256 shifted_right(unsigned count) const {
    U256 result;
    for (std::size_t i = 0; i < 3; ++i) result.limbs[i] = (limbs[i] >> count) | (limbs[i + 1] << (64 - count));
    result.limbs[3] = limbs[3] >> count;
    return result;
  }
};

/// `a + b + carry`; the carry out replaces `carry` (0 or 1).
constexpr std::uint64_t add_with_carry(std::uint64_t a, std::uint64_t b, std::uint64_t& carry) {
  const Uint128 sum = Uint128{a} + b + carry;
  carry = static_cast<std::uint64_t>(sum >> 64);
  return static_cast<std::uint64_t>(sum);
}

/// `a - b - borrow`; the borrow out replaces `borrow` (0 or 1).
constexpr std::uint64_t subtract_with_borrow(std::uint64_t a, std::uint64_t b, std::uint64_t& borrow) {
  const Uint128 difference = Uint128{a} - b - borrow;
  borrow = static_cast<std::uint64_t>(difference >> 64) & 1;
  return static_cast<std::uint64_t>(difference);
}

/// `a + b` modulo 2^256.
constexpr U256 add(const U256& a, const U256& b) {
  U256 sum;
  std::uint64_t carry = 0;
  for (std::size_t i = 0; i < 4; ++i) sum.limbs[i] = add_with_carry(a.limbs[i], b.limbs[i], carry);
  return sum;
}

/// `a - b` modulo 2^256.
constexpr U256 subtract(const U256& a, const U256& b) {
  U256 difference;
  std::uint64_t borrow = 0;
  for (std::size_t i = 0; i < 4; ++i) difference.limbs[i] = subtract_with_borrow(a.limbs[i], b.limbs[i], borrow);
  return difference;
}

}  // namespace magnetar::algebra
