#pragma once

// Only for files compiled for AVX-512 IFMA. Nothing here may be inline in a header that other files share: the linker
// could pick the AVX-512 copy for everyone. So no library templates at run time, and all names stay in this namespace.

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "engine/algebra/u256.h"

namespace magnetar::algebra::ifma {

inline constexpr int kLimbs = 5;
inline constexpr int kLimbBits = 52;
inline constexpr std::uint64_t kLimbMask = (std::uint64_t{1} << kLimbBits) - 1;
inline constexpr int kLanes = 8;

/// Eight integers, one a lane: limb i has weight 2^(52·i). Normalised: every limb is in 0..2^52-1.
struct FieldVector {
  __m512i limbs[kLimbs];
};

/// Limbs of constants.
struct Limbs {
  std::uint64_t limbs[kLimbs];
};

constexpr Limbs to_limbs(const U256& value) {
  Limbs result{};
  for (std::size_t i = 0; i < kLimbs; ++i) {
    const std::size_t limb = kLimbBits * i / 64;
    const std::size_t shift = kLimbBits * i % 64;
    std::uint64_t bits = value.limbs[limb] >> shift;
    if (shift > 64 - kLimbBits && limb + 1 < 4) bits |= value.limbs[limb + 1] << (64 - shift);
    result.limbs[i] = bits & kLimbMask;
  }
  return result;
}

/// Arithmetic modulo p on vectors, Montgomery with R = 2^260. Values are not reduced below p; each function states its
/// bounds, in multiples of p. p has 254 bits, so that R > 64·p and 5·p < 2^256 leave room.
template <class P>
struct Modulus {
  static constexpr U256 kP = P::kModulus;
  static_assert(kP.bit_length() == 254);
  static constexpr Limbs kLimbsOfP = to_limbs(kP);
  /// -p^-1 mod 2^52.
  static constexpr std::uint64_t kNegativeInverse = [] {
    std::uint64_t inverse = kP.limbs[0];
    for (int round = 0; round < 5; ++round) inverse *= 2 - kP.limbs[0] * inverse;
    return (~inverse + 1) & kLimbMask;
  }();

  static constexpr U256 power_of_two(int exponent) {
    U256 value = U256::from_u64(1);
    for (int i = 0; i < exponent; ++i) {
      value = value.shifted_left(1);
      if (value >= kP) value = subtract(value, kP);
    }
    return value;
  }
  static constexpr U256 kTwoTo256 = power_of_two(256);
  static constexpr U256 kOne = power_of_two(260);

  /// k·p, limb by limb without carries: for differences that are normalised afterwards.
  static __m512i multiple(int limb, int k) {
    return _mm512_set1_epi64(static_cast<long long>(kLimbsOfP.limbs[limb] * static_cast<std::uint64_t>(k)));
  }

