#include "engine/ivc/bits.h"

#include <optional>

namespace magnetar::ivc {

using algebra::U256;

namespace {

constexpr bool has_zero_below(const U256& integer, std::size_t bit) {
  for (std::size_t i = 0; i < bit; ++i) {
    if (!integer.bit(i)) return true;
  }
  return false;
}

}  // namespace

template <class F>
Bits<F> new_bits(Builder<F>& b, std::string_view name, const U256& integer, std::size_t count) {
  const auto scope = b.scope(name);
  Bits<F> bits;
  bits.reserve(count);
  for (std::size_t i = 0; i < count; ++i) bits.push_back(b.bit("bit", integer.bit(i)));
  return bits;
}

template <class F>
Value<F> packed(std::span<const Value<F>> bits) {
  Value<F> sum;
  F power = F::one();
  for (const Value<F>& bit : bits) {
    sum += power * bit;
    power = power.doubled();
  }
  return sum;
}

template <class F>
Bits<F> strict_bits(Builder<F>& b, std::string_view name, const Value<F>& x) {
  const auto scope = b.scope(name);
  constexpr U256 kLargest = subtract(F::kModulus, U256::from_u64(1));
  const U256 integer = x.value().to_canonical();
  Bits<F> bits(F::kBits);
  // From the highest bit down: `equal` is 1 where all bits so far are those of p - 1. Where p - 1 has a 0 and all bits
  // before are equal, the bit must be 0; so the first bit that differs is a 0 in the place of a 1, and the sum is
  // below p.
  std::optional<Value<F>> equal;
  for (std::size_t i = F::kBits; i-- > 0;) {
    if (kLargest.bit(i)) {
      bits[i] = b.bit("bit", integer.bit(i));
      if (has_zero_below(kLargest, i)) equal = equal ? b.product("equal", *equal, bits[i]) : bits[i];
    } else {
      bits[i] = b.variable("bit", integer.bit(i) ? F::one() : F::zero());
      b.constrain("bit", bits[i], Value<F>(F::one()) - bits[i] - *equal, {});
    }
  }
  b.equal("sum", packed<F>(bits), x);
  return bits;
}

#define MAGNETAR_BITS(F)                                                                       \
  template Bits<F> new_bits(Builder<F>&, std::string_view, const algebra::U256&, std::size_t); \
  template Value<F> packed(std::span<const Value<F>>);                                         \
  template Bits<F> strict_bits(Builder<F>&, std::string_view, const Value<F>&)
MAGNETAR_BITS(algebra::Fr);
MAGNETAR_BITS(algebra::Fq);

}  // namespace magnetar::ivc
