#pragma once

#include <cstdint>
#include <span>

#include "engine/algebra/field.h"

namespace magnetar::hash {

/// For each i: exists[i] is 1 and roots[i] the square root of a[i] whose canonical integer is even, or exists[i] is 0
/// and roots[i] unspecified. The spans have the same length. All elements share one sequence of squarings and products,
/// 8 elements at a time where the processor can; the rest is a discrete logarithm in the subgroup of order 2^s by
/// tables (Sarkar, "Computing square roots faster than the Tonelli-Shanks/Bernstein algorithm", ePrint 2020/1407).
template <class F>
void square_roots(std::span<const F> a, std::span<F> roots, std::span<std::uint8_t> exists);

extern template void square_roots(std::span<const algebra::Fr>, std::span<algebra::Fr>, std::span<std::uint8_t>);
extern template void square_roots(std::span<const algebra::Fq>, std::span<algebra::Fq>, std::span<std::uint8_t>);

}  // namespace magnetar::hash
