#pragma once

#include <span>
#include <string_view>

#include "engine/algebra/curve.h"
#include "engine/ivc/bits.h"

namespace magnetar::ivc {

/// A point of a curve whose base field is the circuit's, in affine coordinates: (0, 0) for infinity.
template <class C>
struct CircuitPoint {
  using F = typename C::BaseField;
  using Affine = algebra::AffinePoint<C>;

  Value<F> x;
  Value<F> y;
  Value<F> infinite;  ///< 1 for infinity, else 0

  Affine value() const { return {x.value(), y.value()}; }

  /// Infinity, as a constant.
  static CircuitPoint infinity() { return {F::zero(), F::zero(), F::one()}; }
  /// A new point, which is constrained to be on the curve or infinity. Five constraints.
  static CircuitPoint on_curve(Builder<F>& b, std::string_view name, const Affine& point);
  /// A new point whose coordinates are constrained elsewhere to be of the curve or (0, 0). Two constraints.
  static CircuitPoint trusted(Builder<F>& b, std::string_view name, const Affine& point);

  /// The sum, for any two points of the curve, equal, opposite and infinite ones included.
  static CircuitPoint add(Builder<F>& b, std::string_view name, const CircuitPoint& p, const CircuitPoint& q);

  /// (2^count + Σ 2^i·bits[i])·point for `count` <= 250 bits and any point of the curve or infinity. Six constraints a
  /// bit.
  static CircuitPoint multiply(Builder<F>& b, std::string_view name, std::span<const Value<F>> bits,
                               const CircuitPoint& point);

  /// condition ? p : q
  static CircuitPoint select(Builder<F>& b, std::string_view name, const Value<F>& condition, const CircuitPoint& p,
                             const CircuitPoint& q);
};

extern template struct CircuitPoint<algebra::Bn254>;
extern template struct CircuitPoint<algebra::Grumpkin>;

}  // namespace magnetar::ivc
