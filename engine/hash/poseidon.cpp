#include "engine/hash/poseidon.h"

#include <array>
#include <cassert>
#include <memory>
#include <mutex>

namespace magnetar::hash {

namespace {

constexpr std::size_t kHalf = kPoseidonFullRounds / 2;

template <class F>
F fifth_power(const F& x) {
  return x.square().square() * x;
}

template <class F>
F inner_product(std::span<const F> a, std::span<const F> b) {
  F sum = a[0] * b[0];
  for (std::size_t i = 1; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

template <class F>
void multiply_state(const SquareMatrix<F>& matrix, std::span<F> state) {
  std::array<F, kMaxPoseidonWidth> product;
  for (std::size_t i = 0; i < state.size(); ++i) product[i] = inner_product<F>(matrix.row(i), state);
  std::copy_n(product.begin(), state.size(), state.begin());
}

template <class F>
void full_round(std::span<const F> constants, const SquareMatrix<F>& matrix, std::span<F> state) {
  for (std::size_t i = 0; i < state.size(); ++i) state[i] = fifth_power(state[i] + constants[i]);
  multiply_state(matrix, state);
}

}  // namespace

template <class F>
Poseidon<F>::Poseidon(std::size_t width)
    : parameters_(PoseidonParameters<F>::generate(width)), transition_(parameters_.mds) {
  const SquareMatrix<F>& mds = parameters_.mds;
  const std::size_t partial_rounds = parameters_.partial_rounds;
  partial_rounds_.resize(partial_rounds * 2 * width);

  // Constants of elements that meet no S-box move through the matrix into the next round.
  std::vector<F> carried(width);
  const auto constants_of = [&](std::size_t round) {
    const auto own = std::span(parameters_.round_constants).subspan(round * width, width);
    std::vector<F> sum(own.begin(), own.end());
    for (std::size_t i = 0; i < width; ++i) sum[i] += carried[i];
    return sum;
  };
  full_round_constants_.assign(parameters_.round_constants.begin(),
                               parameters_.round_constants.begin() + static_cast<std::ptrdiff_t>(kHalf * width));
  for (std::size_t index = 0; index < partial_rounds; ++index) {
    std::vector<F> constants = constants_of(kHalf + index);
    partial_rounds_[index * 2 * width] = constants[0];
    constants[0] = F::zero();
    carried = mds.times(constants);
  }
  for (std::size_t round = kHalf + partial_rounds; round < parameters_.rounds(); ++round) {
    const std::vector<F> constants = constants_of(round);
    full_round_constants_.insert(full_round_constants_.end(), constants.begin(), constants.end());
    carried.assign(width, F::zero());
  }

  // From the last partial round back, matrix = S·D; D then multiplies the matrix of the round before.
  for (std::size_t index = partial_rounds; index-- > 0;) {
    const SquareMatrix<F> minor = transition_.minor();
    const auto inverse = minor.inverse();
    assert(inverse);  // minor is a power of the MDS matrix's, all of whose square submatrices are invertible
    F* const row = &partial_rounds_[index * 2 * width + 1];
    F* const column = row + width;
    row[0] = transition_(0, 0);
    const std::vector<F> rest = inverse->transposed().times(transition_.row(0).subspan(1));
    std::copy(rest.begin(), rest.end(), row + 1);
    for (std::size_t i = 1; i < width; ++i) column[i - 1] = transition_(i, 0);

    SquareMatrix<F> diagonal = SquareMatrix<F>::identity(width);
    for (std::size_t i = 1; i < width; ++i) {
      for (std::size_t j = 1; j < width; ++j) diagonal(i, j) = minor(i - 1, j - 1);
    }
    transition_ = diagonal * mds;
  }
}

template <class F>
const Poseidon<F>& Poseidon<F>::of_width(std::size_t width) {
  assert(width >= kMinPoseidonWidth && width <= kMaxPoseidonWidth);
  static std::array<std::once_flag, kMaxPoseidonWidth + 1> made;
  static std::array<std::unique_ptr<const Poseidon>, kMaxPoseidonWidth + 1> permutations;
  std::call_once(made[width], [width] { permutations[width] = std::make_unique<const Poseidon>(width); });
  return *permutations[width];
}

template <class F>
typename Poseidon<F>::PartialRound Poseidon<F>::partial_round(std::size_t index) const {
  const auto round = std::span(partial_rounds_).subspan(index * 2 * width(), 2 * width());
  return {round[0], round.subspan(1, width()), round.subspan(1 + width())};
}

template <class F>
void Poseidon<F>::permute(std::span<F> state) const {
  const std::size_t t = width();
  assert(state.size() == t);
  const std::span<const F> constants = full_round_constants_;
  for (std::size_t round = 0; round < kHalf; ++round) {
    full_round(constants.subspan(round * t, t), round + 1 < kHalf ? parameters_.mds : transition_, state);
  }
  for (std::size_t index = 0; index < parameters_.partial_rounds; ++index) {
    const PartialRound round = partial_round(index);
    const F x = fifth_power(state[0] + round.constant);
    state[0] = inner_product<F>(round.row.subspan(1), state.subspan(1)) + round.row[0] * x;
    for (std::size_t i = 1; i < t; ++i) state[i] += round.column[i - 1] * x;
  }
  for (std::size_t round = kHalf; round < kPoseidonFullRounds; ++round) {
    full_round(constants.subspan(round * t, t), parameters_.mds, state);
  }
}

template <class F>
void Poseidon<F>::permute_plain(std::span<F> state) const {
  const std::size_t t = width();
  assert(state.size() == t);
  const std::span<const F> constants = parameters_.round_constants;
  for (std::size_t round = 0; round < parameters_.rounds(); ++round) {
    for (std::size_t i = 0; i < t; ++i) state[i] += constants[round * t + i];
    const bool full = round < kHalf || round >= kHalf + parameters_.partial_rounds;
    for (std::size_t i = 0; i < (full ? t : 1); ++i) state[i] = fifth_power(state[i]);
    multiply_state(parameters_.mds, state);
  }
}

template class Poseidon<algebra::Fr>;
template class Poseidon<algebra::Fq>;

}  // namespace magnetar::hash
