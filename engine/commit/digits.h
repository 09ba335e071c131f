#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/algebra/batch_addition.h"
#include "engine/commit/window_plan.h"

namespace magnetar::commit {

/// The scalar types of commitments: elements of a scalar field, which are taken as the nearer of s and s - p, and
/// integers of 8 to 64 bits.
template <class T>
concept SmallScalar = std::same_as<T, std::uint8_t> || std::same_as<T, std::uint16_t> ||
    std::same_as<T, std::uint32_t> || std::same_as<T, std::uint64_t> || std::same_as<T, std::int8_t> ||
    std::same_as<T, std::int16_t> || std::same_as<T, std::int32_t> || std::same_as<T, std::int64_t>;

/// Scalars cut into signed digits. Scalars stand in descending order of the number of windows they need, so that each
/// window treats a prefix, and zeros not at all.
struct Digits {
  WindowPlan plan;
  /// position -> the base of that scalar, negative if the scalar is.
  std::unique_ptr<algebra::PointReference[]> bases;
  /// How many scalars window w treats.
  std::vector<std::size_t> counts;
  /// digits[w][position] is the digit plus 2^(width-1) - 1, for position < counts[w].
  std::vector<std::unique_ptr<std::uint16_t[]>> digits;
};

/// What precomputed tables there are: see plan_windows.
struct Tables {
  std::size_t count;
  std::size_t stride;
};

/// The digits of `scalars`. Where `skip` is not empty, scalars i with skip[i] != 0 count as zero. Memory: 12 bytes a
/// scalar and 2 a digit, at most 46 a scalar.
template <class Scalar>
Digits recode(std::span<const Scalar> scalars, std::span<const std::uint8_t> skip, const Tables& tables);

}  // namespace magnetar::commit
