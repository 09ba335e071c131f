#include "engine/hash/hash_to_curve.h"

#include <array>
#include <cassert>
#include <cstddef>
#include <vector>

#include "engine/hash/square_roots.h"
#include "engine/hash/svdw_parameters.h"

namespace magnetar::hash {

using algebra::AffinePoint;
using algebra::Point;

// Variables are named as in the straight-line program of RFC 9380, appendix F.1.
template <class C>
AffinePoint<C> map_to_curve(const typename C::BaseField& u) {
  using F = typename C::BaseField;
  using S = Svdw<C>;
  const F tv0 = u.square() * S::kC1;
  const F tv2 = F::one() + tv0;
  const F tv1 = F::one() - tv0;
  const F tv3 = (tv1 * tv2).inverse();  // zero for zero
  const F tv4 = u * tv1 * tv3 * S::kC3;
  const F x1 = S::kC2 - tv4;
  const F x2 = S::kC2 + tv4;
  const F x3 = (tv2.square() * tv3).square() * S::kC4 + S::kZ;
  const F x = S::g(x1).is_square() ? x1 : S::g(x2).is_square() ? x2 : x3;
  const auto y = S::g(x).sqrt();
  assert(y);  // g(x1)·g(x2)·g(x3) is a square
  return {x, y->is_odd() == u.is_odd() ? *y : -*y};
}

template <class C>
void map_to_curve(std::span<const typename C::BaseField> u, std::span<AffinePoint<C>> out) {
  using F = typename C::BaseField;
  using S = Svdw<C>;
  assert(u.size() == out.size());
  const std::size_t count = u.size();
  const auto square_all = [](std::vector<F>& a) { algebra::square(std::span<const F>(a), std::span(a)); };
  const auto multiply_all = [](std::vector<F>& a, std::span<const F> b) {
    algebra::multiply(std::span<const F>(a), b, std::span(a));
  };
  // g of all x.
  const auto evaluate = [&](const std::vector<F>& x) {
    std::vector<F> g = x;
    square_all(g);
    multiply_all(g, x);
    for (F& value : g) value += C::kB;
    return g;
  };

  std::vector<F> tv1(u.begin(), u.end());
  square_all(tv1);
  std::vector<F> tv2(count);
  for (std::size_t i = 0; i < count; ++i) {
    const F product = tv1[i] * S::kC1;
    tv2[i] = F::one() + product;
    tv1[i] = F::one() - product;
  }
  std::vector<F> tv3 = tv1;
  multiply_all(tv3, tv2);
  algebra::batch_inverse(std::span(tv3));
  std::vector<F> tv4 = std::move(tv1);
  multiply_all(tv4, u);
  multiply_all(tv4, tv3);
  std::vector<F> x(count);
  for (std::size_t i = 0; i < count; ++i) {
    tv4[i] *= S::kC3;
    x[i] = S::kC2 - tv4[i];
  }

  // Each round tries one more x for the entries that have none yet.
  std::vector<std::size_t> open(count);
  for (std::size_t i = 0; i < count; ++i) open[i] = i;
  for (int candidate = 1; !open.empty(); ++candidate) {
    assert(candidate <= 3);  // g(x1)·g(x2)·g(x3) is a square
    if (candidate > 1) {
      x.resize(open.size());
      for (std::size_t k = 0; k < open.size(); ++k) {
        const std::size_t i = open[k];
        x[k] = candidate == 2 ? S::kC2 + tv4[i] : (tv2[i].square() * tv3[i]).square() * S::kC4 + S::kZ;
      }
    }
    const std::vector<F> g = evaluate(x);
    std::vector<F> y(open.size());
    std::vector<std::uint8_t> on_curve(open.size());
    square_roots<F>(g, y, on_curve);
    std::vector<std::size_t> still_open;
    for (std::size_t k = 0; k < open.size(); ++k) {
      const std::size_t i = open[k];
      if (on_curve[k] == 0) {
        still_open.push_back(i);
      } else {
        out[i] = {x[k], u[i].is_odd() ? -y[k] : y[k]};
      }
    }
    open = std::move(still_open);
  }
}

template <class C>
tl::expected<AffinePoint<C>, ExpandMessageError> hash_to_curve(std::span<const std::uint8_t> message,
                                                               std::string_view tag) {
  std::array<typename C::BaseField, 2> u;
  if (const auto hashed = hash_to_field(message, tag, std::span<typename C::BaseField>(u)); !hashed) {
    return tl::unexpected(hashed.error());
  }
  return (Point<C>(map_to_curve<C>(u[0])) + map_to_curve<C>(u[1])).to_affine();
}

template AffinePoint<algebra::Bn254> map_to_curve<algebra::Bn254>(const algebra::Fq&);
template AffinePoint<algebra::Grumpkin> map_to_curve<algebra::Grumpkin>(const algebra::Fr&);
template void map_to_curve<algebra::Bn254>(std::span<const algebra::Fq>, std::span<algebra::Bn254Affine>);
template void map_to_curve<algebra::Grumpkin>(std::span<const algebra::Fr>, std::span<algebra::GrumpkinAffine>);
template tl::expected<algebra::Bn254Affine, ExpandMessageError> hash_to_curve<algebra::Bn254>(
    std::span<const std::uint8_t>, std::string_view);
template tl::expected<algebra::GrumpkinAffine, ExpandMessageError> hash_to_curve<algebra::Grumpkin>(
    std::span<const std::uint8_t>, std::string_view);

}  // namespace magnetar::hash
