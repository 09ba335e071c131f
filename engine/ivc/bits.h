#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "engine/r1cs/circuit.h"

namespace magnetar::ivc {

template <class F>
using Value = r1cs::Combination<F>;
template <class F>
using Builder = r1cs::CircuitBuilder<F>;

/// Bits of an integer, the lowest first: each 0 or 1 by constraint.
template <class F>
using Bits = std::vector<Value<F>>;

/// `count` new bits, honestly those of `integer`; nothing but their being bits is constrained. One constraint a bit.
template <class F>
Bits<F> new_bits(Builder<F>& b, std::string_view name, const algebra::U256& integer, std::size_t count);

/// Σ 2^i·bits[i]: no constraint. Below p, and so one integer for one value, for at most 253 bits.
template <class F>
Value<F> packed(std::span<const Value<F>> bits);

/// The bits of the canonical integer of `x`: the only ones that satisfy the constraints, as their sum is also
/// constrained to be below p. One constraint for each bit of p, for the sum, and for most ones of p - 1.
template <class F>
Bits<F> strict_bits(Builder<F>& b, std::string_view name, const Value<F>& x);

#define MAGNETAR_BITS(F, declaration)                                                                      \
  declaration template Bits<F> new_bits(Builder<F>&, std::string_view, const algebra::U256&, std::size_t); \
  declaration template Value<F> packed(std::span<const Value<F>>);                                         \
  declaration template Bits<F> strict_bits(Builder<F>&, std::string_view, const Value<F>&)
MAGNETAR_BITS(algebra::Fr, extern);
MAGNETAR_BITS(algebra::Fq, extern);
#undef MAGNETAR_BITS

}  // namespace magnetar::ivc
