#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/algebra/batch_addition.h"

namespace magnetar::commit {

/// Sums of consecutive parts of a list of points.
template <class C>
class SegmentSums {
 public:
  explicit SegmentSums(algebra::InstructionSet set) : set_(set) {}

  /// out[s] = the sum of table[references[i]] for starts[s] <= i < starts[s+1]; starts has one entry more than out, and
  /// no segment is empty. Pairs are added in rounds, a tree over each segment; parts of the list that fit the cache are
  /// treated to the end by one thread. `may_be_infinite` as in BatchAddition::add.
  void compute(const algebra::PackedPoint* table, std::span<const algebra::PointReference> references,
               std::span<const std::uint32_t> starts, std::span<algebra::PackedPoint> out, bool& may_be_infinite) const;

 private:
  algebra::InstructionSet set_;
};

extern template class SegmentSums<algebra::Bn254>;
extern template class SegmentSums<algebra::Grumpkin>;

}  // namespace magnetar::commit
