#pragma once

// Only for files compiled for AVX-512 IFMA: see field_vector.h.

#include "engine/algebra/ifma/field_vector.h"
#include "engine/algebra/ifma/scalar_inversion.h"

namespace magnetar::algebra::ifma {

/// v with lanes rotated by kCount.
template <int kCount>
inline FieldVector rotated(const FieldVector& v) {
  FieldVector result;
#pragma GCC unroll 5
  for (int i = 0; i < kLimbs; ++i) result.limbs[i] = _mm512_alignr_epi64(v.limbs[i], v.limbs[i], kCount);
  return result;
}

/// Replaces each lane by its inverse at the cost of one scalar inversion; false if a lane is zero.
template <class P>
inline bool invert_lanes(FieldVector& v) {
  FieldVector folded[3];  // products of 2, 4 and 8 lanes
  FieldVector turned[3] = {rotated<4>(v), {}, {}};
  multiply<P, 1>(&folded[0], &v, &turned[0]);
  turned[1] = rotated<2>(folded[0]);
  multiply<P, 1>(&folded[1], &folded[0], &turned[1]);
  turned[2] = rotated<1>(folded[1]);
  multiply<P, 1>(&folded[2], &folded[1], &turned[2]);
  const WordVector words = to_words(folded[2]);
  std::uint64_t total[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    total[i] = static_cast<std::uint64_t>(_mm_cvtsi128_si64(_mm512_castsi512_si128(words.words[i])));
  }
  if (!invert<P>(total)) return false;
  WordVector inverse_words;
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) inverse_words.words[i] = _mm512_set1_epi64(static_cast<long long>(total[i]));
  FieldVector inverse = to_limbs(inverse_words);
  multiply<P, 1>(&inverse, &inverse, &turned[2]);
  multiply<P, 1>(&inverse, &inverse, &turned[1]);
  multiply<P, 1>(&v, &inverse, &turned[0]);
  return true;
}

}  // namespace magnetar::algebra::ifma
