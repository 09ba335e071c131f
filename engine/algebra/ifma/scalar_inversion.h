#pragma once

#include <cstdint>

namespace magnetar::algebra::ifma {

/// Replaces a·2^260 mod p by a^-1·2^260 mod p, canonical, for any representative below 2^256. False if a is zero.
template <class P>
bool invert(std::uint64_t (&words)[4]);

}  // namespace magnetar::algebra::ifma
