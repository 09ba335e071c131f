#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/zkvm/bus.h"

namespace magnetar::zkvm {

/// A tuple on the bus, as integers. Elements that the tag does not use are 0.
struct Tuple {
  static constexpr std::size_t kMaxElements = 9;

  Tag tag;
  std::array<std::int64_t, kMaxElements> elements{};

  friend auto operator<=>(const Tuple&, const Tuple&) = default;
};

/// The fixed tables, in the order in which lists give their multiplicities.
inline constexpr std::array kTables = {Tag::kRange16, Tag::kAnd8,  Tag::kSign16,
                                       Tag::kBytes,   Tag::kAlign, Tag::kShiftPow};

/// Entries of a fixed table.
std::size_t table_size(Tag table);

/// The entry of a fixed table at `index`, below its size.
Tuple table_entry(Tag table, std::size_t index);

/// Where a tuple with a fixed table's tag stands in the table; none if it is no entry of it.
std::optional<std::size_t> table_index(const Tuple& tuple);

}  // namespace magnetar::zkvm
