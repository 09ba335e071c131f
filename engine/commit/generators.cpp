#include "engine/commit/generators.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <vector>

#include "engine/hash/hash_to_curve.h"
#include "engine/hash/svdw_parameters.h"

namespace magnetar::commit {

using algebra::AffinePoint;
using algebra::Point;

namespace {

/// Generators that a thread derives at once: enough to share inversions and fill vectors, few enough for the cache.
constexpr std::size_t kBatch = 512;

template <class C>
void derive_batch(std::string_view tag, std::uint64_t first, std::span<AffinePoint<C>> out) {
  using F = typename C::BaseField;
  // hash_to_curve maps two elements and adds the points.
  std::vector<F> u(2 * out.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::uint64_t index = first + i;
    std::array<std::uint8_t, 8> message;
    for (std::size_t byte = 0; byte < 8; ++byte) message[byte] = static_cast<std::uint8_t>(index >> (56 - 8 * byte));
    const auto hashed = hash::hash_to_field(message, tag, std::span(u).subspan(2 * i, 2));
    assert(hashed);
    static_cast<void>(hashed);
  }
  std::vector<AffinePoint<C>> mapped(u.size());
  hash::map_to_curve<C>(u, mapped);
  std::vector<Point<C>> sums(out.size());
  for (std::size_t i = 0; i < out.size(); ++i) sums[i] = Point<C>(mapped[2 * i]) + mapped[2 * i + 1];
  Point<C>::batch_to_affine(sums, out);
}

}  // namespace

template <class C>
std::string generator_tag() {
  return "MAGNETAR-V01-CS01-generators-with-" + std::string(hash::HashToCurveParameters<C>::kSuite);
}

template <class C>
tl::expected<void, hash::ExpandMessageError> derive_generators(std::string_view tag, std::uint64_t first,
                                                               std::span<AffinePoint<C>> out) {
  if (tag.empty()) return tl::unexpected(hash::ExpandMessageError::kEmptyTag);
  tbb::parallel_for(std::size_t{0}, (out.size() + kBatch - 1) / kBatch, [&](std::size_t batch) {
    const std::size_t begin = batch * kBatch;
    derive_batch<C>(tag, first + begin, out.subspan(begin, std::min(kBatch, out.size() - begin)));
  });
  return {};
}

template std::string generator_tag<algebra::Bn254>();
template std::string generator_tag<algebra::Grumpkin>();
template tl::expected<void, hash::ExpandMessageError> derive_generators<algebra::Bn254>(
    std::string_view, std::uint64_t, std::span<algebra::Bn254Affine>);
template tl::expected<void, hash::ExpandMessageError> derive_generators<algebra::Grumpkin>(
    std::string_view, std::uint64_t, std::span<algebra::GrumpkinAffine>);

}  // namespace magnetar::commit
