#include "engine/commit/digits.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <array>

#include "engine/algebra/field.h"

namespace magnetar::commit {

namespace {

using algebra::PointReference;
using algebra::U256;

constexpr std::size_t kBlock = 8192;

struct SignedMagnitude {
  U256 magnitude;
  bool negative;
};

template <SmallScalar T>
SignedMagnitude signed_magnitude(T scalar) {
  const bool negative = std::is_signed_v<T> && scalar < 0;
  const auto bits = static_cast<std::uint64_t>(+scalar);
  return {U256::from_u64(negative ? ~bits + 1 : bits), negative};
}

template <class P>
SignedMagnitude signed_magnitude(const algebra::Field<P>& scalar) {
  constexpr U256 kHalf = P::kModulus.shifted_right(1);
  const U256 value = scalar.to_canonical();
  if (value <= kHalf) return {value, false};
  return {subtract(P::kModulus, value), true};
}

/// A scalar as the first pass leaves it for the second.
struct Summary {
  // The magnitude if it is below 2^63, shifted left, with the sign in bit 0.
  std::uint64_t small;
  std::uint8_t covered;
};

/// What is added to a magnitude so that bits position..position+width-1 are the window's digit plus 2^(width-1) - 1.
U256 digit_offset(const WindowPlan& plan) {
  U256 offset;
  for (const Window& window : plan.windows) {
    U256 half = U256::from_u64((std::uint64_t{1} << (window.width - 1)) - 1);
    for (std::size_t i = 0; i < window.position; ++i) half = half.shifted_left(1);
    offset = add(offset, half);
  }
  return offset;
}

}  // namespace

template <class Scalar>
Digits recode(std::span<const Scalar> scalars, std::span<const std::uint8_t> skip, const Tables& tables) {
  const std::size_t blocks = (scalars.size() + kBlock - 1) / kBlock;
  const auto block_end = [&](std::size_t block) { return std::min(scalars.size(), (block + 1) * kBlock); };
  const auto summaries = std::make_unique_for_overwrite<Summary[]>(scalars.size());
  std::vector<std::array<std::uint32_t, kMaxBits + 1>> histograms(blocks);
  tbb::parallel_for(std::size_t{0}, blocks, [&](std::size_t block) {
    for (std::size_t i = block * kBlock; i < block_end(block); ++i) {
      const auto [magnitude, negative] = signed_magnitude(scalars[i]);
      const std::size_t covered = skip.empty() || skip[i] == 0 ? covered_bits(magnitude) : 0;
      summaries[i] = {(magnitude.limbs[0] << 1) | static_cast<std::uint64_t>(negative),
                      static_cast<std::uint8_t>(covered)};
      ++histograms[block][covered];
    }
  });

  BitHistogram histogram{};
  for (const auto& part : histograms) {
    for (std::size_t covered = 0; covered <= kMaxBits; ++covered) histogram[covered] += part[covered];
  }
  Digits result;
  result.plan = plan_windows(histogram, tables.count, tables.stride);
  const std::size_t windows = result.plan.windows.size();
  if (windows == 0) return result;
  std::array<std::uint16_t, kMaxBits + 1> windows_for{};
  for (std::size_t covered = 0; covered <= kMaxBits; ++covered) {
    windows_for[covered] = static_cast<std::uint16_t>(result.plan.windows_for(covered));
  }

  // cursors[block][k]: where the first scalar of the block that needs k windows goes.
  std::vector<std::vector<std::uint32_t>> cursors(blocks, std::vector<std::uint32_t>(windows + 1));
  for (std::size_t block = 0; block < blocks; ++block) {
    for (std::size_t covered = 1; covered <= kMaxBits; ++covered) {
      cursors[block][windows_for[covered]] += histograms[block][covered];
    }
  }
  result.counts.resize(windows);
  std::uint32_t position = 0;
  for (std::size_t needed = windows; needed >= 1; --needed) {
    for (auto& block : cursors) position += std::exchange(block[needed], position);
    result.counts[needed - 1] = position;
  }
  result.bases = std::make_unique_for_overwrite<PointReference[]>(position);
  for (const std::size_t count : result.counts) {
    result.digits.push_back(std::make_unique_for_overwrite<std::uint16_t[]>(count));
  }

  const U256 offset = digit_offset(result.plan);
  tbb::parallel_for(std::size_t{0}, blocks, [&](std::size_t block) {
    for (std::size_t i = block * kBlock; i < block_end(block); ++i) {
      const Summary summary = summaries[i];
      if (summary.covered == 0) continue;
      SignedMagnitude scalar{U256::from_u64(summary.small >> 1), (summary.small & 1) != 0};
      if (summary.covered > 63) scalar = signed_magnitude(scalars[i]);
      const std::size_t needed = windows_for[summary.covered];
      const std::size_t target = cursors[block][needed]++;
      result.bases[target] = PointReference(static_cast<std::uint32_t>(i), scalar.negative);
      const U256 shifted = add(scalar.magnitude, offset);
      for (std::size_t w = 0; w < needed; ++w) {
        const Window& window = result.plan.windows[w];
        result.digits[w][target] = static_cast<std::uint16_t>(shifted.bits(window.position, window.width));
      }
    }
  });
  return result;
}

template Digits recode(std::span<const algebra::Fr>, std::span<const std::uint8_t>, const Tables&);
template Digits recode(std::span<const algebra::Fq>, std::span<const std::uint8_t>, const Tables&);
template Digits recode(std::span<const std::uint8_t>, std::span<const std::uint8_t>, const Tables&);
template Digits recode(std::span<const std::uint16_t>, std::span<const std::uint8_t>, const Tables&);
template Digits recode(std::span<const std::uint32_t>, std::span<const std::uint8_t>, const Tables&);
template Digits recode(std::span<const std::uint64_t>, std::span<const std::uint8_t>, const Tables&);
template Digits recode(std::span<const std::int8_t>, std::span<const std::uint8_t>, const Tables&);
template Digits recode(std::span<const std::int16_t>, std::span<const std::uint8_t>, const Tables&);
template Digits recode(std::span<const std::int32_t>, std::span<const std::uint8_t>, const Tables&);
template Digits recode(std::span<const std::int64_t>, std::span<const std::uint8_t>, const Tables&);

}  // namespace magnetar::commit
