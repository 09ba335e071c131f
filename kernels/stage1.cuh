#pragma once

#include "kernels/memory.cuh"
#include "kernels/packed.h"

namespace magnetar::kernels {

/// A packed integer; 0 in field columns.
__device__ __forceinline__ std::int64_t packed_integer(const std::byte* values, ColumnType type, std::uint32_t i) {
  switch (type) {
    case ColumnType::kU8:
      return reinterpret_cast<const std::uint8_t*>(values)[i];
    case ColumnType::kU16:
      return reinterpret_cast<const std::uint16_t*>(values)[i];
    case ColumnType::kU32:
      return reinterpret_cast<const std::uint32_t*>(values)[i];
    case ColumnType::kI64:
      return reinterpret_cast<const std::int64_t*>(values)[i];
    case ColumnType::kField:
      break;
  }
  return 0;
}

/// A packed value as an element.
template <class P>
__device__ __forceinline__ Element<P> packed_element(const std::byte* values, ColumnType type, std::uint32_t i) {
  if (type == ColumnType::kField) return load(reinterpret_cast<const Element<P>*>(values) + i);
  return from_i64<P>(packed_integer(values, type, i));
}

/// Variable `i` of w1.
template <class P>
__device__ __forceinline__ Element<P> stage1_value(const Stage1View& view, std::uint32_t i) {
  if (i >= view.own_first) return load(static_cast<const Element<P>*>(view.own) + (i - view.own_first));
  // The last column that begins at or before i.
  std::uint32_t low = 0, high = view.column_count;
  while (high - low > 1) {
    const std::uint32_t middle = low + (high - low) / 2;
    if (view.columns[middle].first <= i) {
      low = middle;
    } else {
      high = middle;
    }
  }
  const Column& column = view.columns[low];
  return packed_element<P>(view.packed + column.offset, column.type, i - column.first);
}

}  // namespace magnetar::kernels
