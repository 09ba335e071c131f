#include "engine/hash/poseidon.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <memory>
#include <mutex>

#include "engine/algebra/inner_product.h"

namespace magnetar::hash {

namespace {

constexpr std::size_t kHalf = kPoseidonFullRounds / 2;

using algebra::inner_product;

template <class F>
F fifth_power(const F& x) {
  return x.square().square() * x;
}

/// matrix·state + constants; no constants mean zeros.
template <class F>
void multiply_state(const SquareMatrix<F>& matrix, std::span<const F> constants, std::span<F> state) {
  std::array<F, kMaxPoseidonWidth> image;
  for (std::size_t i = 0; i < state.size(); ++i) {
    image[i] = inner_product(matrix.row(i), std::span<const F>(state), constants.empty() ? F::zero() : constants[i]);
  }
  std::copy_n(image.begin(), state.size(), state.begin());
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
  const std::size_t partial_rounds = parameters_.partial_rounds;
  const auto sboxes = [&] {
    for (F& element : state) element = fifth_power(element);
  };

  // The constants of a round are added with the matrix of the round before.
  for (std::size_t i = 0; i < t; ++i) state[i] += constants[i];
  for (std::size_t round = 1; round < kHalf; ++round) {
    sboxes();
    multiply_state(parameters_.mds, constants.subspan(round * t, t), state);
  }
  sboxes();
  std::array<F, kMaxPoseidonWidth> first{partial_round(0).constant};
  multiply_state(transition_, std::span<const F>(first).first(t), state);
  for (std::size_t index = 0; index < partial_rounds; ++index) {
    const PartialRound round = partial_round(index);
    state[0] = fifth_power(state[0]);
    const F next = index + 1 < partial_rounds ? partial_round(index + 1).constant : constants[kHalf * t];
    const F sum = inner_product(round.row, std::span<const F>(state), next);
    for (std::size_t i = 1; i < t; ++i) {
      state[i] = inner_product(round.column.subspan(i - 1, 1), std::span<const F>(state).first(1), state[i]);
    }
    state[0] = sum;
  }
  for (std::size_t i = 1; i < t; ++i) state[i] += constants[kHalf * t + i];
  for (std::size_t round = kHalf + 1; round < kPoseidonFullRounds; ++round) {
    sboxes();
    multiply_state(parameters_.mds, constants.subspan(round * t, t), state);
  }
  sboxes();
  multiply_state(parameters_.mds, {}, state);
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
    std::array<F, kMaxPoseidonWidth> image;
    for (std::size_t i = 0; i < t; ++i) {
      image[i] = parameters_.mds(i, 0) * state[0];
      for (std::size_t j = 1; j < t; ++j) image[i] += parameters_.mds(i, j) * state[j];
    }
    std::copy_n(image.begin(), t, state.begin());
  }
}

template class Poseidon<algebra::Fr>;
template class Poseidon<algebra::Fq>;

}  // namespace magnetar::hash
