#include "engine/ivc/circuit_sponge.h"

#include <span>

namespace magnetar::ivc {
namespace {

constexpr std::size_t kHalf = hash::kPoseidonFullRounds / 2;

template <class F>
Value<F> fifth_power(Builder<F>& b, const Value<F>& x) {
  const Value<F> square = b.product("x^2", x, x);
  const Value<F> fourth = b.product("x^4", square, square);
  return b.product("x^5", fourth, x);
}

/// matrix·state + constants
template <class F, std::size_t kWidth>
void multiply_state(const hash::SquareMatrix<F>& matrix, std::span<const F> constants,
                    std::array<Value<F>, kWidth>& state) {
  std::array<Value<F>, kWidth> image;
  for (std::size_t i = 0; i < kWidth; ++i) {
    if (!constants.empty()) image[i] = constants[i];
    for (std::size_t j = 0; j < kWidth; ++j) image[i] += matrix(i, j) * state[j];
  }
  state = std::move(image);
}

}  // namespace

template <class F, std::size_t kWidth>
CircuitSponge<F, kWidth>::CircuitSponge(Builder<F>& builder, const hash::SpongePattern& pattern) : builder_(builder) {
  state_[0] = F::reduce(pattern.capacity());
}

template <class F, std::size_t kWidth>
void CircuitSponge<F, kWidth>::permute() {
  // The equivalent form of hash::Poseidon::permute: its sparse matrices keep the combinations short.
  const auto& poseidon = hash::Poseidon<F>::of_width(kWidth);
  const std::span<const F> constants = poseidon.full_round_constants();
  const std::size_t partial_rounds = poseidon.parameters().partial_rounds;
  const auto scope = builder_.scope("permutation");
  const auto sboxes = [&] {
    for (Value<F>& element : state_) element = fifth_power(builder_, element);
  };

  for (std::size_t i = 0; i < kWidth; ++i) state_[i] += constants[i];
  for (std::size_t round = 1; round < kHalf; ++round) {
    sboxes();
    multiply_state(poseidon.parameters().mds, constants.subspan(round * kWidth, kWidth), state_);
  }
  sboxes();
  multiply_state(poseidon.transition(), {}, state_);
  for (std::size_t index = 0; index < partial_rounds; ++index) {
    const auto round = poseidon.partial_round(index);
    const Value<F> x = fifth_power(builder_, state_[0] + round.constant);
    Value<F> sum = round.row[0] * x;
    for (std::size_t i = 1; i < kWidth; ++i) {
      sum += round.row[i] * state_[i];
      state_[i] += round.column[i - 1] * x;
    }
    state_[0] = std::move(sum);
  }
  for (std::size_t i = 0; i < kWidth; ++i) state_[i] += constants[kHalf * kWidth + i];
  for (std::size_t round = kHalf + 1; round < hash::kPoseidonFullRounds; ++round) {
    sboxes();
    multiply_state(poseidon.parameters().mds, constants.subspan(round * kWidth, kWidth), state_);
  }
  sboxes();
  multiply_state(poseidon.parameters().mds, {}, state_);
}

template <class F, std::size_t kWidth>
void CircuitSponge<F, kWidth>::absorb(const Value<F>& element) {
  if (absorbed_ == kRate) {
    permute();
    absorbed_ = 0;
  }
  state_[1 + absorbed_++] += element;
  squeezed_ = kRate;
}

template <class F, std::size_t kWidth>
Value<F> CircuitSponge<F, kWidth>::squeeze_element() {
  if (squeezed_ == kRate) {
    permute();
    squeezed_ = 0;
    absorbed_ = 0;
  }
  return state_[1 + squeezed_++];
}

template <class F, std::size_t kWidth>
Bits<F> CircuitSponge<F, kWidth>::squeeze_bits(std::size_t count) {
  Bits<F> bits = strict_bits(builder_, "squeezed", squeeze_element());
  bits.resize(count);
  return bits;
}

template class CircuitSponge<algebra::Fr, 5>;
template class CircuitSponge<algebra::Fr, 10>;
template class CircuitSponge<algebra::Fq, 5>;
template class CircuitSponge<algebra::Fq, 10>;

}  // namespace magnetar::ivc
