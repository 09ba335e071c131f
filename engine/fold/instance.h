#pragma once

#include <array>
#include <concepts>
#include <cstddef>

#include "engine/algebra/curve.h"

namespace magnetar::fold {

/// Whether instances over C have a stage 1: those of the primary side, committed to on BN254, do. A secondary
/// instance's first commitment is infinity, that of an empty vector, and takes no part in transcripts.
template <class C>
inline constexpr bool kStaged = std::same_as<C, algebra::Bn254>;

/// A fresh instance: commitments to w1 and w2, and the public elements. Relaxed, u is 1 and the error zero.
template <class C>
struct FreshInstance {
  algebra::AffinePoint<C> c1, c2;
  std::array<typename C::ScalarField, 2> x;

  friend bool operator==(const FreshInstance&, const FreshInstance&) = default;
};

/// A running instance: committed relaxed R1CS (Nova, ePrint 2021/370, definition 12) with two stages. All zero, it is
/// satisfied by the zero assignment.
template <class C>
struct RunningInstance {
  algebra::AffinePoint<C> c1, c2, e;
  typename C::ScalarField u;
  std::array<typename C::ScalarField, 2> x;

  static RunningInstance relaxed(const FreshInstance<C>& fresh) {
    return {fresh.c1, fresh.c2, {}, C::ScalarField::one(), fresh.x};
  }

  friend bool operator==(const RunningInstance&, const RunningInstance&) = default;
};

}  // namespace magnetar::fold
