#pragma once

#include <cstddef>

namespace magnetar::algebra::ifma {

/// Two vectors of 8 side by side, which hides the latency of one product.
inline constexpr std::size_t kElementsARound = 16;

/// Multiplies 16 elements by fixed others, `rounds` times over, without leaving vector form. Returns a word of
/// the results.
template <class P>
unsigned long long multiply_vectors(std::size_t rounds);

/// Squares 16 elements, `rounds` times over.
template <class P>
unsigned long long square_vectors(std::size_t rounds);

}  // namespace magnetar::algebra::ifma
