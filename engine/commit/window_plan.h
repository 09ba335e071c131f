#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/algebra/u256.h"

namespace magnetar::commit {

/// Scalars enter as magnitude and sign, magnitudes below 2^253; kMaxBits windows' bits cover every one of them.
inline constexpr std::size_t kMaxBits = 254;
/// Digits of a window fit 16 bits.
inline constexpr std::size_t kMaxWidth = 16;

/// How many low bits signed windows must cover so that no carry leaves them: 0 for 0, else 1 + bit_length(magnitude-1).
inline std::size_t covered_bits(const algebra::U256& magnitude) {
  // No branch on zero, which is as likely as not.
  const std::uint64_t some = magnitude.is_zero() ? 0 : 1;
  return some + subtract(magnitude, algebra::U256::from_u64(some)).bit_length();
}

/// Entry b counts the scalars with covered_bits equal to b.
using BitHistogram = std::array<std::size_t, kMaxBits + 1>;

/// Bits position..position+width-1 of the scalars, as a signed digit in -2^(width-1)+1 .. 2^(width-1).
struct Window {
  std::size_t position;
  std::size_t width;
  /// Which table of multiples of the bases it takes its points from: 2^(table·stride) times the bases.
  std::size_t table;
  /// Which set of buckets it adds to.
  std::size_t bucket_set;
};

struct BucketSet {
  std::size_t position;  // what its sum is multiplied by: 2^position
  std::size_t width;     // 2^(width-1) buckets
};

/// Windows in ascending order of position, without gaps.
struct WindowPlan {
  std::vector<Window> windows;
  std::vector<BucketSet> bucket_sets;

  /// Windows that a scalar with these covered_bits needs.
  std::size_t windows_for(std::size_t covered) const;
};

/// The plan of the least estimated cost for scalars of these sizes. `tables` precomputed multiples, each 2^stride times
/// the one before, are used if tables > 1; then tables·stride must reach kMaxBits. Windows of mixed vectors differ in
/// width: wide where many scalars reach, narrow above.
WindowPlan plan_windows(const BitHistogram& histogram, std::size_t tables, std::size_t stride);

/// The stride for precomputed tables of `bases` points each that promises the least cost with at most `max_tables`
/// tables, for full-size scalars.
std::size_t choose_stride(std::size_t bases, std::size_t max_tables);

}  // namespace magnetar::commit
