#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <tl/expected.hpp>

#include "engine/algebra/curve_parameters.h"
#include "engine/algebra/decode_error.h"
#include "engine/algebra/field.h"

namespace magnetar::algebra {

template <class C>
class Point;

/// A point of the curve of `C` (see curve_parameters.h) in affine coordinates, or infinity, which is (0, 0): no point
/// of these curves has a zero coordinate. Only decoding checks that a point is on the curve.
template <class C>
struct AffinePoint {
  using Curve = C;
  using BaseField = typename C::BaseField;
  using ScalarField = typename C::ScalarField;
  static constexpr std::size_t kUncompressedBytes = 64;
  static constexpr std::size_t kCompressedBytes = 32;

  BaseField x;
  BaseField y;

  static constexpr AffinePoint infinity() { return {}; }
  static AffinePoint generator();

  constexpr bool is_infinity() const { return x.is_zero() && y.is_zero(); }
  /// True for infinity.
  bool is_on_curve() const;
  friend constexpr bool operator==(const AffinePoint&, const AffinePoint&) = default;
  constexpr AffinePoint operator-() const { return {x, -y}; }
  /// λ·this for the cost of one product: (β·x, y) with β³ = 1, λ³ = 1 (Gallant, Lambert, Vanstone 2001).
  AffinePoint endomorphism() const { return {x * C::kBeta, y}; }

  /// x and y, 32 bytes little-endian each; zeros for infinity.
  std::array<std::uint8_t, kUncompressedBytes> to_uncompressed() const;
  /// x, 32 bytes little-endian, with bit 255 set if y is odd; zeros for infinity.
  std::array<std::uint8_t, kCompressedBytes> to_compressed() const;
  /// Decoding is strict: exact length, canonical coordinates, on the curve, hence in the group (the cofactor is 1), and
  /// one encoding for each point.
  static tl::expected<AffinePoint, DecodeError> from_uncompressed(std::span<const std::uint8_t> bytes);
  static tl::expected<AffinePoint, DecodeError> from_compressed(std::span<const std::uint8_t> bytes);
};

/// A point in XYZZ coordinates (x = X/ZZ, y = Y/ZZZ, ZZ³ = ZZZ²; infinity has ZZ = 0). All operations are complete.
/// Formulas: Explicit-Formulas Database, shortw/xyzz, for a = 0.
template <class C>
class Point {
 public:
  using Affine = AffinePoint<C>;
  using BaseField = typename C::BaseField;
  using ScalarField = typename C::ScalarField;

  /// Infinity.
  constexpr Point() = default;
  Point(const Affine& point);  // NOLINT(google-explicit-constructor): the same value in other coordinates

  static constexpr Point infinity() { return {}; }

  bool is_infinity() const { return zz_.is_zero(); }
  Point doubled() const;
  Point operator-() const;
  Point& operator+=(const Point& other);
  Point& operator+=(const Affine& other);
  Point& operator-=(const Point& other) { return *this += -other; }
  Point& operator-=(const Affine& other) { return *this += -other; }
  friend Point operator+(Point a, const Point& b) { return a += b; }
  friend Point operator+(Point a, const Affine& b) { return a += b; }
  friend Point operator-(Point a, const Point& b) { return a -= b; }
  friend Point operator-(Point a, const Affine& b) { return a -= b; }
  /// Equality of the points, whatever their representations.
  friend bool operator==(const Point& a, const Point& b) { return a.equals(b); }

  /// `scalar` times this point, for any 256-bit integer.
  Point times(const U256& scalar) const;
  friend Point operator*(const Point& point, const ScalarField& scalar) { return point.times(scalar.to_canonical()); }

  /// The affine point: one inversion; use batch_to_affine for many.
  Affine to_affine() const;

  /// Writes the affine forms of `points` to `out`, of the same length, with one inversion in all.
  static void batch_to_affine(std::span<const Point> points, std::span<Affine> out);

 private:
  bool equals(const Point& other) const;

  BaseField x_;
  BaseField y_;
  BaseField zz_;
  BaseField zzz_;
};

using Bn254Affine = AffinePoint<Bn254>;
using Bn254Point = Point<Bn254>;
using GrumpkinAffine = AffinePoint<Grumpkin>;
using GrumpkinPoint = Point<Grumpkin>;

extern template struct AffinePoint<Bn254>;
extern template struct AffinePoint<Grumpkin>;
extern template class Point<Bn254>;
extern template class Point<Grumpkin>;

}  // namespace magnetar::algebra
