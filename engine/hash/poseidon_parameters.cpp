#include "engine/hash/poseidon_parameters.h"

#include <algorithm>
#include <cassert>
#include <optional>
#include <span>

#include "engine/hash/grain_lfsr.h"

namespace magnetar::hash {

namespace {

/// A Cauchy matrix 1/(x_i + y_j), or nothing if the drawn values do not give one. Unlike the round constants these
/// values are reduced, not rejected.
template <class F>
std::optional<SquareMatrix<F>> draw_cauchy_matrix(GrainLfsr& lfsr, std::size_t width) {
  std::vector<F> values(2 * width);
  for (F& value : values) value = F::reduce(lfsr.next_integer(F::kBits));
  std::vector<F> sorted = values;
  std::ranges::sort(sorted);
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) return std::nullopt;
  SquareMatrix<F> matrix(width);
  for (std::size_t i = 0; i < width; ++i) {
    for (std::size_t j = 0; j < width; ++j) {
      const F sum = values[i] + values[width + j];
      if (sum.is_zero()) return std::nullopt;
      matrix(i, j) = sum.inverse();
    }
  }
  return matrix;
}

/// Whether e, Me, M²e, ... span the whole space, e the first unit vector.
template <class F>
bool first_unit_vector_is_cyclic(const SquareMatrix<F>& matrix) {
  const std::size_t size = matrix.size();
  SquareMatrix<F> orbit(size);
  std::vector<F> vector(size);
  vector[0] = F::one();
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t j = 0; j < size; ++j) orbit(i, j) = vector[j];
    vector = matrix.times(vector);
  }
  return orbit.is_invertible();
}

}  // namespace

template <class F>
bool resists_subspace_trails(const SquareMatrix<F>& mds) {
  if (!mds.is_invertible()) return false;
  // Algorithm 1 looks for trails without active S-boxes. Each one that it can find spans an invariant subspace with
  // first coordinate zero, and such a subspace, if there is one, is found when its sequence of subspaces becomes
  // stationary. There is none if and only if the rows e·M^i span the space.
  if (!first_unit_vector_is_cyclic(mds.transposed())) return false;
  // Algorithms 2 and 3 look for trails with active S-boxes, of period 1 and 2 to 4t: subspaces that contain the first
  // unit vector and are invariant under M^i.
  SquareMatrix<F> power = mds;
  for (std::size_t period = 1; period <= 4 * mds.size(); ++period) {
    if (!first_unit_vector_is_cyclic(power)) return false;
    power = power * mds;
  }
  return true;
}

template <class F>
PoseidonParameters<F> PoseidonParameters<F>::generate(std::size_t width) {
  assert(width >= kMinPoseidonWidth && width <= kMaxPoseidonWidth);
  const std::size_t partial_rounds = poseidon_partial_rounds(width);
  GrainLfsr lfsr(F::kBits, width, kPoseidonFullRounds, partial_rounds);
  std::vector<F> round_constants((kPoseidonFullRounds + partial_rounds) * width);
  for (F& constant : round_constants) {
    std::optional<F> drawn;
    while (!drawn) drawn = F::from_canonical(lfsr.next_integer(F::kBits));
    constant = *drawn;
  }
  for (;;) {
    std::optional<SquareMatrix<F>> matrix = draw_cauchy_matrix<F>(lfsr, width);
    if (!matrix || !resists_subspace_trails(*matrix)) continue;
    return {width, partial_rounds, std::move(round_constants), std::move(*matrix)};
  }
}

template struct PoseidonParameters<algebra::Fr>;
template struct PoseidonParameters<algebra::Fq>;
template bool resists_subspace_trails(const SquareMatrix<algebra::Fr>&);
template bool resists_subspace_trails(const SquareMatrix<algebra::Fq>&);

}  // namespace magnetar::hash
