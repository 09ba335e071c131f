#pragma once

#include <cstddef>
#include <cstdint>

namespace magnetar::algebra::ifma {

/// Pairs that share an inversion: the more, the less of it each pays; but their workspace should stay in the cache.
inline constexpr std::size_t kBatchPairs = 1024;
inline constexpr std::size_t kPairsAtOnce = 16;
/// Bytes of scratch memory, 64-aligned, that add_distinct needs: two vectors of 5 limbs for 8 pairs.
inline constexpr std::size_t kScratchBytes = kBatchPairs / 8 * 2 * 5 * 64;

/// out[i] = table[left[i]] + table[right[i]] for i < count <= kBatchPairs. Points are 8 words, x and y; bit 31 of a
/// reference asks for the negative. `following` more references lie behind, whose points are fetched for the next call.
/// No operand may be infinity. False, with `out` undefined, if two x are equal. Instantiated for the base fields of the
/// curves.
template <class P>
bool add_distinct(const std::uint64_t* table, const std::uint32_t* left, const std::uint32_t* right, std::size_t count,
                  std::size_t following, std::uint64_t* out, void* scratch);

}  // namespace magnetar::algebra::ifma
