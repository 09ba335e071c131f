#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <optional>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "engine/zkvm/row_types.h"
#include "vm/machine.h"

namespace magnetar::zkvm {

/// A number for each row type.
using PerType = std::array<std::uint64_t, vm::kRowTypeCount>;

/// Rows of each type in a fold step.
using Quotas = std::array<std::uint32_t, vm::kRowTypeCount>;

/// The smallest and largest fold steps: 2^16 to 2^20 constraints and variables of either stage.
inline constexpr unsigned kMinLogSize = 16;
inline constexpr unsigned kMaxLogSize = 20;

/// Room for recursion in a fold step's constraints and stage-2 variables: 6,069 and 6,076 are used.
inline constexpr std::size_t kRecursionConstraints = 6'144;
inline constexpr std::size_t kRecursionVariables = 6'144;

/// What a step with these quotas takes, recursion included.
struct Extent {
  std::size_t constraints;
  std::size_t stage1;
  std::size_t stage2;
};
Extent extent(const RowTypes& types, const Quotas& quotas);
bool fits(const RowTypes& types, const Quotas& quotas, unsigned log_size);

/// Counts of rows by type, refreshes included.
void add_counts(PerType& counts, const vm::Program& program, const vm::Trace& trace);

/// Quotas for an execution with this many rows of each type, in the fewest fold steps that its mix allows: each type
/// that occurs has at least one row, and every step the same share.
Quotas fit_quotas(const RowTypes& types, const PerType& counts, unsigned log_size);

/// Quotas by a mix of rows that is known beforehand, as large as fit: for layouts that stay resident. At least one row
/// of every type.
enum class Profile : std::uint8_t { kGeneral, kMemory, kHash };
std::string_view name(Profile profile);
Quotas profile_quotas(const RowTypes& types, Profile profile, unsigned log_size);

/// A path row on its way into a fold step.
struct PlacedRow {
  vm::Row row;
  std::uint32_t clock;
};

/// The rows of one fold step, by type, at most the quota of each.
struct StepRows {
  std::array<std::vector<PlacedRow>, vm::kRowTypeCount> path;
  std::vector<vm::Refresh> refreshes;

  std::size_t size(vm::RowType type) const {
    return type == vm::RowType::kRefresh ? refreshes.size() : path[static_cast<std::size_t>(type)].size();
  }
};

/// Lays rows into fold steps in the order of the trace. A type's rows wait until every type's quota is full, so that no
/// step has unused rows; when more than `window` rows wait, a step goes out as it is. What goes where depends on the
/// trace, the quotas and the window alone.
class Placement {
 public:
  Placement(const Quotas& quotas, std::size_t window) : quotas_(quotas), window_(window) {}

  void add(const vm::Program& program, const vm::Trace& trace);

  /// The next step that is ready to go out; at the end of the trace (`finish`), any that has rows.
  std::optional<StepRows> take(bool finish);

  std::size_t waiting() const { return waiting_; }

 private:
  bool is_full() const;

  Quotas quotas_;
  std::size_t window_;
  std::array<std::deque<PlacedRow>, vm::kRowTypeCount> path_;
  std::deque<vm::Refresh> refreshes_;
  std::size_t waiting_ = 0;
};

/// The stage-1 values of a fold step, by type; no columns where the quota is 0.
class StepColumns {
 public:
  /// Fills the columns from the rows, in parallel; unused rows are zero.
  StepColumns(const RowTypes& types, const Quotas& quotas, const vm::Program& program, const StepRows& rows);

  const r1cs::Columns* operator[](vm::RowType type) const {
    const auto& columns = columns_[static_cast<std::size_t>(type)];
    return columns ? &*columns : nullptr;
  }

  /// All columns by type; none where the quota is 0.
  std::vector<std::optional<r1cs::Columns>> take() && {
    return {std::make_move_iterator(columns_.begin()), std::make_move_iterator(columns_.end())};
  }

 private:
  std::array<std::optional<r1cs::Columns>, vm::kRowTypeCount> columns_;
};

}  // namespace magnetar::zkvm
