#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/algebra/curve.h"
#include "engine/commit/commitment_key.h"
#include "kernels/msm_kernels.h"
#include "kernels/runtime.h"
#include "kernels/sorting.h"
#include "kernels/window_plan.h"

namespace magnetar::kernels {

/// The parameters of a curve's fields: its base field's as P, its scalar field's as S.
template <class C>
using BaseParameters = typename C::BaseField::Parameters;
template <class C>
using ScalarParameters = typename C::ScalarField::Parameters;

/// A commitment key in the device's memory: its generators and multiples of them.
template <class C>
class DeviceKey {
 public:
  /// Takes the generators of `key`; at most `table_bytes` for them and their multiples, 64 bytes a point, but at least
  /// the generators themselves. Some 254 doublings a generator, once.
  DeviceKey(const commit::CommitmentKey<C>& key, std::size_t table_bytes, const Stream& stream);

  std::size_t size() const { return size_; }
  const TablePlan& tables() const { return tables_; }
  const Affine<BaseParameters<C>>* points() const { return points_.data(); }
  std::size_t bytes() const { return points_.bytes(); }

 private:
  std::size_t size_;
  TablePlan tables_;
  DeviceArray<Affine<BaseParameters<C>>> points_;
};

/// Scalars in the device's memory: elements, or the tasks of a packed stage 1.
template <class C>
struct DeviceScalars {
  std::size_t count;
  const Element<ScalarParameters<C>>* elements;  ///< or null
  const std::byte* packed;
  const ColumnTask* tasks;
  std::size_t task_count;

  static DeviceScalars of_elements(const Element<ScalarParameters<C>>* elements, std::size_t count) {
    return {count, elements, nullptr, nullptr, 0};
  }
};

/// Multi-scalar multiplications with one key, one at a time, in memory that is allocated once: 16 bytes for each digit
/// of the most scalars, 128 for each bucket, and 256 for each thread that sums up points.
template <class C>
class Msm {
 public:
  using P = BaseParameters<C>;

  /// The key must outlive this. `multiprocessors` of the device decide how the work is cut.
  Msm(const DeviceKey<C>& key, unsigned multiprocessors);

  /// Σ scalars[i]·generators[offset + i]; offset + count must not exceed the key's size. Waits for the stream.
  algebra::AffinePoint<C> multiply(const DeviceScalars<C>& scalars, std::size_t offset, const Stream& stream);

 private:
  /// Fills in task_counts and task_offsets for runs of `lengths`; returns the number of tasks.
  std::uint32_t plan_tasks(const std::uint32_t* lengths, std::uint32_t runs, std::uint32_t task_size,
                           DeviceArray<std::uint32_t>& offsets, const Stream& stream);
  algebra::AffinePoint<C> sum_pieces(const WindowPlan& plan, const Xyzz<P>* sums) const;

  const DeviceKey<C>& key_;
  unsigned multiprocessors_;
  PlanLimits limits_;
  std::size_t max_tasks_;
  DeviceMemory scratch_;
  std::size_t scratch_bytes_ = 0;
  DeviceArray<std::uint32_t> keys_[2], values_[2];
  DeviceArray<std::uint32_t> entry_count_, run_count_;
  DeviceArray<std::uint32_t> run_keys_, run_lengths_, run_offsets_;
  DeviceArray<std::uint32_t> task_counts_[2], task_offsets_[2];
  DeviceArray<Xyzz<P>> sums_[2], buckets_, piece_sums_;
  PinnedMemory results_;
};

extern template class DeviceKey<algebra::Bn254>;
extern template class DeviceKey<algebra::Grumpkin>;
extern template class Msm<algebra::Bn254>;
extern template class Msm<algebra::Grumpkin>;

}  // namespace magnetar::kernels
