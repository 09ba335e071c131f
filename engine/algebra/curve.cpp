#include "engine/algebra/curve.h"

#include <algorithm>
#include <vector>

namespace magnetar::algebra {

template <class C>
AffinePoint<C> AffinePoint<C>::generator() {
  return {C::kGeneratorX, C::kGeneratorY};
}

template <class C>
bool AffinePoint<C>::is_on_curve() const {
  return is_infinity() || y.square() == x.square() * x + C::kB;
}

template <class C>
std::array<std::uint8_t, 64> AffinePoint<C>::to_uncompressed() const {
  std::array<std::uint8_t, kUncompressedBytes> bytes;
  std::ranges::copy(x.to_bytes(), bytes.begin());
  std::ranges::copy(y.to_bytes(), bytes.begin() + BaseField::kBytes);
  return bytes;
}

template <class C>
std::array<std::uint8_t, 32> AffinePoint<C>::to_compressed() const {
  static_assert(BaseField::kBits < 256);
  std::array<std::uint8_t, kCompressedBytes> bytes = x.to_bytes();
  if (y.is_odd()) bytes.back() |= 0x80;
  return bytes;
}

template <class C>
tl::expected<AffinePoint<C>, DecodeError> AffinePoint<C>::from_uncompressed(std::span<const std::uint8_t> bytes) {
  if (bytes.size() != kUncompressedBytes) return tl::unexpected(DecodeError::kWrongLength);
  const auto x = BaseField::from_bytes(bytes.first(BaseField::kBytes));
  if (!x) return tl::unexpected(x.error());
  const auto y = BaseField::from_bytes(bytes.last(BaseField::kBytes));
  if (!y) return tl::unexpected(y.error());
  const AffinePoint point{*x, *y};
  if (!point.is_on_curve()) return tl::unexpected(DecodeError::kNotOnCurve);
  return point;
}

template <class C>
tl::expected<AffinePoint<C>, DecodeError> AffinePoint<C>::from_compressed(std::span<const std::uint8_t> bytes) {
  if (bytes.size() != kCompressedBytes) return tl::unexpected(DecodeError::kWrongLength);
  std::array<std::uint8_t, kCompressedBytes> x_bytes;
  std::ranges::copy(bytes, x_bytes.begin());
  const bool y_is_odd = (x_bytes.back() & 0x80) != 0;
  x_bytes.back() &= 0x7f;
  const auto x = BaseField::from_bytes(x_bytes);
  if (!x) return tl::unexpected(x.error());
  if (x->is_zero()) {
    if (y_is_odd) return tl::unexpected(DecodeError::kInvalidFlags);
    return infinity();
  }
  const auto y = (x->square() * *x + C::kB).sqrt();
  if (!y) return tl::unexpected(DecodeError::kNotOnCurve);
  return AffinePoint{*x, y_is_odd ? -*y : *y};
}

template <class C>
Point<C>::Point(const Affine& point) : x_(point.x), y_(point.y) {
  if (point.is_infinity()) return;
  zz_ = BaseField::one();
  zzz_ = BaseField::one();
}

template <class C>
Point<C> Point<C>::doubled() const {
  const BaseField u = y_.doubled();
  const BaseField v = u.square();
  const BaseField w = u * v;
  const BaseField s = x_ * v;
  const BaseField x_square = x_.square();
  const BaseField m = x_square.doubled() + x_square;
  Point result;
  result.x_ = m.square() - s.doubled();
  result.y_ = m * (s - result.x_) - w * y_;
  result.zz_ = v * zz_;
  result.zzz_ = w * zzz_;
  return result;
}

template <class C>
Point<C> Point<C>::operator-() const {
  Point result = *this;
  result.y_ = -y_;
  return result;
}

template <class C>
Point<C>& Point<C>::operator+=(const Point& other) {
  if (other.is_infinity()) return *this;
  if (is_infinity()) return *this = other;
  const BaseField u1 = x_ * other.zz_;
  const BaseField s1 = y_ * other.zzz_;
  const BaseField p = other.x_ * zz_ - u1;
  const BaseField r = other.y_ * zzz_ - s1;
  if (p.is_zero()) return *this = r.is_zero() ? doubled() : infinity();
  const BaseField pp = p.square();
  const BaseField ppp = p * pp;
  const BaseField q = u1 * pp;
  x_ = r.square() - ppp - q.doubled();
  y_ = r * (q - x_) - s1 * ppp;
  zz_ = zz_ * other.zz_ * pp;
  zzz_ = zzz_ * other.zzz_ * ppp;
  return *this;
}

template <class C>
Point<C>& Point<C>::operator+=(const Affine& other) {
  if (other.is_infinity()) return *this;
  if (is_infinity()) return *this = other;
  const BaseField p = other.x * zz_ - x_;
  const BaseField r = other.y * zzz_ - y_;
  if (p.is_zero()) return *this = r.is_zero() ? doubled() : infinity();
  const BaseField pp = p.square();
  const BaseField ppp = p * pp;
  const BaseField q = x_ * pp;
  x_ = r.square() - ppp - q.doubled();
  y_ = r * (q - x_) - y_ * ppp;
  zz_ *= pp;
  zzz_ *= ppp;
  return *this;
}

template <class C>
bool Point<C>::equals(const Point& other) const {
  if (is_infinity() || other.is_infinity()) return is_infinity() == other.is_infinity();
  return x_ * other.zz_ == other.x_ * zz_ && y_ * other.zzz_ == other.y_ * zzz_;
}

template <class C>
Point<C> Point<C>::times(const U256& scalar) const {
  constexpr std::size_t kWindow = 4;
  std::array<Point, (1 << kWindow) - 1> multiples;  // 1, 2, ..., 15 times this
  multiples[0] = *this;
  for (std::size_t i = 1; i < multiples.size(); ++i) multiples[i] = multiples[i - 1] + *this;
  Point result;
  for (std::size_t window = (scalar.bit_length() + kWindow - 1) / kWindow; window-- > 0;) {
    for (std::size_t i = 0; i < kWindow; ++i) result = result.doubled();
    const std::uint64_t digit = scalar.bits(kWindow * window, kWindow);
    if (digit != 0) result += multiples[digit - 1];
  }
  return result;
}

template <class C>
AffinePoint<C> Point<C>::to_affine() const {
  Affine result;
  batch_to_affine({this, 1}, {&result, 1});
  return result;
}

template <class C>
void Point<C>::batch_to_affine(std::span<const Point> points, std::span<Affine> out) {
  std::vector<BaseField> inverses(points.size());
  for (std::size_t i = 0; i < points.size(); ++i) inverses[i] = points[i].zzz_;
  batch_inverse(std::span(inverses));
  for (std::size_t i = 0; i < points.size(); ++i) {
    // 1/ZZ = (ZZ/ZZZ)², as ZZ³ = ZZZ². Infinity has ZZZ = 0 and inverse 0, and so becomes (0, 0).
    out[i].y = points[i].y_ * inverses[i];
    out[i].x = points[i].x_ * (points[i].zz_ * inverses[i]).square();
  }
}

template struct AffinePoint<Bn254>;
template struct AffinePoint<Grumpkin>;
template class Point<Bn254>;
template class Point<Grumpkin>;

}  // namespace magnetar::algebra
