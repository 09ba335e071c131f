#pragma once

#include <cstddef>
#include <cstdint>

namespace magnetar::algebra::ifma {

// Elements are 4 words each, canonical Montgomery forms with R = 2^256 as in Field. Instantiated for both fields.

/// out[i] = a[i]·b[i] for i < count; `out` may be `a` or `b`.
template <class P>
void multiply(const std::uint64_t* a, const std::uint64_t* b, std::uint64_t* out, std::size_t count);

/// out[i] = a[i]²; `out` may be `a`.
template <class P>
void square(const std::uint64_t* a, std::uint64_t* out, std::size_t count);

/// Replaces each element by its inverse, zeros by zero.
template <class P>
void batch_invert(std::uint64_t* elements, std::size_t count);

}  // namespace magnetar::algebra::ifma
