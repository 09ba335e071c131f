#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/algebra/u256.h"

namespace magnetar::hash {

/// The source of Poseidon's constants: an 80-bit Grain LFSR in self-shrinking mode, started from the parameters of the
/// instance (Grassi et al., "Poseidon", ePrint 2019/458, appendix E; generate_parameters_grain.sage of the authors).
class GrainLfsr {
 public:
  /// For a prime field of `field_bits` bits and the S-box x^alpha. The modulus itself does not enter the state.
  constexpr GrainLfsr(std::size_t field_bits, std::size_t width, std::size_t full_rounds, std::size_t partial_rounds) {
    append(kPrimeField, 2);
    append(kPowerSbox, 4);
    append(field_bits, 12);
    append(width, 12);
    append(full_rounds, 10);
    append(partial_rounds, 10);
    append((1U << 30) - 1, 30);
    for (int i = 0; i < 160; ++i) clock();
  }

  /// The next bit: of each pair of bits the first says whether the second is put out.
  constexpr bool next_bit() {
    while (!clock()) clock();
    return clock();
  }

  /// The next `bits` <= 256 bits as an integer, the first bit the most significant.
  constexpr algebra::U256 next_integer(std::size_t bits) {
    algebra::U256 value;
    for (std::size_t i = 0; i < bits; ++i) {
      value = value.shifted_left(1);
      value.limbs[0] |= static_cast<std::uint64_t>(next_bit());
    }
    return value;
  }

 private:
  static constexpr std::uint64_t kPrimeField = 1;
  static constexpr std::uint64_t kPowerSbox = 0;
  static constexpr std::size_t kStateBits = 80;

  constexpr bool tap(std::size_t index) const { return (state_ >> (kStateBits - 1 - index) & 1) != 0; }

  constexpr bool clock() {
    const bool bit = tap(62) ^ tap(51) ^ tap(38) ^ tap(23) ^ tap(13) ^ tap(0);
    append(static_cast<std::uint64_t>(bit), 1);
    return bit;
  }

  constexpr void append(std::uint64_t value, unsigned bits) {
    constexpr algebra::Uint128 kMask = (algebra::Uint128{1} << kStateBits) - 1;
    state_ = ((state_ << bits) | value) & kMask;
  }

  algebra::Uint128 state_ = 0;  // bit 79 is the oldest, bit 0 of the paper's sequence
};

}  // namespace magnetar::hash
