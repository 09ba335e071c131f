#include "engine/commit/digits.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <array>

#include "engine/algebra/field.h"
#include "engine/algebra/instruction_set.h"

namespace magnetar::commit {

namespace {

using algebra::PointReference;
using algebra::U256;

constexpr std::size_t kBlock = 8192;

struct SignedMagnitude {
  U256 magnitude;
  bool negative;
};

/// Scalars that are treated at once: their magnitudes stay in the cache.
constexpr std::size_t kGroup = 256;
static_assert(kBlock % kGroup == 0);

/// The magnitudes of up to kGroup scalars, which must stay where they are.
template <class Scalar>
class Magnitudes {
 public:
  explicit Magnitudes(std::span<const Scalar> scalars) : scalars_(scalars) {}

  SignedMagnitude operator[](std::size_t i) const {
    const Scalar scalar = scalars_[i];
    const bool negative = std::is_signed_v<Scalar> && scalar < 0;
    const auto bits = static_cast<std::uint64_t>(+scalar);
    return {U256::from_u64(negative ? ~bits + 1 : bits), negative};
  }

 private:
  std::span<const Scalar> scalars_;
};

template <class P>
class Magnitudes<algebra::Field<P>> {
 public:
  using F = algebra::Field<P>;

  explicit Magnitudes(std::span<const F> scalars) : scalars_(scalars) {
    // The Montgomery form of s/2^256 is the integer s: with vectors, products by 2^-256 are the fastest way to it.
    static const std::vector<F> factors(kGroup, F::from_montgomery(U256::from_u64(1)));
    if (!vectorised_) return;
    algebra::multiply(scalars, std::span(factors).first(scalars.size()), std::span(quotients_).first(scalars.size()));
  }

  SignedMagnitude operator[](std::size_t i) const {
    const U256 value = vectorised_ ? quotients_[i].montgomery() : scalars_[i].to_canonical();
    const U256 opposite = subtract(P::kModulus, value);
    // Either sign is as likely, so no branch.
    SignedMagnitude result{value, opposite < value};
    const std::uint64_t mask = result.negative ? ~std::uint64_t{0} : 0;
    for (std::size_t j = 0; j < 4; ++j) result.magnitude.limbs[j] ^= (value.limbs[j] ^ opposite.limbs[j]) & mask;
    return result;
  }

 private:
  std::span<const F> scalars_;
  bool vectorised_ = algebra::active_instruction_set() == algebra::InstructionSet::kIfma;
  std::array<F, kGroup> quotients_;
};

constexpr std::size_t kSummaryBits = 63;

/// A scalar as the first pass leaves it for the second.
struct Summary {
  // The magnitude if it has up to kSummaryBits bits, shifted left, with the sign in bit 0.
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
    for (std::size_t begin = block * kBlock; begin < block_end(block); begin += kGroup) {
      const std::size_t count = std::min(kGroup, block_end(block) - begin);
      const Magnitudes<Scalar> magnitudes(scalars.subspan(begin, count));
      for (std::size_t i = begin; i < begin + count; ++i) {
        const auto [magnitude, negative] = magnitudes[i - begin];
        const std::size_t covered = skip.empty() || skip[i] == 0 ? covered_bits(magnitude) : 0;
        summaries[i] = {(magnitude.limbs[0] << 1) | static_cast<std::uint64_t>(negative),
                        static_cast<std::uint8_t>(covered)};
        ++histograms[block][covered];
      }
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
    std::array<Scalar, kGroup> large;
    for (std::size_t begin = block * kBlock; begin < block_end(block); begin += kGroup) {
      const std::size_t end = std::min(begin + kGroup, block_end(block));
      std::size_t larges = 0;
      for (std::size_t i = begin; i < end; ++i) {
        if (summaries[i].covered > kSummaryBits) large[larges++] = scalars[i];
      }
      const Magnitudes<Scalar> large_magnitudes(std::span<const Scalar>(large).first(larges));
      std::size_t next = 0;
      for (std::size_t i = begin; i < end; ++i) {
        const Summary summary = summaries[i];
        if (summary.covered == 0) continue;
        const SignedMagnitude scalar =
            summary.covered > kSummaryBits
                ? large_magnitudes[next++]
                : SignedMagnitude{U256::from_u64(summary.small >> 1), (summary.small & 1) != 0};
        const std::size_t needed = windows_for[summary.covered];
        const std::size_t target = cursors[block][needed]++;
        result.bases[target] = PointReference(static_cast<std::uint32_t>(i), scalar.negative);
        const U256 shifted = add(scalar.magnitude, offset);
        for (std::size_t w = 0; w < needed; ++w) {
          const Window& window = result.plan.windows[w];
          result.digits[w][target] = static_cast<std::uint16_t>(shifted.bits(window.position, window.width));
        }
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
