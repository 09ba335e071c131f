#include "kernels/window_plan.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <limits>
#include <optional>

#include "engine/algebra/u256.h"

namespace magnetar::kernels {
namespace {

constexpr std::uint32_t kMaxBits = WindowPlan::kMaxBits;

// Work in field products.
constexpr double kPerEntry = 10;   // adding an affine point
constexpr double kPerBucket = 36;  // two additions to running sums, a share of the segment's multiple

std::uint32_t tables_for(std::uint32_t stride) {
  return (kMaxBits + stride - 1) / stride;
}

/// The estimated work with a stride cut into `pieces`; none if windows would be too wide or too narrow.
std::optional<double> work(double count, std::uint32_t stride, std::uint32_t pieces) {
  const std::uint32_t width = (stride + pieces - 1) / pieces;
  if (width > WindowPlan::kMaxWidth || pieces > WindowPlan::kMaxPieces || stride / pieces < 1) return std::nullopt;
  const double buckets = static_cast<double>(pieces) * static_cast<double>(std::uint32_t{1} << (width - 1));
  return count * static_cast<double>(tables_for(stride)) * static_cast<double>(pieces) * kPerEntry +
         buckets * kPerBucket;
}

struct Pieces {
  std::uint32_t pieces;
  double work;
};

Pieces best_pieces(std::size_t count, std::uint32_t stride) {
  Pieces best{1, std::numeric_limits<double>::infinity()};
  for (std::uint32_t pieces = 1; pieces <= std::min(stride, WindowPlan::kMaxPieces); ++pieces) {
    const auto candidate = work(static_cast<double>(count), stride, pieces);
    if (candidate && *candidate < best.work) best = {pieces, *candidate};
  }
  return best;
}

}  // namespace

TablePlan plan_tables(std::size_t size, std::size_t max_tables) {
  TablePlan best{kMaxBits, 1};
  double least = best_pieces(size, kMaxBits).work;
  for (std::uint32_t stride = kMaxBits - 1; stride > 0 && tables_for(stride) <= max_tables; --stride) {
    const double candidate = best_pieces(size, stride).work;
    if (candidate < least) {
      least = candidate;
      best = {stride, tables_for(stride)};
    }
  }
  return best;
}

WindowPlan plan_windows(std::size_t count, const TablePlan& tables) {
  const std::uint32_t pieces = best_pieces(std::bit_ceil(count), tables.stride).pieces;
  assert((tables.stride + pieces - 1) / pieces <= WindowPlan::kMaxWidth);
  WindowPlan plan{};
  plan.stride = tables.stride;
  plan.tables = tables.tables;
  plan.pieces = pieces;
  for (std::uint32_t piece = 0; piece <= pieces; ++piece) {
    plan.begin[piece] = static_cast<std::uint8_t>(tables.stride * piece / pieces);
    if (piece == 0) continue;
    const auto width = static_cast<std::uint32_t>(plan.begin[piece] - plan.begin[piece - 1]);
    plan.bucket_bits = std::max(plan.bucket_bits, width - 1);
  }
  algebra::U256 offset;
  for (std::uint32_t table = 0; table < tables.tables; ++table) {
    for (std::uint32_t piece = 0; piece < pieces; ++piece) {
      const std::uint32_t position = table * tables.stride + plan.begin[piece];
      if (position >= kMaxBits) break;
      const std::uint32_t end = std::min(table * tables.stride + plan.begin[piece + 1], kMaxBits);
      const std::uint32_t width = std::min(end - position, WindowPlan::kMaxWidth);
      algebra::U256 half = algebra::U256::from_u64(((std::uint64_t{1} << width) >> 1) - 1);
      for (std::uint32_t i = 0; i < position; ++i) half = half.shifted_left(1);
      offset = add(offset, half);
    }
  }
  for (std::size_t i = 0; i < 8; ++i) {
    plan.offset[i] = static_cast<std::uint32_t>(offset.limbs[i / 2] >> (32 * (i % 2)));
  }
  return plan;
}

PlanLimits plan_limits(std::size_t size, const TablePlan& tables) {
  PlanLimits limits{1, 1, 1};
  for (std::size_t count = 1;; count *= 2) {
    const std::size_t actual = std::min(count, size);
    const WindowPlan plan = plan_windows(count, tables);
    limits.entries = std::max(limits.entries, actual * plan.tables * plan.pieces);
    limits.buckets = std::max<std::size_t>(limits.buckets, plan.buckets());
    limits.pieces = std::max<std::size_t>(limits.pieces, plan.pieces);
    if (count >= size) return limits;
  }
}

}  // namespace magnetar::kernels
