#include <algorithm>
#include <cub/device/device_radix_sort.cuh>
#include <cub/device/device_run_length_encode.cuh>
#include <cub/device/device_scan.cuh>

#include "kernels/sorting.h"

namespace magnetar::kernels {

namespace {

cudaError_t sort(void* scratch, std::size_t& size, cub::DoubleBuffer<std::uint32_t>& keys,
                 cub::DoubleBuffer<std::uint32_t>& values, std::size_t count, int bits, cudaStream_t stream) {
  return cub::DeviceRadixSort::SortPairs(scratch, size, keys, values, static_cast<std::uint32_t>(count), 0, bits,
                                         stream);
}

cudaError_t encode(void* scratch, std::size_t& size, const std::uint32_t* keys, std::size_t count,
                   std::uint32_t* run_keys, std::uint32_t* run_lengths, std::uint32_t* run_count, cudaStream_t stream) {
  return cub::DeviceRunLengthEncode::Encode(scratch, size, keys, run_keys, run_lengths, run_count,
                                            static_cast<int>(count), stream);
}

cudaError_t sum(void* scratch, std::size_t& size, const std::uint32_t* values, std::uint32_t* sums, std::size_t count,
                cudaStream_t stream) {
  return cub::DeviceScan::ExclusiveSum(scratch, size, values, sums, static_cast<std::uint32_t>(count), stream);
}

}  // namespace

cudaError_t scratch_bytes(std::size_t entries, std::size_t runs, std::size_t& bytes) {
  bytes = 0;
  cub::DoubleBuffer<std::uint32_t> keys, values;
  std::size_t of_sort = 0, of_runs = 0, of_sum = 0;
  if (const cudaError_t error = sort(nullptr, of_sort, keys, values, entries, 32, nullptr)) return error;
  if (const cudaError_t error = encode(nullptr, of_runs, nullptr, entries, nullptr, nullptr, nullptr, nullptr)) {
    return error;
  }
  if (const cudaError_t error = sum(nullptr, of_sum, nullptr, nullptr, runs, nullptr)) return error;
  bytes = std::max({of_sort, of_runs, of_sum});
  return cudaSuccess;
}

cudaError_t sort_pairs(void* scratch, std::size_t scratch_size, SortBuffers& buffers, std::size_t count, int bits,
                       cudaStream_t stream) {
  cub::DoubleBuffer<std::uint32_t> keys(buffers.keys[0], buffers.keys[1]);
  cub::DoubleBuffer<std::uint32_t> values(buffers.values[0], buffers.values[1]);
  keys.selector = values.selector = buffers.current;
  const cudaError_t error = sort(scratch, scratch_size, keys, values, count, bits, stream);
  buffers.current = keys.selector;
  return error;
}

cudaError_t find_runs(void* scratch, std::size_t scratch_size, const std::uint32_t* keys, std::size_t count,
                      std::uint32_t* run_keys, std::uint32_t* run_lengths, std::uint32_t* run_count,
                      cudaStream_t stream) {
  return encode(scratch, scratch_size, keys, count, run_keys, run_lengths, run_count, stream);
}

cudaError_t exclusive_sum(void* scratch, std::size_t scratch_size, const std::uint32_t* values, std::uint32_t* sums,
                          std::size_t count, cudaStream_t stream) {
  return sum(scratch, scratch_size, values, sums, count, stream);
}

}  // namespace magnetar::kernels
