#pragma once

#include "kernels/memory.cuh"
#include "kernels/msm_kernels.h"

// Kernels of multi-scalar multiplication over the points of one curve; included by the files that instantiate them.

namespace magnetar::kernels {

inline constexpr unsigned kWarpThreads = 32;
inline constexpr std::uint32_t kNoEntry = 0xffff'ffff;

/// The last run with offsets[run] <= task, which is not empty; task < offsets[runs].
__device__ __forceinline__ std::uint32_t run_of(const std::uint32_t* offsets, std::uint32_t runs, std::uint32_t task) {
  std::uint32_t low = 0, high = runs;  // offsets[low] <= task < offsets[high]
  while (high - low > 1) {
    const std::uint32_t middle = low + (high - low) / 2;
    if (offsets[middle] <= task) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return low;
}

struct Range {
  std::uint32_t begin, end;
};

__device__ __forceinline__ Range range_of(const RunTasks& runs, std::uint32_t task) {
  if (task >= runs.tasks) return {0, 0};
  const std::uint32_t run = run_of(runs.task_offsets, runs.runs, task);
  const std::uint32_t begin = runs.run_offsets[run] + (task - runs.task_offsets[run]) * runs.task_size;
  return {begin, min(begin + runs.task_size, runs.run_offsets[run + 1])};
}

/// A thread sums up the entries of a task. Points are loaded by four lanes together, each point by one instruction of
/// 64 consecutive bytes, and reach their lanes through shared memory: single lanes would use half of each 32-byte
/// sector that an instruction asks for. Likewise the entries, four of each lane at once.
template <class P>
__global__ void __launch_bounds__(kBlockThreads)
    accumulate_kernel(const Affine<P>* points, const std::uint32_t* entries, RunTasks runs, Xyzz<P>* sums) {
  constexpr unsigned kQuad = 4;
  static_assert(sizeof(Affine<P>) == kQuad * sizeof(uint4));
  __shared__ uint4 stages[kBlockThreads / kWarpThreads][kWarpThreads * kQuad];
  const std::uint32_t task = blockIdx.x * kBlockThreads + threadIdx.x;
  const unsigned lane = threadIdx.x % kWarpThreads;
  const unsigned part = lane % kQuad;
  const unsigned quad = lane - part;
  uint4* const stage = stages[threadIdx.x / kWarpThreads];
  // Slots are permuted so that the eight lanes that are served at once use all banks, storing and loading.
  const auto slot = [](unsigned of_lane, unsigned of_part) {
    return of_lane * kQuad + (of_part ^ (of_lane / 2 % kQuad));
  };
  const auto* const parts = reinterpret_cast<const uint4*>(points);

  const Range range = range_of(runs, task);
  const std::uint32_t length = range.end - range.begin;
  const std::uint32_t longest = __reduce_max_sync(0xffff'ffff, length);
  Xyzz<P> sum = infinity<P>();
  for (std::uint32_t done = 0; done < longest; done += kQuad) {
    std::uint32_t named[kQuad];  // [i]: entry done + part of lane quad + i
#pragma unroll
    for (unsigned i = 0; i < kQuad; ++i) {
      const std::uint32_t at = __shfl_sync(0xffff'ffff, range.begin, quad + i) + done + part;
      const std::uint32_t end = __shfl_sync(0xffff'ffff, range.end, quad + i);
      named[i] = at < end ? entries[at] : kNoEntry;
    }
#pragma unroll 1
    for (unsigned step = 0; step < kQuad && done + step < longest; ++step) {
      std::uint32_t own = kNoEntry;
#pragma unroll
      for (unsigned i = 0; i < kQuad; ++i) {
        const std::uint32_t entry = __shfl_sync(0xffff'ffff, named[i], quad + step);
        if (i == part) own = entry;
        if (entry != kNoEntry) {
          stage[slot(quad + i, part)] = parts[std::uint64_t{entry & 0x7fff'ffff} * kQuad + part];
        }
      }
      __syncwarp();
      Affine<P> point{};
      if (own != kNoEntry) {
        auto* words = reinterpret_cast<std::uint32_t*>(&point);
#pragma unroll
        for (unsigned i = 0; i < kQuad; ++i) {
          const uint4 value = stage[slot(lane, i)];
          words[4 * i] = value.x;
          words[4 * i + 1] = value.y;
          words[4 * i + 2] = value.z;
          words[4 * i + 3] = value.w;
        }
        if (own >> 31 != 0) point.y = negated(point.y);
      }
      __syncwarp();
      add(sum, point);
    }
  }
  if (task < runs.tasks) store(sums + task, sum);
}

template <class P>
__global__ void __launch_bounds__(kBlockThreads) combine_kernel(const Xyzz<P>* partial, RunTasks runs, Xyzz<P>* sums) {
  const std::uint32_t task = blockIdx.x * kBlockThreads + threadIdx.x;
  if (task >= runs.tasks) return;
  const Range range = range_of(runs, task);
  Xyzz<P> sum = load(partial + range.begin);
#pragma unroll 1
  for (std::uint32_t i = range.begin + 1; i < range.end; ++i) add(sum, load(partial + i));
  store(sums + task, sum);
}

template <class P>
__global__ void __launch_bounds__(kBlockThreads)
    scatter_kernel(const Xyzz<P>* sums, const std::uint32_t* keys, const std::uint32_t* run_offsets, std::uint32_t runs,
                   Xyzz<P>* buckets) {
  const std::uint32_t run = blockIdx.x * kBlockThreads + threadIdx.x;
  if (run >= runs || run_offsets[run] == run_offsets[run + 1]) return;
  store(buckets + keys[run], load(sums + run));
}

template <class P>
__global__ void __launch_bounds__(kBlockThreads)
    weigh_kernel(const Xyzz<P>* buckets, std::uint32_t segments_all, std::uint32_t bucket_bits,
                 std::uint32_t segment_bits, Xyzz<P>* sums) {
  const std::uint32_t i = blockIdx.x * kBlockThreads + threadIdx.x;
  if (i >= segments_all) return;
  // Σ (j + 1)·bucket[j] within the segment by running sums, plus its first bucket's number times Σ bucket[j].
  const Xyzz<P>* const segment = buckets + (std::uint64_t{i} << segment_bits);
  Xyzz<P> sum = infinity<P>();
  Xyzz<P> weighted = infinity<P>();
#pragma unroll 1
  for (std::uint32_t j = 1U << segment_bits; j-- > 0;) {
    add(sum, load(segment + j));
    add(weighted, sum);
  }
  const std::uint32_t first = (i << segment_bits) & ((1U << bucket_bits) - 1);
  Xyzz<P> multiple = infinity<P>();
#pragma unroll 1
  for (int bit = 31 - __clz(static_cast<int>(first)); bit >= 0; --bit) {
    multiple = doubled(multiple);
    if ((first >> bit & 1) != 0) add(multiple, sum);
  }
  add(multiple, weighted);
  store(sums + i, multiple);
}

template <class P>
__global__ void __launch_bounds__(kBlockThreads)
    add_up_kernel(const Xyzz<P>* points, std::uint32_t count, Xyzz<P>* sums) {
  __shared__ Xyzz<P> tree[kBlockThreads / 2];
  const Xyzz<P>* const share = points + std::uint64_t{blockIdx.y} * count;
  Xyzz<P> sum = infinity<P>();
#pragma unroll 1
  for (std::uint32_t i = blockIdx.x * kBlockThreads + threadIdx.x; i < count; i += gridDim.x * kBlockThreads) {
    add(sum, load(share + i));
  }
#pragma unroll 1
  for (unsigned half = kBlockThreads / 2; half > 0; half /= 2) {
    if (threadIdx.x >= half && threadIdx.x < 2 * half) store(&tree[threadIdx.x - half], sum);
    __syncthreads();
    if (threadIdx.x < half) add(sum, load(&tree[threadIdx.x]));
    __syncthreads();
  }
  if (threadIdx.x == 0) store(sums + blockIdx.y * gridDim.x + blockIdx.x, sum);
}

template <class P>
__global__ void __launch_bounds__(kBlockThreads)
    double_repeatedly_kernel(const Affine<P>* points, std::uint32_t count, std::uint32_t exponent, Xyzz<P>* multiples,
                             Element<P>* denominators) {
  const std::uint32_t i = blockIdx.x * kBlockThreads + threadIdx.x;
  if (i >= count) return;
  Xyzz<P> point = to_xyzz(load(points + i));
#pragma unroll 1
  for (std::uint32_t done = 0; done < exponent; ++done) point = doubled(point);
  store(multiples + i, point);
  store(denominators + i, is_infinity(point) ? one_element<P>() : point.zzz);
}

template <class P>
__global__ void __launch_bounds__(kBlockThreads)
    normalize_kernel(const Xyzz<P>* points, const Element<P>* inverses, std::uint32_t count, Affine<P>* out) {
  const std::uint32_t i = blockIdx.x * kBlockThreads + threadIdx.x;
  if (i >= count) return;
  const Xyzz<P> point = load(points + i);
  const Element<P> inverse_zzz = load(inverses + i);
  // ZZ³ = ZZZ², so 1/ZZ = (ZZ/ZZZ)². Infinity has X = Y = 0 if it comes from an affine point.
  const Element<P> inverse_z = point.zz * inverse_zzz;
  Affine<P> affine{};
  if (!is_infinity(point)) affine = {point.x * square(inverse_z), point.y * inverse_zzz};
  store(out + i, affine);
}

inline unsigned blocks_for(std::uint64_t threads) {
  return static_cast<unsigned>((threads + kBlockThreads - 1) / kBlockThreads);
}

template <class P>
cudaError_t accumulate(const Affine<P>* points, const std::uint32_t* entries, const RunTasks& runs, Xyzz<P>* sums,
                       cudaStream_t stream) {
  accumulate_kernel<<<blocks_for(runs.tasks), kBlockThreads, 0, stream>>>(points, entries, runs, sums);
  return cudaGetLastError();
}

template <class P>
cudaError_t combine(const Xyzz<P>* partial, const RunTasks& runs, Xyzz<P>* sums, cudaStream_t stream) {
  combine_kernel<<<blocks_for(runs.tasks), kBlockThreads, 0, stream>>>(partial, runs, sums);
  return cudaGetLastError();
}

template <class P>
cudaError_t scatter(const Xyzz<P>* sums, const std::uint32_t* keys, const std::uint32_t* run_offsets,
                    std::uint32_t runs, Xyzz<P>* buckets, cudaStream_t stream) {
  scatter_kernel<<<blocks_for(runs), kBlockThreads, 0, stream>>>(sums, keys, run_offsets, runs, buckets);
  return cudaGetLastError();
}

template <class P>
cudaError_t weigh(const Xyzz<P>* buckets, std::uint32_t pieces, std::uint32_t bucket_bits, std::uint32_t segment_bits,
                  Xyzz<P>* sums, cudaStream_t stream) {
  const std::uint32_t segments = pieces << (bucket_bits - segment_bits);
  weigh_kernel<<<blocks_for(segments), kBlockThreads, 0, stream>>>(buckets, segments, bucket_bits, segment_bits, sums);
  return cudaGetLastError();
}

template <class P>
cudaError_t add_up(const Xyzz<P>* points, std::uint32_t count, std::uint32_t pieces, std::uint32_t blocks,
                   Xyzz<P>* sums, cudaStream_t stream) {
  add_up_kernel<<<dim3(blocks, pieces), kBlockThreads, 0, stream>>>(points, count, sums);
  return cudaGetLastError();
}

template <class P>
cudaError_t double_repeatedly(const Affine<P>* points, std::uint32_t count, std::uint32_t exponent, Xyzz<P>* multiples,
                              Element<P>* denominators, cudaStream_t stream) {
  double_repeatedly_kernel<<<blocks_for(count), kBlockThreads, 0, stream>>>(points, count, exponent, multiples,
                                                                            denominators);
  return cudaGetLastError();
}

template <class P>
cudaError_t normalize(const Xyzz<P>* points, const Element<P>* inverses, std::uint32_t count, Affine<P>* out,
                      cudaStream_t stream) {
  normalize_kernel<<<blocks_for(count), kBlockThreads, 0, stream>>>(points, inverses, count, out);
  return cudaGetLastError();
}

#define MAGNETAR_MSM_KERNELS(P)                                                                                     \
  template cudaError_t accumulate(const Affine<P>*, const std::uint32_t*, const RunTasks&, Xyzz<P>*, cudaStream_t); \
  template cudaError_t combine(const Xyzz<P>*, const RunTasks&, Xyzz<P>*, cudaStream_t);                            \
  template cudaError_t scatter(const Xyzz<P>*, const std::uint32_t*, const std::uint32_t*, std::uint32_t, Xyzz<P>*, \
                               cudaStream_t);                                                                       \
  template cudaError_t weigh(const Xyzz<P>*, std::uint32_t, std::uint32_t, std::uint32_t, Xyzz<P>*, cudaStream_t);  \
  template cudaError_t add_up(const Xyzz<P>*, std::uint32_t, std::uint32_t, std::uint32_t, Xyzz<P>*, cudaStream_t); \
  template cudaError_t double_repeatedly(const Affine<P>*, std::uint32_t, std::uint32_t, Xyzz<P>*, Element<P>*,     \
                                         cudaStream_t);                                                             \
  template cudaError_t normalize(const Xyzz<P>*, const Element<P>*, std::uint32_t, Affine<P>*, cudaStream_t)

}  // namespace magnetar::kernels