  /// Column i: limb i of floor(j·2^254 / p)·p for j = 0..7, not normalised.
  struct Multiples {
    alignas(64) std::uint64_t columns[kLimbs][kLanes];
  };
  static constexpr Multiples kMultiples = [] {
    Multiples table{};
    for (std::uint64_t j = 0; j < kLanes; ++j) {
      std::uint64_t count = 0;
      U256 rest{};  // j·2^254 - count·p, kept below p while 2^254 is added j times
      for (std::uint64_t step = 0; step < j; ++step) {
        rest = add(rest, U256{{0, 0, 0, std::uint64_t{1} << 62}});
        while (rest >= kP) {
          rest = subtract(rest, kP);
          ++count;
        }
      }
      for (std::size_t i = 0; i < kLimbs; ++i) table.columns[i][j] = kLimbsOfP.limbs[i] * count;
    }
    return table;
  }();
};

/// Carries signed limbs upwards; the value must be in 0..2^260-1.
inline FieldVector normalised(FieldVector a) {
  const __m512i mask = _mm512_set1_epi64(static_cast<long long>(kLimbMask));
#pragma GCC unroll 4
  for (int i = 0; i + 1 < kLimbs; ++i) {
    a.limbs[i + 1] = _mm512_add_epi64(a.limbs[i + 1], _mm512_srai_epi64(a.limbs[i], kLimbBits));
    a.limbs[i] = _mm512_and_si512(a.limbs[i], mask);
  }
  return a;
}

/// The normalised residue below 2.33·p of signed limbs, for a value in 2^211..8·2^254-1 with |limb| < 2^60: the leading
/// bits say how many p to take away, and what the carries can still change in them is below 2^-40 of 2^254.
template <class P>
inline FieldVector partly_reduced(FieldVector a) {
  const __m512i leading = _mm512_srai_epi64(a.limbs[4], 254 - 4 * kLimbBits);
#pragma GCC unroll 5
  for (int i = 0; i < kLimbs; ++i) {
    const __m512i column = _mm512_load_si512(Modulus<P>::kMultiples.columns[i]);
    a.limbs[i] = _mm512_sub_epi64(a.limbs[i], _mm512_permutexvar_epi64(leading, column));
  }
  return normalised(a);
}

/// a - b + k·p, normalised; b <= k·p, and the result below 2^260.
template <class P>
inline FieldVector difference(const FieldVector& a, const FieldVector& b, int k) {
  FieldVector result;
#pragma GCC unroll 5
  for (int i = 0; i < kLimbs; ++i) {
    result.limbs[i] = _mm512_add_epi64(_mm512_sub_epi64(a.limbs[i], b.limbs[i]), Modulus<P>::multiple(i, k));
  }
  return normalised(result);
}

/// out[n] = a[n]·b[n]/2^260 for N independent products, interleaved to hide the latency of one; inputs normalised,
/// output normalised and below (1 + α·β/64)·p for inputs below α·p and β·p. `out` may be an input.
template <class P, int N>
[[gnu::always_inline]] inline void multiply(FieldVector* out, const FieldVector* a, const FieldVector* b) {
  const __m512i zero = _mm512_setzero_si512();
  const __m512i mask = _mm512_set1_epi64(static_cast<long long>(kLimbMask));
  const __m512i inverse = _mm512_set1_epi64(static_cast<long long>(Modulus<P>::kNegativeInverse));
  __m512i t[N][2 * kLimbs];
#pragma GCC unroll 8
  for (int n = 0; n < N; ++n) {
#pragma GCC unroll 10
    for (int k = 0; k < 2 * kLimbs; ++k) t[n][k] = zero;
  }
#pragma GCC unroll 5
  for (int i = 0; i < kLimbs; ++i) {
#pragma GCC unroll 5
    for (int j = 0; j < kLimbs; ++j) {
#pragma GCC unroll 8
      for (int n = 0; n < N; ++n) t[n][i + j] = _mm512_madd52lo_epu64(t[n][i + j], a[n].limbs[i], b[n].limbs[j]);
    }
    // The low product m·p0 only cancels column i, carrying 1 unless its low 52 bits are zero.
    __m512i m[N];
#pragma GCC unroll 8
    for (int n = 0; n < N; ++n) m[n] = _mm512_madd52lo_epu64(zero, t[n][i], inverse);
#pragma GCC unroll 5
    for (int j = 0; j < kLimbs; ++j) {
#pragma GCC unroll 8
      for (int n = 0; n < N; ++n) {
        t[n][i + j + 1] = _mm512_madd52hi_epu64(t[n][i + j + 1], a[n].limbs[i], b[n].limbs[j]);
      }
    }
#pragma GCC unroll 8
    for (int n = 0; n < N; ++n) {
      t[n][i + 1] = _mm512_add_epi64(t[n][i + 1], _mm512_srli_epi64(_mm512_add_epi64(t[n][i], mask), kLimbBits));
    }
#pragma GCC unroll 5
    for (int j = 0; j < kLimbs; ++j) {
      const __m512i p = Modulus<P>::multiple(j, 1);
#pragma GCC unroll 8
      for (int n = 0; n < N; ++n) {
        if (j > 0) t[n][i + j] = _mm512_madd52lo_epu64(t[n][i + j], m[n], p);
        t[n][i + j + 1] = _mm512_madd52hi_epu64(t[n][i + j + 1], m[n], p);
      }
    }
  }
#pragma GCC unroll 8
  for (int n = 0; n < N; ++n) {
    out[n] = normalised({{t[n][5], t[n][6], t[n][7], t[n][8], t[n][9]}});
  }
}

/// multiply(out, a, a): the products of different limbs are formed once and doubled.
template <class P, int N>
[[gnu::always_inline]] inline void square(FieldVector* out, const FieldVector* a) {
  const __m512i zero = _mm512_setzero_si512();
  const __m512i mask = _mm512_set1_epi64(static_cast<long long>(kLimbMask));
  const __m512i inverse = _mm512_set1_epi64(static_cast<long long>(Modulus<P>::kNegativeInverse));
  __m512i t[N][2 * kLimbs];
#pragma GCC unroll 8
  for (int n = 0; n < N; ++n) {
#pragma GCC unroll 10
    for (int k = 0; k < 2 * kLimbs; ++k) t[n][k] = zero;
  }
#pragma GCC unroll 5
  for (int i = 0; i < kLimbs; ++i) {
#pragma GCC unroll 5
    for (int j = i + 1; j < kLimbs; ++j) {
#pragma GCC unroll 8
      for (int n = 0; n < N; ++n) {
        t[n][i + j] = _mm512_madd52lo_epu64(t[n][i + j], a[n].limbs[i], a[n].limbs[j]);
        t[n][i + j + 1] = _mm512_madd52hi_epu64(t[n][i + j + 1], a[n].limbs[i], a[n].limbs[j]);
      }
    }
  }
#pragma GCC unroll 10
  for (int k = 1; k < 2 * kLimbs; ++k) {
#pragma GCC unroll 8
    for (int n = 0; n < N; ++n) t[n][k] = _mm512_add_epi64(t[n][k], t[n][k]);
  }
#pragma GCC unroll 5
  for (int i = 0; i < kLimbs; ++i) {
#pragma GCC unroll 8
    for (int n = 0; n < N; ++n) {
      t[n][2 * i] = _mm512_madd52lo_epu64(t[n][2 * i], a[n].limbs[i], a[n].limbs[i]);
      t[n][2 * i + 1] = _mm512_madd52hi_epu64(t[n][2 * i + 1], a[n].limbs[i], a[n].limbs[i]);
    }
  }
#pragma GCC unroll 5
  for (int i = 0; i < kLimbs; ++i) {
    __m512i m[N];
#pragma GCC unroll 8
    for (int n = 0; n < N; ++n) {
      m[n] = _mm512_madd52lo_epu64(zero, t[n][i], inverse);
      t[n][i + 1] = _mm512_add_epi64(t[n][i + 1], _mm512_srli_epi64(_mm512_add_epi64(t[n][i], mask), kLimbBits));
    }
#pragma GCC unroll 5
    for (int j = 0; j < kLimbs; ++j) {
      const __m512i p = Modulus<P>::multiple(j, 1);
#pragma GCC unroll 8
      for (int n = 0; n < N; ++n) {
        if (j > 0) t[n][i + j] = _mm512_madd52lo_epu64(t[n][i + j], m[n], p);
        t[n][i + j + 1] = _mm512_madd52hi_epu64(t[n][i + j + 1], m[n], p);
      }
    }
  }
#pragma GCC unroll 8
  for (int n = 0; n < N; ++n) {
    out[n] = normalised({{t[n][5], t[n][6], t[n][7], t[n][8], t[n][9]}});
  }
}

/// Eight integers below 2^256 as 64-bit words: word i of all lanes.
struct WordVector {
  __m512i words[4];
};

/// Loads 4 words from each of 8 addresses: lane i from rows[i].
inline WordVector load_rows(const std::uint64_t* const (&rows)[kLanes]) {
  __m512i z[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(rows[i]));
    const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(rows[i + 4]));
    z[i] = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
  }
  const __m512i low_half = _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13);
  const __m512i high_half = _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15);
  const __m512i even01 = _mm512_unpacklo_epi64(z[0], z[1]);
  const __m512i odd01 = _mm512_unpackhi_epi64(z[0], z[1]);
  const __m512i even23 = _mm512_unpacklo_epi64(z[2], z[3]);
  const __m512i odd23 = _mm512_unpackhi_epi64(z[2], z[3]);
  return {{_mm512_permutex2var_epi64(even01, low_half, even23), _mm512_permutex2var_epi64(odd01, low_half, odd23),
           _mm512_permutex2var_epi64(even01, high_half, even23), _mm512_permutex2var_epi64(odd01, high_half, odd23)}};
}

