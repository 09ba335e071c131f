#include "engine/ivc/circuit_point.h"

#include <cassert>

namespace magnetar::ivc {

template <class C>
CircuitPoint<C> CircuitPoint<C>::trusted(Builder<F>& b, std::string_view name, const Affine& point) {
  const auto scope = b.scope(name);
  const Value<F> x = b.variable("x", point.x);
  const Value<F> y = b.variable("y", point.y);
  // No point of the curve has x = 0.
  return {x, y, b.is_zero("infinite", x)};
}

template <class C>
CircuitPoint<C> CircuitPoint<C>::on_curve(Builder<F>& b, std::string_view name, const Affine& point) {
  const auto scope = b.scope(name);
  CircuitPoint p = trusted(b, "point", point);
  // y² = x³ + b, or y = 0 where x = 0.
  const Value<F> x_squared = b.product("x^2", p.x, p.x);
  const Value<F> y_squared = b.product("y^2", p.y, p.y);
  b.constrain("curve", x_squared, p.x, y_squared - C::kB * (Value<F>(F::one()) - p.infinite));
  return p;
}

template <class C>
CircuitPoint<C> CircuitPoint<C>::select(Builder<F>& b, std::string_view name, const Value<F>& condition,
                                        const CircuitPoint& p, const CircuitPoint& q) {
  const auto scope = b.scope(name);
  const Value<F> x = b.select("x", condition, p.x, q.x);
  const Value<F> y = b.select("y", condition, p.y, q.y);
  return {x, y, b.select("infinite", condition, p.infinite, q.infinite)};
}

template <class C>
CircuitPoint<C> CircuitPoint<C>::add(Builder<F>& b, std::string_view name, const CircuitPoint& p,
                                     const CircuitPoint& q) {
  const auto scope = b.scope(name);
  const Value<F> one = F::one();
  // The line through p and q: of slope (y2 - y1) / (x2 - x1), or where x1 = x2, so that y2 = ±y1, of slope
  // 3·x1² / (y1 + y2). That denominator is 0 exactly for opposite points, infinity twice included; the slope
  // is then divided by 1 and of no use.
  const Value<F> same_x = b.is_zero("same x", q.x - p.x);
  const Value<F> denominator = b.select("denominator", same_x, p.y + q.y, q.x - p.x);
  const Value<F> opposite = b.is_zero("opposite", denominator);
  const Value<F> x1_squared = b.product("x1^2", p.x, p.x);
  const Value<F> numerator = b.select("numerator", same_x, F::from_u64(3) * x1_squared, q.y - p.y);
  const Value<F> divisor = denominator + opposite;
  const Value<F> slope = b.variable("slope", numerator.value() * divisor.value().inverse());
  b.constrain("slope", slope, divisor, numerator);
  const Value<F> x = b.product("slope^2", slope, slope) - p.x - q.x;
  const Value<F> y = b.product("y", slope, p.x - x) - p.y;

  // p infinite: q. Else q infinite: p. Else opposite: infinity. Else the third point of the line, reflected. With both
  // infinite q is infinity.
  const Value<F> either = b.product("both", p.infinite, q.infinite);  // then p.infinite + q.infinite - either is "or"
  const Value<F> some_infinite = p.infinite + q.infinite - either;
  const Value<F> regular = b.product("regular", one - some_infinite, one - opposite);
  const auto coordinate = [&](std::string_view axis, const Value<F>& sum, const Value<F>& of_p, const Value<F>& of_q) {
    // An infinite point's coordinates are 0, so that adding the two takes the other's.
    const auto named = b.scope(axis);
    const Value<F> other = b.product("other", some_infinite, of_p + of_q);
    return other + b.product("sum", regular, sum);
  };
  const Value<F> sum_x = coordinate("x", x, p.x, q.x);
  const Value<F> sum_y = coordinate("y", y, p.y, q.y);
  // Infinite if both are, or if neither is and they are opposite: 1 - regular where none is infinite.
  return {sum_x, sum_y, either + one - some_infinite - regular};
}

template <class C>
CircuitPoint<C> CircuitPoint<C>::multiply(Builder<F>& b, std::string_view name, std::span<const Value<F>> bits,
                                          const CircuitPoint& point) {
  const auto scope = b.scope(name);
  assert(bits.size() >= 2 && bits.size() <= 250);
  const Value<F> one = F::one();
  // In the place of infinity, the generator, so that s has prime order n > 2^253.
  const Affine generator = Affine::generator();
  const Value<F> sx = b.select("base x", point.infinite, generator.x, point.x);
  const Value<F> sy = b.select("base y", point.infinite, generator.y, point.y);

  // The scalar r = 2^count + Σ 2^i·b_i is r = b_0 - 1 + 2^count + Σ_{i=1}^{count} (2·b_i - 1)·2^(i-1) with b_count = 1.
  // From the top: k = 1, then k = 2k ± 1 for each digit. The first digit is 1, so 3 <= k < 2^(count+1) < n/4 from then
  // on, and in 2k ± 1 = (k ± 1) + k no step adds equal or opposite points or meets infinity: the sums need no cases,
  // and no division is by zero.
  const auto line = [&](std::string_view of, const Value<F>& rise, const Value<F>& run) {
    Value<F> slope = b.variable(of, rise.value() * run.value().inverse());
    b.constrain(of, slope, run, rise);
    return slope;
  };
  const auto third = [&](std::string_view of, const Value<F>& slope, const Value<F>& x1, const Value<F>& x2) {
    return b.product(of, slope, slope) - x1 - x2;
  };
  const auto ordinate = [&](std::string_view of, const Value<F>& slope, const Value<F>& x1, const Value<F>& y1,
                            const Value<F>& x3) { return b.product(of, slope, x1 - x3) - y1; };

  const Value<F> sx_squared = b.product("base x^2", sx, sx);
  const Value<F> tangent = line("tangent", F::from_u64(3) * sx_squared, sy + sy);
  const Value<F> double_x = third("double x", tangent, sx, sx);
  const Value<F> double_y = ordinate("double y", tangent, sx, sy, double_x);
  const Value<F> chord = line("chord", double_y - sy, double_x - sx);
  Value<F> x = third("triple x", chord, sx, double_x);
  Value<F> y = ordinate("triple y", chord, sx, sy, x);
  for (std::size_t i = bits.size() - 1; i > 0; --i) {
    // q + (q ± s): the sum's ordinate is not needed, as the second slope is -(first + 2·y/(x - sum's x)).
    const Value<F> signed_y = b.product("signed y", bits[i] + bits[i] - one, sy);
    const Value<F> first = line("first slope", y - signed_y, x - sx);
    const Value<F> sum_x = third("sum x", first, x, sx);
    const Value<F> second = line("second slope", y + y, x - sum_x) - first;
    const Value<F> next_x = third("next x", second, x, sum_x);
    y = ordinate("next y", second, x, y, next_x);
    x = next_x;
  }
  // q = (r + 1 - b_0)·s, with a scalar above 2: less s if b_0 is 0.
  const Value<F> slope = line("last slope", y + sy, x - sx);
  const Value<F> less_x = third("less x", slope, x, sx);
  const Value<F> less_y = ordinate("less y", slope, x, y, less_x);
  const Value<F> rx = b.select("x", bits[0], x, less_x);
  const Value<F> ry = b.select("y", bits[0], y, less_y);
  const Value<F> finite = one - point.infinite;
  const Value<F> result_x = b.product("finite x", finite, rx);
  const Value<F> result_y = b.product("finite y", finite, ry);
  return {result_x, result_y, point.infinite};
}

template struct CircuitPoint<algebra::Bn254>;
template struct CircuitPoint<algebra::Grumpkin>;

}  // namespace magnetar::ivc
