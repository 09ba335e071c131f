#pragma once

#include "kernels/curve.cuh"

// Moves of elements and points between global memory and registers, 16 bytes an instruction.

namespace magnetar::kernels {

/// What is 16-byte aligned and a multiple of 16 bytes.
template <class T>
__device__ __forceinline__ T load(const T* from) {
  static_assert(sizeof(T) % sizeof(uint4) == 0);
  T value;
  const auto* source = reinterpret_cast<const uint4*>(from);
  auto* words = reinterpret_cast<std::uint32_t*>(&value);
#pragma unroll
  for (unsigned i = 0; i < sizeof(T) / sizeof(uint4); ++i) {
    const uint4 part = source[i];
    words[4 * i] = part.x;
    words[4 * i + 1] = part.y;
    words[4 * i + 2] = part.z;
    words[4 * i + 3] = part.w;
  }
  return value;
}

template <class T>
__device__ __forceinline__ void store(T* to, const T& value) {
  static_assert(sizeof(T) % sizeof(uint4) == 0);
  auto* target = reinterpret_cast<uint4*>(to);
  const auto* words = reinterpret_cast<const std::uint32_t*>(&value);
#pragma unroll
  for (unsigned i = 0; i < sizeof(T) / sizeof(uint4); ++i) {
    target[i] = make_uint4(words[4 * i], words[4 * i + 1], words[4 * i + 2], words[4 * i + 3]);
  }
}

}  // namespace magnetar::kernels
