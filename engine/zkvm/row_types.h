#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "engine/r1cs/template.h"
#include "engine/r1cs/witness.h"
#include "engine/zkvm/tables.h"
#include "engine/zkvm/units.h"
#include "vm/trace.h"

namespace magnetar::zkvm {

/// The circuits of all row types, over one palette.
struct RowTypes {
  r1cs::Palette palette;
  std::array<r1cs::Template, vm::kRowTypeCount> templates;

  const r1cs::Template& operator[](vm::RowType type) const { return templates[static_cast<std::size_t>(type)]; }
};

RowTypes make_row_types();

/// What the files under rows/ state.
Counts stated_counts(vm::RowType type);

/// Stores the stage-1 values of a row, in columns of its type.
void write_row(r1cs::Columns& columns, std::size_t at, const PathRow& row);
void write_row(r1cs::Columns& columns, std::size_t at, const vm::Refresh& refresh);

/// Calls `visit` with every tuple that the row takes from a fixed table.
void for_each_lookup(const PathRow& row, const std::function<void(const Tuple&)>& visit);
void for_each_lookup(const vm::Refresh& refresh, const std::function<void(const Tuple&)>& visit);

}  // namespace magnetar::zkvm
