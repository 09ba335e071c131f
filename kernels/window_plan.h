#pragma once

#include <cstddef>

#include "kernels/packed.h"

namespace magnetar::kernels {

/// How many tables of multiples of the generators a key has: table t holds 2^(t·stride) times each.
struct TablePlan {
  std::uint32_t stride;
  std::uint32_t tables;
};

/// The tables for keys of `size` generators that promise the least work for full-size scalars, at most `max_tables`;
/// of equals, the fewest.
TablePlan plan_tables(std::size_t size, std::size_t max_tables);

/// The windows of least estimated work for `count` full-size scalars with given tables. The same for all counts between
/// powers of two.
WindowPlan plan_windows(std::size_t count, const TablePlan& tables);

/// The largest plans for up to `size` scalars, for workspaces.
struct PlanLimits {
  std::size_t entries;
  std::size_t buckets;
  std::size_t pieces;
};
PlanLimits plan_limits(std::size_t size, const TablePlan& tables);

}  // namespace magnetar::kernels
