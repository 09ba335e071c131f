#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "engine/algebra/field_parameters.h"

namespace magnetar::kernels {

/// An element of the prime field of `P` as device memory holds it: 32-bit limbs of the canonical Montgomery form with
/// R = 2^256, the least significant first. These are the bytes of algebra::Field<P> on a little-endian host, so vectors
/// cross the bus as they are.
template <class P>
struct alignas(16) Element {
  using Parameters = P;
  std::uint32_t limbs[8];
};

/// An affine point as device memory holds it; infinity is (0, 0). The bytes of algebra::AffinePoint.
template <class P>
struct alignas(16) Affine {
  Element<P> x, y;
};

/// A point in XYZZ coordinates (x = X/ZZ, y = Y/ZZZ, ZZ³ = ZZZ²); infinity has ZZ = 0.
template <class P>
struct alignas(16) Xyzz {
  Element<P> x, y, zz, zzz;
};

/// Host values as their device representation, for arguments of kernels.
template <class Field>
Element<typename Field::Parameters> to_element(const Field& value) {
  Element<typename Field::Parameters> element;
  static_assert(sizeof(element) == sizeof(value));
  std::memcpy(&element, &value, sizeof(element));
  return element;
}

using FrParameters = algebra::Bn254ScalarParameters;
using FqParameters = algebra::Bn254BaseParameters;

}  // namespace magnetar::kernels
