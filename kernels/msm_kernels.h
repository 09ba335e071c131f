#pragma once

#include <cuda_runtime_api.h>

#include "kernels/packed.h"

namespace magnetar::kernels {

// Kernels of multi-scalar multiplication. Launchers enqueue on `stream` and return the launch's error. S names the
// scalar field, P the base field of a curve.

/// Where digits go: for each non-zero digit its bucket (key) and its point (value): the point's index, bit 31 set for
/// its negative. `count` must be 0 at first; it becomes the number of entries.
struct DigitOutput {
  std::uint32_t* keys;
  std::uint32_t* values;
  std::uint32_t* count;
};

/// Points of tables: that of scalar i in table t is t·table_size + first_point + i.
struct DigitPoints {
  std::uint32_t table_size;
  std::uint32_t first_point;
};

/// The digits of `count` elements. They are taken as the nearer of s and s - p.
template <class S>
cudaError_t element_digits(const Element<S>* scalars, std::uint32_t count, const WindowPlan& plan, DigitPoints points,
                           DigitOutput output, cudaStream_t stream);

/// The digits of a packed stage 1; the scalar of index i in w1 goes with point i. Integers cost no reduction.
template <class S>
cudaError_t column_digits(const std::byte* packed, const ColumnTask* tasks, std::uint32_t task_count,
                          const WindowPlan& plan, DigitPoints points, DigitOutput output, cudaStream_t stream);

/// Points that one thread sums up at most at a time when partial sums are combined.
inline constexpr std::uint32_t kCombine = 16;

/// counts[i] = ceil(lengths[i] / size), i < count.
cudaError_t count_tasks(const std::uint32_t* lengths, std::uint32_t count, std::uint32_t size, std::uint32_t* counts,
                        cudaStream_t stream);

/// Runs of entries of the same bucket, cut into tasks. Offsets are exclusive sums with a last entry for the end.
struct RunTasks {
  const std::uint32_t* run_offsets;   ///< of what is summed up, run after run
  const std::uint32_t* task_offsets;  ///< of the tasks, run after run
  std::uint32_t runs;
  std::uint32_t tasks;
  std::uint32_t task_size;
};

/// sums[task] = the sum of the points that its entries name.
template <class P>
cudaError_t accumulate(const Affine<P>* points, const std::uint32_t* entries, const RunTasks& runs, Xyzz<P>* sums,
                       cudaStream_t stream);

/// sums[task] = the sum of its partial sums.
template <class P>
cudaError_t combine(const Xyzz<P>* partial, const RunTasks& runs, Xyzz<P>* sums, cudaStream_t stream);

/// buckets[keys[run]] = sums[run] for runs that are not empty: run_offsets[run] < run_offsets[run + 1].
template <class P>
cudaError_t scatter(const Xyzz<P>* sums, const std::uint32_t* keys, const std::uint32_t* run_offsets,
                    std::uint32_t runs, Xyzz<P>* buckets, cudaStream_t stream);

/// sums[piece·segments + i] = Σ weight·bucket over segment i of a piece's buckets, which have weights 1, 2, ...;
/// segments = 2^(bucket_bits - segment_bits).
template <class P>
cudaError_t weigh(const Xyzz<P>* buckets, std::uint32_t pieces, std::uint32_t bucket_bits, std::uint32_t segment_bits,
                  Xyzz<P>* sums, cudaStream_t stream);

/// sums[piece·blocks + i], i < blocks: sums of shares of points[piece·count .. (piece + 1)·count - 1].
template <class P>
cudaError_t add_up(const Xyzz<P>* points, std::uint32_t count, std::uint32_t pieces, std::uint32_t blocks,
                   Xyzz<P>* sums, cudaStream_t stream);

/// multiples[i] = 2^exponent · points[i]; denominators[i] = its ZZZ, or 1 for infinity.
template <class P>
cudaError_t double_repeatedly(const Affine<P>* points, std::uint32_t count, std::uint32_t exponent, Xyzz<P>* multiples,
                              Element<P>* denominators, cudaStream_t stream);

/// The affine forms, given 1/ZZZ of each point.
template <class P>
cudaError_t normalize(const Xyzz<P>* points, const Element<P>* inverses, std::uint32_t count, Affine<P>* out,
                      cudaStream_t stream);

}  // namespace magnetar::kernels
