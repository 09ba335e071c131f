#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/algebra/batch_addition.h"
#include "engine/algebra/curve.h"
#include "engine/commit/digits.h"
#include "engine/commit/huge_page_allocator.h"

namespace magnetar::commit {

/// Generators of Pedersen vector commitments, in the form that multi-scalar multiplication wants them, and commitments
/// Σ scalars[i]·generators[offset + i] (Pippenger's bucket method with batched affine additions). A commitment is the
/// same affine point for every instruction set, number of threads and choice of tables.
///
/// Any points of the curve may be generators, also equal, opposite or infinite ones; only speed suffers. Runs on the
/// threads of the calling oneTBB arena. Safe to use from several threads at once.
///
/// Memory of the key: 64 bytes a generator and table. Of a commitment to n scalars: 46·n bytes of digits (14 for bits),
/// and for each thread 4·n bytes of sorted references (4·n·tables with tables), 192 bytes a bucket (at most 2^15
/// buckets) and 4 MiB.
template <class C>
class CommitmentKey {
 public:
  using Affine = algebra::AffinePoint<C>;
  using Scalar = typename C::ScalarField;

  /// At most 2^31 points in all tables. `table_bytes` bounds the memory for precomputed multiples, including the
  /// generators themselves; with less than 128 bytes a generator there are none. Tables cost some 254 doublings a
  /// generator, once.
  explicit CommitmentKey(std::span<const Affine> generators, std::size_t table_bytes = 0);

  std::size_t size() const { return size_; }
  /// How many multiples of each generator are stored, itself included.
  std::size_t tables() const { return tables_.count; }
  std::size_t memory_bytes() const { return points_.size() * sizeof(algebra::PackedPoint); }
  /// Generator `index`, which must be below size().
  Affine generator(std::size_t index) const;

  /// The commitment to `scalars` with the generators from `offset` on; offset + scalars.size() must not exceed size().
  Affine commit(std::span<const Scalar> scalars, std::size_t offset = 0) const;
  /// The same for integers, negative ones included: less work before the additions.
  template <SmallScalar T>
  Affine commit(std::span<const T> scalars, std::size_t offset = 0) const;

 private:
  template <class T>
  Affine commit_any(std::span<const T> scalars, std::size_t offset) const;
  /// The sum of the windows that share bucket set `set`.
  algebra::Point<C> bucket_set_sum(const Digits& digits, std::size_t set, std::size_t offset) const;

  algebra::InstructionSet set_;
  std::size_t size_;
  Tables tables_;
  std::vector<algebra::PackedPoint, HugePageAllocator<algebra::PackedPoint>> points_;
  std::vector<std::uint8_t> infinite_;  // empty if no generator is
};

extern template class CommitmentKey<algebra::Bn254>;
extern template class CommitmentKey<algebra::Grumpkin>;

}  // namespace magnetar::commit
