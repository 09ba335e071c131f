#include "engine/algebra/ifma/field_kernels.h"

#include "engine/algebra/field_parameters.h"
#include "engine/algebra/ifma/field_vector.h"
#include "engine/algebra/ifma/lane_inversion.h"

namespace magnetar::algebra::ifma {

namespace {

constexpr std::size_t kWords = 4;
constexpr int kGroups = 2;
constexpr std::size_t kElementsAtOnce = kGroups * kLanes;

inline WordVector load_elements(const std::uint64_t* elements) {
  const std::uint64_t* rows[kLanes];
#pragma GCC unroll 8
  for (int i = 0; i < kLanes; ++i) rows[i] = elements + static_cast<std::size_t>(i) * kWords;
  return load_rows(rows);
}

/// The canonical words of a normalised value below 2p.
template <class P>
inline WordVector canonical_words(const FieldVector& a) {
  FieldVector less;
#pragma GCC unroll 5
  for (int i = 0; i < kLimbs; ++i) less.limbs[i] = _mm512_sub_epi64(a.limbs[i], Modulus<P>::multiple(i, 1));
  less = normalised(less);
  const __mmask8 negative = _mm512_movepi64_mask(less.limbs[4]);
#pragma GCC unroll 5
  for (int i = 0; i < kLimbs; ++i) less.limbs[i] = _mm512_mask_blend_epi64(negative, less.limbs[i], a.limbs[i]);
  return to_words(less);
}

inline void copy(const std::uint64_t* from, std::uint64_t* to, std::size_t words) {
  for (std::size_t i = 0; i < words; ++i) to[i] = from[i];
}

/// Applies `kernel(in, out)` to 16 elements of `a` and `b` at a time, the last ones filled up with zeros.
template <class Kernel>
inline void for_each_step(const std::uint64_t* a, const std::uint64_t* b, std::uint64_t* out, std::size_t count,
                          Kernel kernel) {
  std::size_t i = 0;
  for (; i + kElementsAtOnce <= count; i += kElementsAtOnce) kernel(a + i * kWords, b + i * kWords, out + i * kWords);
  if (i == count) return;
  const std::size_t rest = (count - i) * kWords;
  std::uint64_t last_a[kElementsAtOnce * kWords] = {};
  std::uint64_t last_b[kElementsAtOnce * kWords] = {};
  copy(a + i * kWords, last_a, rest);
  copy(b + i * kWords, last_b, rest);
  kernel(last_a, last_b, last_a);
  copy(last_a, out + i * kWords, rest);
}

}  // namespace

// Of two factors a·2^256 one is loaded times 2^4, so that dividing by 2^260 leaves a·b·2^256. The bound of the product
// is 1 + 16/64 < 2.

template <class P>
void multiply(const std::uint64_t* a, const std::uint64_t* b, std::uint64_t* out, std::size_t count) {
  for_each_step(a, b, out, count, [](const std::uint64_t* x, const std::uint64_t* y, std::uint64_t* z) {
    FieldVector left[kGroups];
    FieldVector right[kGroups];
#pragma GCC unroll 2
    for (int group = 0; group < kGroups; ++group) {
      left[group] = to_limbs<4>(load_elements(x + group * kLanes * static_cast<int>(kWords)));
      right[group] = to_limbs(load_elements(y + group * kLanes * static_cast<int>(kWords)));
    }
    multiply<P, kGroups>(left, left, right);
#pragma GCC unroll 2
    for (int group = 0; group < kGroups; ++group) {
      store_rows(canonical_words<P>(left[group]), z + group * kLanes * static_cast<int>(kWords), kWords);
    }
  });
}

template <class P>
void square(const std::uint64_t* a, std::uint64_t* out, std::size_t count) {
  for_each_step(a, a, out, count, [](const std::uint64_t* x, const std::uint64_t*, std::uint64_t* z) {
    FieldVector value[kGroups];
#pragma GCC unroll 2
    for (int group = 0; group < kGroups; ++group) {
      // Times 2^2, so that the square has the 2^4; 4·4/64 is the same bound.
      value[group] = to_limbs<2>(load_elements(x + group * kLanes * static_cast<int>(kWords)));
    }
    square<P, kGroups>(value, value);
#pragma GCC unroll 2
    for (int group = 0; group < kGroups; ++group) {
      store_rows(canonical_words<P>(value[group]), z + group * kLanes * static_cast<int>(kWords), kWords);
    }
  });
}

template <class P>
void batch_invert(std::uint64_t* elements, std::size_t count) {
  constexpr std::size_t kBlock = 2048;
  constexpr Limbs kOne = to_limbs(Modulus<P>::kOne);
  // Elements are read as a·2^260, inverses come as a^-1·2^260 and are written as a^-1·2^256. The factor 2^-4 enters
  // once, with the inverse of the product of all. Its form a·2^260 is 2^256.
  constexpr Limbs kScale = to_limbs(Modulus<P>::kTwoTo256);
  FieldVector one;
  FieldVector scale;
  for (int i = 0; i < kLimbs; ++i) {
    one.limbs[i] = _mm512_set1_epi64(static_cast<long long>(kOne.limbs[i]));
    scale.limbs[i] = _mm512_set1_epi64(static_cast<long long>(kScale.limbs[i]));
  }
  struct Step {
    FieldVector values[kGroups];
    FieldVector prefixes[kGroups];
    __mmask8 zeros[kGroups];
  };
  Step steps[kBlock / kElementsAtOnce];
  std::uint64_t last[kElementsAtOnce * kWords];
  for (std::size_t begin = 0; begin < count; begin += kBlock) {
    std::uint64_t* const block = elements + begin * kWords;
    const std::size_t block_count = count - begin < kBlock ? count - begin : kBlock;
    const std::size_t full = block_count / kElementsAtOnce;
    const std::size_t rest = block_count % kElementsAtOnce;
    if (rest != 0) {
      for (std::uint64_t& word : last) word = 0;
      copy(block + full * kElementsAtOnce * kWords, last, rest * kWords);
    }
    const std::size_t all = full + (rest != 0 ? 1 : 0);
    FieldVector running[kGroups] = {one, one};
    for (std::size_t s = 0; s < all; ++s) {
      const std::uint64_t* const source = s < full ? block + s * kElementsAtOnce * kWords : last;
#pragma GCC unroll 2
      for (int group = 0; group < kGroups; ++group) {
        const WordVector words = load_elements(source + group * kLanes * static_cast<int>(kWords));
        const __m512i any = _mm512_or_si512(_mm512_or_si512(words.words[0], words.words[1]),
                                            _mm512_or_si512(words.words[2], words.words[3]));
        const __mmask8 zeros = _mm512_testn_epi64_mask(any, any);
        FieldVector value = to_limbs<4>(words);
        for (int i = 0; i < kLimbs; ++i) {
          value.limbs[i] = _mm512_mask_blend_epi64(zeros, value.limbs[i], one.limbs[i]);
        }
        steps[s].zeros[group] = zeros;
        steps[s].values[group] = value;
        steps[s].prefixes[group] = running[group];
      }
      multiply<P, kGroups>(running, running, steps[s].values);
    }
    FieldVector inverse[kGroups];
    multiply<P, 1>(&inverse[0], &running[0], &running[1]);
    invert_lanes<P>(inverse[0]);  // never fails: zeros were replaced
    multiply<P, 1>(&inverse[0], &inverse[0], &scale);
    inverse[1] = inverse[0];
    const FieldVector others[kGroups] = {running[1], running[0]};
    multiply<P, kGroups>(inverse, inverse, others);
    for (std::size_t s = all; s-- > 0;) {
      FieldVector result[kGroups];
      multiply<P, kGroups>(result, inverse, steps[s].prefixes);
      multiply<P, kGroups>(inverse, inverse, steps[s].values);
      std::uint64_t* const target = s < full ? block + s * kElementsAtOnce * kWords : last;
#pragma GCC unroll 2
      for (int group = 0; group < kGroups; ++group) {
        WordVector words = canonical_words<P>(result[group]);
        const auto keep = static_cast<__mmask8>(~steps[s].zeros[group]);
        for (__m512i& word : words.words) word = _mm512_maskz_mov_epi64(keep, word);
        store_rows(words, target + group * kLanes * static_cast<int>(kWords), kWords);
      }
    }
    copy(last, block + full * kElementsAtOnce * kWords, rest * kWords);
  }
}

#define MAGNETAR_INSTANTIATE(P)                                                                       \
  template void multiply<P>(const std::uint64_t*, const std::uint64_t*, std::uint64_t*, std::size_t); \
  template void square<P>(const std::uint64_t*, std::uint64_t*, std::size_t);                         \
  template void batch_invert<P>(std::uint64_t*, std::size_t)

MAGNETAR_INSTANTIATE(Bn254BaseParameters);
MAGNETAR_INSTANTIATE(Bn254ScalarParameters);

#undef MAGNETAR_INSTANTIATE

}  // namespace magnetar::algebra::ifma
