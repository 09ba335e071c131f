#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "engine/ivc/bits.h"

namespace magnetar::ivc {

/// Limbs of an integer, 64 bits each, the least significant first.
template <class F>
using Limbs = std::array<Value<F>, 4>;

/// The limbs of at most 256 bits.
template <class F>
Limbs<F> limbs_of(std::span<const Value<F>> bits);

/// The element Σ 2^(64i)·limbs[i]; one integer for one element if the limbs are known to be of an integer below p.
template <class F>
Value<F> element_of(const Limbs<F>& limbs);

/// X + (2^128 + c)·x mod m for Foreign's modulus m: an integer below 2^254, congruent to that sum. Honestly the
/// canonical one; the constraints leave it open only whether m is added, where that is below 2^254.
///
/// X must be known to be below 2^254 with limbs below 2^64, x below 2^250, and c the two limbs of an integer below
/// 2^128. The arithmetic (an equation over the integers X + (2^128 + c)·x = Q·m + X' with X' < 2^254 and Q < 2^126):
/// both sides lie in 0..2^380, p·2^128 is above 2^381, so it is enough to show it modulo p and modulo 2^128.
template <class F, class Foreign>
Limbs<F> fold_foreign(Builder<F>& b, std::string_view name, const Limbs<F>& running, const std::array<Value<F>, 2>& c,
                      const Limbs<F>& fresh);

#define MAGNETAR_FOREIGN(F, Foreign, declaration)                                                        \
  declaration template Limbs<F> limbs_of(std::span<const Value<F>>);                                     \
  declaration template Value<F> element_of(const Limbs<F>&);                                             \
  declaration template Limbs<F> fold_foreign<F, Foreign>(Builder<F>&, std::string_view, const Limbs<F>&, \
                                                         const std::array<Value<F>, 2>&, const Limbs<F>&)
MAGNETAR_FOREIGN(algebra::Fr, algebra::Fq, extern);
MAGNETAR_FOREIGN(algebra::Fq, algebra::Fr, extern);
#undef MAGNETAR_FOREIGN

}  // namespace magnetar::ivc
