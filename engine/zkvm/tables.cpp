#include "engine/zkvm/tables.h"

#include <cassert>

namespace magnetar::zkvm {
namespace {

constexpr std::int64_t kTwo16Entries = 1 << 16;

// Below `bound`, as an index.
std::optional<std::size_t> below(std::int64_t value, std::int64_t bound) {
  if (value < 0 || value >= bound) return std::nullopt;
  return static_cast<std::size_t>(value);
}

}  // namespace

std::size_t table_size(Tag table) {
  return table == Tag::kAlign ? 6 : std::size_t{kTwo16Entries};
}

Tuple table_entry(Tag table, std::size_t index) {
  assert(index < table_size(table));
  const auto i = static_cast<std::int64_t>(index);
  switch (table) {
    case Tag::kRange16:
      return {table, {i}};
    case Tag::kAnd8:
      return {table, {i >> 8, i & 0xff, (i >> 8) & i & 0xff}};
    case Tag::kSign16:
      return {table, {i, i >> 15}};
    case Tag::kBytes:
      return {table, {i >> 8, i & 0xff, i >> 15}};
    case Tag::kAlign: {
      // Four bytes, then two halfwords.
      const std::int64_t half = i >> 2;
      const std::int64_t q = half == 0 ? i >> 1 : i & 1;
      const std::int64_t p = half == 0 ? i & 1 : 1;
      return {table, {half, q, p, std::int64_t{1} << 8 * (2 * q + p - half)}};
    }
    case Tag::kShiftPow:
      return {table, {i, std::int64_t{1} << (i & 31), std::int64_t{1} << (32 - (i & 31))}};
    default:
      assert(false);
      return {table, {}};
  }
}

std::optional<std::size_t> table_index(const Tuple& tuple) {
  const auto& e = tuple.elements;
  std::optional<std::size_t> index;
  switch (tuple.tag) {
    case Tag::kRange16:
    case Tag::kSign16:
    case Tag::kShiftPow:
      index = below(e[0], kTwo16Entries);
      break;
    case Tag::kAnd8:
    case Tag::kBytes:
      if (below(e[0], 256) && below(e[1], 256)) index = static_cast<std::size_t>(e[0] << 8 | e[1]);
      break;
    case Tag::kAlign:
      if (below(e[0], 2) && below(e[1], 2) && below(e[2], 2)) {
        index = static_cast<std::size_t>(e[0] == 0 ? 2 * e[1] + e[2] : 4 + e[1]);
      }
      break;
    default:
      break;
  }
  if (!index || table_entry(tuple.tag, *index) != tuple) return std::nullopt;
  return index;
}

}  // namespace magnetar::zkvm
