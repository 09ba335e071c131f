#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

namespace magnetar::kernels {

// CUB's device-wide algorithms at the types that multi-scalar multiplication uses. Each launcher returns the first
// error. `scratch` has the size that scratch_bytes gave for at least as many items.

/// What any of the algorithms below needs for up to `entries` entries in `runs` runs. Writes 0 on error.
cudaError_t scratch_bytes(std::size_t entries, std::size_t runs, std::size_t& bytes);

/// A pair of arrays, the sorted one of which the sort chooses: `current` is its index.
struct SortBuffers {
  std::uint32_t* keys[2];
  std::uint32_t* values[2];
  int current = 0;
};

/// Sorts pairs stably by the low `bits` bits of their keys.
cudaError_t sort_pairs(void* scratch, std::size_t scratch_size, SortBuffers& buffers, std::size_t count, int bits,
                       cudaStream_t stream);

/// The runs of equal keys: the key and length of each, and their number.
cudaError_t find_runs(void* scratch, std::size_t scratch_size, const std::uint32_t* keys, std::size_t count,
                      std::uint32_t* run_keys, std::uint32_t* run_lengths, std::uint32_t* run_count,
                      cudaStream_t stream);

/// sums[i] = values[0] + ... + values[i - 1].
cudaError_t exclusive_sum(void* scratch, std::size_t scratch_size, const std::uint32_t* values, std::uint32_t* sums,
                          std::size_t count, cudaStream_t stream);

}  // namespace magnetar::kernels
