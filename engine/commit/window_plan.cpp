#include "engine/commit/window_plan.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace magnetar::commit {

namespace {

// Costs in units of one batched addition, as measured (docs/performance.md).
constexpr double kCostPerDigit = 0.15;     // extracting and sorting a digit, zero or not
constexpr double kCostPerBucket = 2.4;     // a bucket enters two sums (rows and columns)
constexpr double kCostPerWeight = 16;      // a row or column sum: two XYZZ additions
constexpr double kCostPerBucketSet = 500;  // rounds with few pairs, which do not fill a batch

/// The cost of reducing a set of 2^(width-1) buckets into which `entries` points were added, beyond those additions.
double reduction_cost(double entries, std::size_t width) {
  const double buckets = std::ldexp(1.0, static_cast<int>(width) - 1);
  const double used = std::min(buckets, entries);
  // An addition is saved for each bucket in use.
  return (kCostPerBucket - 1) * used + kCostPerWeight * std::min(2 * std::sqrt(buckets), used) +
         (width > 1 ? kCostPerBucketSet : kCostPerBucketSet / 2);
}

/// Entry b: scalars that windows from bit b on must treat.
std::array<double, kMaxBits + 1> reaching(const BitHistogram& histogram) {
  std::array<double, kMaxBits + 1> counts{};
  for (std::size_t bit = kMaxBits; bit-- > 0;) counts[bit] = counts[bit + 1] + static_cast<double>(histogram[bit + 1]);
  return counts;
}

}  // namespace

std::size_t WindowPlan::windows_for(std::size_t covered) const {
  const auto end = std::ranges::lower_bound(windows, covered, {}, &Window::position);
  return static_cast<std::size_t>(end - windows.begin());
}

WindowPlan plan_windows(const BitHistogram& histogram, std::size_t tables, std::size_t stride) {
  const auto counts = reaching(histogram);
  std::size_t top = kMaxBits;
  while (top > 0 && counts[top - 1] == 0) --top;
  WindowPlan plan;
  if (top == 0) return plan;

  if (tables <= 1) {
    // best[b]: the least cost of windows that cover bits b and above.
    std::array<double, kMaxBits + kMaxWidth + 1> best{};
    std::array<std::size_t, kMaxBits> choice{};
    for (std::size_t bit = top; bit-- > 0;) {
      best[bit] = std::numeric_limits<double>::infinity();
      for (std::size_t width = 1; width <= kMaxWidth; ++width) {
        const double cost =
            counts[bit] * (1 + kCostPerDigit) + reduction_cost(counts[bit], width) + best[std::min(bit + width, top)];
        if (cost < best[bit]) {
          best[bit] = cost;
          choice[bit] = width;
        }
      }
    }
    for (std::size_t bit = 0; bit < top; bit += choice[bit]) {
      const std::size_t width = std::min(choice[bit], top - bit);
      plan.windows.push_back({bit, width, 0, plan.bucket_sets.size()});
      plan.bucket_sets.push_back({bit, width});
    }
    return plan;
  }

  // With tables each stride is cut into the same few windows, whose bucket sets all tables share.
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t pieces = (stride + kMaxWidth - 1) / kMaxWidth; pieces <= stride; ++pieces) {
    WindowPlan candidate;
    std::vector<double> entries(pieces);
    double cost = 0;
    for (std::size_t piece = 0; piece < pieces; ++piece) {
      const std::size_t begin = stride * piece / pieces;
      candidate.bucket_sets.push_back({begin, stride * (piece + 1) / pieces - begin});
    }
    for (std::size_t table = 0; table < tables; ++table) {
      for (std::size_t piece = 0; piece < pieces; ++piece) {
        const BucketSet& set = candidate.bucket_sets[piece];
        const std::size_t position = table * stride + set.position;
        if (position >= top) continue;
        candidate.windows.push_back({position, std::min(set.width, kMaxBits - position), table, piece});
        entries[piece] += counts[position];
        cost += counts[position] * (1 + kCostPerDigit);
      }
    }
    for (std::size_t piece = 0; piece < pieces; ++piece) {
      if (entries[piece] > 0) cost += reduction_cost(entries[piece], candidate.bucket_sets[piece].width);
    }
    if (cost < least) {
      least = cost;
      plan = std::move(candidate);
    }
  }
  return plan;
}

std::size_t choose_stride(std::size_t bases, std::size_t max_tables) {
  BitHistogram histogram{};
  histogram[kMaxBits] = bases;
  const auto count = static_cast<double>(bases);
  double least = std::numeric_limits<double>::infinity();
  std::size_t best = kMaxBits;
  for (std::size_t stride = kMaxBits; stride >= 1; --stride) {
    const std::size_t tables = (kMaxBits + stride - 1) / stride;
    if (tables > std::max<std::size_t>(max_tables, 1)) break;
    const std::size_t pieces = (stride + kMaxWidth - 1) / kMaxWidth;
    const double cost =
        static_cast<double>(tables * pieces) * count * (1 + kCostPerDigit) +
        static_cast<double>(pieces) * reduction_cost(count * static_cast<double>(tables), stride / pieces);
    if (cost < least) {
      least = cost;
      best = stride;
    }
  }
  return best;
}

}  // namespace magnetar::commit
