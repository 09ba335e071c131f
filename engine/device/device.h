#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/algebra/curve.h"
#include "engine/r1cs/relation.h"
#include "engine/r1cs/witness.h"

namespace magnetar::device {

/// A device cannot do what it was asked to. Hardware fails at any call, for reasons that have nothing to do with the
/// call's arguments, so an implementation that depends on hardware may throw this from every method of the classes
/// below; the CPU's throws nothing. After that the device and what it made must only be destroyed; the same work gives
/// the same results on another device. No other code throws it, and ivc::Prover::run turns it into an error value.
class DeviceError : public std::runtime_error {
 public:
  enum class Kind : std::uint8_t {
    kUnavailable,  ///< no such device, or none that works
    kOutOfMemory,  ///< of the device, or pinned memory of the host
    kFailed,       ///< a call to it failed
  };

  DeviceError(Kind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}

  Kind kind() const { return kind_; }

 private:
  Kind kind_;
};

/// What the prover chooses of a fresh assignment before the challenges are known.
template <class F>
struct Stage1 {
  std::vector<const r1cs::Columns*> blocks;  ///< of the relation's blocks, in order; null where the count is 0
  std::span<const F> own;                    ///< of the relation's circuit
};

/// z of a relaxed instance, and its error vector.
template <class F>
struct RelaxedAssignment {
  F u;
  std::array<F, 2> publics;
  std::vector<F> stage1, stage2, error;

  r1cs::Assignment<F> assignment() const { return {u, publics, stage1, stage2}; }

  friend bool operator==(const RelaxedAssignment&, const RelaxedAssignment&) = default;
};

/// A fresh assignment (u = 1) in the device's memory, with its products A·z, B·z, C·z. Methods block, in this order;
/// different assignments may be worked on from different threads at once, which is how work overlaps.
template <class C>
class Fresh {
 public:
  using F = typename C::ScalarField;
  using Affine = algebra::AffinePoint<C>;

  virtual ~Fresh() = default;

  /// Solves the blocks' stage-2 variables and products. False if a denominator is zero.
  virtual bool solve_blocks() = 0;
  /// The sum of the blocks' stage-2 variables.
  virtual F block_sum() const = 0;
  /// The commitment to the blocks' stage-2 variables.
  virtual Affine commit_blocks() const = 0;
  /// Takes the values of the relation's circuit; computes its products. Returns the commitment to all of w2, given the
  /// blocks' part.
  virtual Affine complete(const r1cs::CircuitValues<F>& values, const Affine& blocks) = 0;
};

/// The running assignment of a segment's folding, in the device's memory, with its products.
template <class C>
class Accumulator {
 public:
  using F = typename C::ScalarField;
  using Affine = algebra::AffinePoint<C>;

  virtual ~Accumulator() = default;

  virtual std::unique_ptr<Fresh<C>> make_fresh(const Stage1<F>& stage1) const = 0;

  /// The assignment as a relaxed one: u = 1, no error.
  virtual void start(const Fresh<C>& fresh) = 0;
  /// The zero assignment: u = 0.
  virtual void start_zero() = 0;
  /// Computes the cross term with a complete fresh assignment and returns the commitment to it (Nova, section 4.1).
  virtual Affine cross_term(const Fresh<C>& fresh) = 0;
  /// Folds the fresh assignment of the last cross term with the challenge `r`.
  virtual void fold(const Fresh<C>& fresh, const F& r) = 0;

  /// A copy in the host's memory.
  virtual RelaxedAssignment<F> read() const = 0;
  /// Replaces the running assignment, which must be of the relation's sizes; computes its products.
  virtual void write(const RelaxedAssignment<F>& assignment) = 0;
};

/// Where the vectors of one relation are committed to, multiplied and folded.
template <class C>
class Device {
 public:
  using F = typename C::ScalarField;
  using Affine = algebra::AffinePoint<C>;

  virtual ~Device() = default;

  /// The commitment to w1.
  virtual Affine commit_stage1(const Stage1<F>& stage1) const = 0;
  /// The commitment to a vector, with the first generators.
  virtual Affine commit(std::span<const F> values) const = 0;
  /// Starts a segment, whose challenges are now known; the running assignment is zero.
  virtual std::unique_ptr<Accumulator<C>> start_segment(const r1cs::Challenges<F>& challenges) const = 0;
};

}  // namespace magnetar::device