/// Stores lane i to the 4 words at base + i·stride.
inline void store_rows(const WordVector& a, std::uint64_t* base, std::size_t stride) {
  const __m512i low_half = _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13);
  const __m512i high_half = _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15);
  const __m512i even01 = _mm512_unpacklo_epi64(a.words[0], a.words[1]);
  const __m512i odd01 = _mm512_unpackhi_epi64(a.words[0], a.words[1]);
  const __m512i even23 = _mm512_unpacklo_epi64(a.words[2], a.words[3]);
  const __m512i odd23 = _mm512_unpackhi_epi64(a.words[2], a.words[3]);
  const __m512i z[4] = {
      _mm512_permutex2var_epi64(even01, low_half, even23), _mm512_permutex2var_epi64(odd01, low_half, odd23),
      _mm512_permutex2var_epi64(even01, high_half, even23), _mm512_permutex2var_epi64(odd01, high_half, odd23)};
#pragma GCC unroll 4
  for (std::size_t i = 0; i < 4; ++i) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(base + i * stride), _mm512_castsi512_si256(z[i]));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(base + (i + 4) * stride), _mm512_extracti64x4_epi64(z[i], 1));
  }
}

/// 52-bit limbs of words shifted left by kShift <= 4 bits: the value times 2^kShift, normalised.
template <int kShift = 0>
inline FieldVector to_limbs(const WordVector& a) {
  const __m512i mask = _mm512_set1_epi64(static_cast<long long>(kLimbMask));
  const __m512i* w = a.words;
  FieldVector r;
  r.limbs[0] = _mm512_and_si512(kShift == 0 ? w[0] : _mm512_slli_epi64(w[0], kShift), mask);
#pragma GCC unroll 3
  for (int i = 1; i < 4; ++i) {
    // Bits from 52·i - kShift on: the upper bits of word i - 1 and the lower ones of word i.
    const auto low_shift = static_cast<unsigned>(kLimbBits * i - kShift - 64 * (i - 1));
    const __m512i joined =
        _mm512_or_si512(_mm512_srli_epi64(w[i - 1], low_shift), _mm512_slli_epi64(w[i], 64 - low_shift));
    r.limbs[i] = _mm512_and_si512(joined, mask);
  }
  r.limbs[4] = _mm512_srli_epi64(w[3], static_cast<unsigned>(4 * kLimbBits - kShift - 192));
  return r;
}

/// The words of a normalised value below 2^256.
inline WordVector to_words(const FieldVector& a) {
  const __m512i* l = a.limbs;
  return {{_mm512_or_si512(l[0], _mm512_slli_epi64(l[1], 52)),
           _mm512_or_si512(_mm512_srli_epi64(l[1], 12), _mm512_slli_epi64(l[2], 40)),
           _mm512_or_si512(_mm512_srli_epi64(l[2], 24), _mm512_slli_epi64(l[3], 28)),
           _mm512_or_si512(_mm512_srli_epi64(l[3], 36), _mm512_slli_epi64(l[4], 16))}};
}

}  // namespace magnetar::algebra::ifma
