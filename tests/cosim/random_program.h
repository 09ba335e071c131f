#pragma once

#include <cstdint>
#include <vector>

namespace magnetar::vm::testing {

/// SplitMix64 (Steele, Lea, Flood 2014): the same sequence on every platform.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  /// Uniform in 0..bound-1 but for a bias below bound/2^64.
  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(next() % bound); }

 private:
  std::uint64_t state_;
};

/// Where the programs' loads and stores go.
inline constexpr std::uint32_t kScratch = 0x800000;
inline constexpr std::uint32_t kScratchBytes = 1024;

/// Appends a random program to `text`, whose first word is at address 0: all RV32I instructions but ECALL, operands of
/// every kind with edge values preferred, registers that coincide, x0 as source and destination, loads and stores of
/// every width and alignment that does not fault, also by addresses that wrap around; branches, loops, calls. It ends
/// by falling through, without a fault.
void append_random_program(Random& random, std::vector<std::uint32_t>& text);

/// Appends loads of the whole scratch region.
void append_scratch_dump(std::vector<std::uint32_t>& text);

}  // namespace magnetar::vm::testing
