#pragma once

#include <string_view>

#include "engine/algebra/curve_parameters.h"

namespace magnetar::hash {

/// What hashing to a curve needs to know of it beyond its equation.
template <class C>
struct HashToCurveParameters;

template <>
struct HashToCurveParameters<algebra::Bn254> {
  static constexpr std::string_view kSuite = "BN254G1_XMD:SHA-256_SVDW_RO_";
  static constexpr algebra::Fq kZ = algebra::Fq::one();
  static constexpr algebra::Fq kC3 =
      algebra::Fq::reduce(algebra::U256::from_hex("16789af3a83522eb353c98fc6b36d713d5d8d1cc5dffffffa"));
};

template <>
struct HashToCurveParameters<algebra::Grumpkin> {
  static constexpr std::string_view kSuite = "GRUMPKIN_XMD:SHA-256_SVDW_RO_";
  static constexpr algebra::Fr kZ = algebra::Fr::one();
  static constexpr algebra::Fr kC3 =
      algebra::Fr::reduce(algebra::U256::from_hex("2cf135e7506a45d66a7931f8d66dae274453478a4c627115c"));
};

/// Constants of the Shallue and van de Woestijne map of RFC 9380, section 6.6.1, for y² = g(x) = x³ + B (A = 0).
/// Z is what find_z_svdw (appendix H.1) finds, and the test runs that procedure; all others follow from Z, and only the
/// square root c3 is written down.
template <class C>
struct Svdw {
  using F = typename C::BaseField;

  static constexpr F g(const F& x) { return x.square() * x + C::kB; }
  static constexpr F inverse(const F& x) { return x.pow(subtract(F::kModulus, algebra::U256::from_u64(2))); }

  static constexpr F kZ = HashToCurveParameters<C>::kZ;
  static constexpr F kC1 = g(kZ);
  static constexpr F kC2 = -kZ * inverse(F::from_u64(2));
  /// sqrt(-g(Z)·3Z²), the even one.
  static constexpr F kC3 = HashToCurveParameters<C>::kC3;
  static_assert(kC3.square() == -(g(kZ) * F::from_u64(3) * kZ.square()) && !kC3.is_odd());
  static constexpr F kC4 = -F::from_u64(4) * g(kZ) * inverse(F::from_u64(3) * kZ.square());
};

}  // namespace magnetar::hash
