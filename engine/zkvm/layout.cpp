#include "engine/zkvm/layout.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <cassert>
#include <cmath>

namespace magnetar::zkvm {
namespace {

using vm::RowType;

constexpr std::size_t index_of(RowType type) {
  return static_cast<std::size_t>(type);
}

// Rows of a thousand by type, at least 1, in the order of RowType: means over bundled guests, as `magnetar run
// --trace-stats` counts them, with 16 KiB of text as input for those that read all of it.
constexpr std::array<std::array<std::uint16_t, vm::kRowTypeCount>, 3> kProfiles = {{
    // General: all seven.
    {226, 78, 13, 80, 51, 158, 57, 8, 15, 1, 1, 1, 68, 42, 13, 3, 157, 14, 11, 7, 4},
    // Memory: quicksort, matrix.
    {183, 49, 4, 18, 84, 212, 81, 2, 1, 1, 1, 1, 82, 48, 24, 1, 189, 1, 1, 24, 11},
    // Hash: sha256, keccak256.
    {221, 80, 7, 215, 21, 52, 7, 14, 1, 1, 1, 1, 96, 67, 21, 7, 137, 48, 7, 1, 1},
}};

}  // namespace

std::string_view name(Profile profile) {
  switch (profile) {
    case Profile::kGeneral:
      return "general";
    case Profile::kMemory:
      return "memory";
    case Profile::kHash:
      break;
  }
  return "hash";
}

Extent extent(const RowTypes& types, const Quotas& quotas) {
  Extent sum{.constraints = kRecursionConstraints, .stage1 = 0, .stage2 = kRecursionVariables};
  for (std::size_t i = 0; i < quotas.size(); ++i) {
    const r1cs::Template& shape = types.templates[i];
    sum.constraints += quotas[i] * shape.constraints.size();
    sum.stage1 += quotas[i] * shape.stage1.size();
    sum.stage2 += quotas[i] * shape.stage2.size();
  }
  return sum;
}

bool fits(const RowTypes& types, const Quotas& quotas, unsigned log_size) {
  const std::size_t size = std::size_t{1} << log_size;
  const Extent needed = extent(types, quotas);
  return needed.constraints <= size && needed.stage1 <= size && needed.stage2 <= size;
}

void add_counts(PerType& counts, const vm::Program& program, const vm::Trace& trace) {
  for (const vm::Row& row : trace.rows()) ++counts[index_of(program.ops()[row.op].type)];
  counts[index_of(RowType::kRefresh)] += trace.refreshes().size();
}

Quotas fit_quotas(const RowTypes& types, const PerType& counts, unsigned log_size) {
  assert(log_size >= kMinLogSize && log_size <= kMaxLogSize);
  const auto share = [&](std::uint64_t steps) {
    Quotas quotas{};
    for (std::size_t i = 0; i < quotas.size(); ++i) {
      // More than the size holds will not fit in any case.
      quotas[i] =
          static_cast<std::uint32_t>(std::min<std::uint64_t>((counts[i] + steps - 1) / steps, 1 << kMaxLogSize));
    }
    return quotas;
  };
  // One row of each type always fits, so enough steps do; fewer steps never need less.
  std::uint64_t enough = 1;
  while (!fits(types, share(enough), log_size)) enough *= 2;
  std::uint64_t too_few = enough / 2;
  while (enough - too_few > 1) {
    const std::uint64_t middle = too_few + (enough - too_few) / 2;
    (fits(types, share(middle), log_size) ? enough : too_few) = middle;
  }
  return share(enough);
}

Quotas profile_quotas(const RowTypes& types, Profile profile, unsigned log_size) {
  PerType mix{};
  const auto& parts = kProfiles[static_cast<std::size_t>(profile)];
  // As if of an execution long enough that rounding does not matter.
  for (std::size_t i = 0; i < mix.size(); ++i) mix[i] = std::uint64_t{parts[i]} << 30;
  return fit_quotas(types, mix, log_size);
}

void Placement::add(const vm::Program& program, const vm::Trace& trace) {
  auto clock = static_cast<std::uint32_t>(trace.first_clock());
  for (const vm::Row& row : trace.rows()) path_[index_of(program.ops()[row.op].type)].push_back({row, clock++});
  refreshes_.insert(refreshes_.end(), trace.refreshes().begin(), trace.refreshes().end());
  waiting_ += trace.rows().size() + trace.refreshes().size();
}

bool Placement::is_full() const {
  for (std::size_t i = 0; i < quotas_.size(); ++i) {
    const std::size_t have = i == index_of(RowType::kRefresh) ? refreshes_.size() : path_[i].size();
    if (have < quotas_[i]) return false;
  }
  return true;
}

std::optional<StepRows> Placement::take(bool finish) {
  if (waiting_ == 0 || !(finish || waiting_ > window_ || is_full())) return std::nullopt;
  StepRows step;
  const auto move = [this](auto& from, auto& to, std::size_t quota) {
    const auto count = static_cast<std::ptrdiff_t>(std::min(from.size(), quota));
    to.assign(from.begin(), from.begin() + count);
    from.erase(from.begin(), from.begin() + count);
    waiting_ -= static_cast<std::size_t>(count);
  };
  for (std::size_t i = 0; i < quotas_.size(); ++i) {
    if (i == index_of(RowType::kRefresh)) {
      move(refreshes_, step.refreshes, quotas_[i]);
    } else {
      move(path_[i], step.path[i], quotas_[i]);
    }
  }
  return step;
}

StepColumns::StepColumns(const RowTypes& types, const Quotas& quotas, const vm::Program& program,
                         const StepRows& rows) {
  constexpr std::size_t kGrain = 256;
  for (std::size_t i = 0; i < quotas.size(); ++i) {
    if (quotas[i] == 0) continue;
    const auto type = static_cast<RowType>(i);
    assert(rows.size(type) <= quotas[i]);
    r1cs::Columns& columns = columns_[i].emplace(types[type], quotas[i]);
    tbb::parallel_for(tbb::blocked_range<std::size_t>(0, rows.size(type), kGrain), [&](const auto& range) {
      for (std::size_t at = range.begin(); at != range.end(); ++at) {
        if (type == RowType::kRefresh) {
          write_row(columns, at, rows.refreshes[at]);
        } else {
          const PlacedRow& placed = rows.path[i][at];
          write_row(columns, at, PathRow{*program.entry_of(placed.row.op), placed.row, placed.clock});
        }
      }
    });
    columns.settle();
  }
}

}  // namespace magnetar::zkvm
