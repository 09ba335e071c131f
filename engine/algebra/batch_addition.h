#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "engine/algebra/curve.h"
#include "engine/algebra/instruction_set.h"

namespace magnetar::algebra {

/// A point as batched addition keeps it: x and y, in a representation that belongs to the instruction set (see
/// BatchAddition). One cache line.
struct alignas(64) PackedPoint {
  std::array<std::uint64_t, 4> x;
  std::array<std::uint64_t, 4> y;
};
static_assert(sizeof(PackedPoint) == 64);

/// Names entry `index` of a table of points, or its negative.
class PointReference {
 public:
  static constexpr std::uint32_t kMaxIndex = 0x7fff'ffff;

  constexpr PointReference() = default;
  constexpr PointReference(std::uint32_t index, bool negative)
      : bits_(index | (static_cast<std::uint32_t>(negative) << 31)) {}

  constexpr std::uint32_t index() const { return bits_ & kMaxIndex; }
  constexpr bool negative() const { return (bits_ >> 31) != 0; }

 private:
  std::uint32_t bits_ = 0;
};
static_assert(sizeof(PointReference) == 4);

/// Affine additions of many pairs of points that share one inversion (Montgomery's trick): 5 products and a square an
/// addition. Complete: equal and opposite points and infinity are handled, though at the speed of the portable path
/// for the whole batch in which they occur, as the vectors only notice that a denominator was zero.
///
/// Two implementations with different packed points; one object never mixes them.
///   scalar: coordinates in the Montgomery form of Field, canonical;
///   ifma:   coordinates times 2^260 mod p, below 2.34·p, added 16 at a time.
template <class C>
class BatchAddition {
 public:
  using Affine = AffinePoint<C>;

  /// The implementation of `set`, which must be supported.
  explicit BatchAddition(InstructionSet set = active_instruction_set());
  BatchAddition(const BatchAddition&) = delete;
  BatchAddition& operator=(const BatchAddition&) = delete;
  ~BatchAddition();

  /// The packed form of `point` under `set`, canonical.
  static PackedPoint pack(const Affine& point, InstructionSet set);
  static Affine unpack(const PackedPoint& point, InstructionSet set);

  /// A copy of an entry of `table`, or its negative.
  PackedPoint resolve(const PackedPoint* table, PointReference reference) const;

  /// out[i] = table[left[i]] + table[right[i]], signs applied; both spans have the same length. `out` must not overlap
  /// the entries named. `may_be_infinite` says whether an operand may be infinity; it is set if a result is.
  void add(const PackedPoint* table, std::span<const PointReference> left, std::span<const PointReference> right,
           PackedPoint* out, bool& may_be_infinite);

 private:
  struct Workspace;

  void add_exactly(const PackedPoint* table, std::span<const PointReference> left,
                   std::span<const PointReference> right, PackedPoint* out, bool& may_be_infinite);

  InstructionSet set_;
  std::unique_ptr<Workspace> workspace_;
};

extern template class BatchAddition<Bn254>;
extern template class BatchAddition<Grumpkin>;

}  // namespace magnetar::algebra
