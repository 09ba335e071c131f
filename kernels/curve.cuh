#pragma once

#include "kernels/field.cuh"

// Points of y² = x³ + b on the device. All operations are complete: infinity, doubling and inverses are handled.
// Formulas: Explicit-Formulas Database, shortw/xyzz, for a = 0. `P` names the base field.

namespace magnetar::kernels {

template <class P>
__device__ __forceinline__ bool is_infinity(const Affine<P>& point) {
  return is_zero(point.x) && is_zero(point.y);
}

template <class P>
__device__ __forceinline__ bool is_infinity(const Xyzz<P>& point) {
  return is_zero(point.zz);
}

template <class P>
__device__ __forceinline__ Xyzz<P> infinity() {
  return {};
}

template <class P>
__device__ __forceinline__ Xyzz<P> to_xyzz(const Affine<P>& point) {
  if (is_infinity(point)) return infinity<P>();
  return {point.x, point.y, one_element<P>(), one_element<P>()};
}

/// mdbl-2008-s-1; 4 products, 2 of them squares, and a sum of products.
template <class P>
__device__ __forceinline__ Xyzz<P> doubled(const Affine<P>& point) {
  const Element<P> u = doubled(point.y);
  const Element<P> v = square(u);
  const Element<P> w = u * v;
  const Element<P> s = point.x * v;
  const Element<P> xx = square(point.x);
  const Element<P> m = doubled(xx) + xx;
  const Element<P> x = square(m) - doubled(s);
  return {x, sum_of_products(m, s - x, negated(w), point.y), v, w};
}

/// dbl-2008-s-1. Infinity stays infinity, as ZZ is multiplied; no point has y = 0, the order being odd.
template <class P>
__device__ __forceinline__ Xyzz<P> doubled(const Xyzz<P>& point) {
  const Element<P> u = doubled(point.y);
  const Element<P> v = square(u);
  const Element<P> w = u * v;
  const Element<P> s = point.x * v;
  const Element<P> xx = square(point.x);
  const Element<P> m = doubled(xx) + xx;
  const Element<P> x = square(m) - doubled(s);
  return {x, sum_of_products(m, s - x, negated(w), point.y), v * point.zz, w * point.zzz};
}

/// sum += point. madd-2008-s: 8 products and 2 squares, two of the products with one reduction.
template <class P>
__device__ __forceinline__ void add(Xyzz<P>& sum, const Affine<P>& point) {
  if (is_infinity(point)) return;
  if (is_infinity(sum)) {
    sum = {point.x, point.y, one_element<P>(), one_element<P>()};
    return;
  }
  const Element<P> p = point.x * sum.zz - sum.x;
  const Element<P> r = point.y * sum.zzz - sum.y;
  if (is_zero(p)) {
    sum = is_zero(r) ? doubled(point) : infinity<P>();
    return;
  }
  const Element<P> pp = square(p);
  const Element<P> ppp = p * pp;
  const Element<P> q = sum.x * pp;
  sum.x = square(r) - ppp - doubled(q);
  sum.y = sum_of_products(r, q - sum.x, negated(sum.y), ppp);
  sum.zz = sum.zz * pp;
  sum.zzz = sum.zzz * ppp;
}

/// sum += point. add-2008-s: 12 products and 2 squares, two of the products with one reduction.
template <class P>
__device__ __forceinline__ void add(Xyzz<P>& sum, const Xyzz<P>& point) {
  if (is_infinity(point)) return;
  if (is_infinity(sum)) {
    sum = point;
    return;
  }
  const Element<P> u1 = sum.x * point.zz;
  const Element<P> s1 = sum.y * point.zzz;
  const Element<P> p = point.x * sum.zz - u1;
  const Element<P> r = point.y * sum.zzz - s1;
  if (is_zero(p)) {
    sum = is_zero(r) ? doubled(sum) : infinity<P>();
    return;
  }
  const Element<P> pp = square(p);
  const Element<P> ppp = p * pp;
  const Element<P> q = u1 * pp;
  sum.x = square(r) - ppp - doubled(q);
  sum.y = sum_of_products(r, q - sum.x, negated(s1), ppp);
  sum.zz = sum.zz * point.zz * pp;
  sum.zzz = sum.zzz * point.zzz * ppp;
}

}  // namespace magnetar::kernels
