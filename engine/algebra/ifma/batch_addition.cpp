#include "engine/algebra/ifma/batch_addition.h"

#include "engine/algebra/field_parameters.h"
#include "engine/algebra/ifma/field_vector.h"
#include "engine/algebra/ifma/lane_inversion.h"

namespace magnetar::algebra::ifma {

namespace {

constexpr std::size_t kWordsPerPoint = 8;
constexpr std::uint32_t kIndexMask = 0x7fff'ffff;
/// How many pairs ahead points are fetched into the cache.
constexpr std::size_t kPrefetchDistance = 64;

/// The chains of prefix products run side by side, to hide the latency of a product.
constexpr int kChains = 2;
static_assert(kChains * kLanes == kPairsAtOnce);

struct Operands {
  const std::uint64_t* rows[kLanes];
};

inline Operands locate(const std::uint64_t* table, const std::uint32_t* references, std::size_t offset) {
  Operands operands;
#pragma GCC unroll 8
  for (int i = 0; i < kLanes; ++i) {
    operands.rows[i] = table + (references[i] & kIndexMask) * kWordsPerPoint + offset;
  }
  return operands;
}

inline FieldVector load(const std::uint64_t* table, const std::uint32_t* references, std::size_t offset) {
  return to_limbs(load_rows(locate(table, references, offset).rows));
}

inline __mmask8 negative(const std::uint32_t* references) {
  return _mm256_movepi32_mask(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(references)));
}

}  // namespace

// Bounds, in multiples of p. Stored coordinates are below 2.34 (partly_reduced), a negated y is 3p - y, so at most 3.
// dx and dy are differences plus 3p, below 6. Products of such values are below 1 + 6·6/64 < 1.6.
template <class P>
bool add_distinct(const std::uint64_t* table, const std::uint32_t* left, const std::uint32_t* right, std::size_t count,
                  std::size_t following, std::uint64_t* out, void* scratch) {
  const std::size_t steps = count / kPairsAtOnce;
  const std::size_t rest = count % kPairsAtOnce;
  // What does not fill a step is filled up with copies of its last pair, written to a place of its own.
  alignas(64) std::uint32_t last_left[kPairsAtOnce];
  alignas(64) std::uint32_t last_right[kPairsAtOnce];
  alignas(64) std::uint64_t last_out[kPairsAtOnce * kWordsPerPoint];
  if (rest != 0) {
    for (std::size_t i = 0; i < kPairsAtOnce; ++i) {
      const std::size_t source = steps * kPairsAtOnce + (i < rest ? i : rest - 1);
      last_left[i] = left[source];
      last_right[i] = right[source];
    }
  }
  const std::size_t all_steps = steps + (rest != 0 ? 1 : 0);

  struct Step {
    FieldVector dx[kChains];
    FieldVector prefix[kChains];  // the product of dx of all steps before
  };
  static_assert(sizeof(Step) * (kBatchPairs / kPairsAtOnce) == kScratchBytes);
  auto* const saved = static_cast<Step*>(scratch);

  FieldVector running[kChains];
  for (std::size_t s = 0; s < all_steps; ++s) {
    const std::uint32_t* const l = s < steps ? left + s * kPairsAtOnce : last_left;
    const std::uint32_t* const r = s < steps ? right + s * kPairsAtOnce : last_right;
    if (s * kPairsAtOnce + kPrefetchDistance + kPairsAtOnce <= count) {
#pragma GCC unroll 16
      for (std::size_t i = 0; i < kPairsAtOnce; ++i) {
        _mm_prefetch(table + (l[i + kPrefetchDistance] & kIndexMask) * kWordsPerPoint, _MM_HINT_T0);
        _mm_prefetch(table + (r[i + kPrefetchDistance] & kIndexMask) * kWordsPerPoint, _MM_HINT_T0);
      }
    }
#pragma GCC unroll 2
    for (int chain = 0; chain < kChains; ++chain) {
      const FieldVector x1 = load(table, l + chain * kLanes, 0);
      const FieldVector x2 = load(table, r + chain * kLanes, 0);
      saved[s].dx[chain] = difference<P>(x2, x1, 3);
    }
    if (s == 0) {
      running[0] = saved[0].dx[0];
      running[1] = saved[0].dx[1];
    } else {
      saved[s].prefix[0] = running[0];
      saved[s].prefix[1] = running[1];
      multiply<P, kChains>(running, running, saved[s].dx);
    }
  }

  FieldVector joined;
  multiply<P, 1>(&joined, &running[0], &running[1]);
  if (!invert_lanes<P>(joined)) return false;
  const FieldVector others[kChains] = {running[1], running[0]};
  FieldVector inverse[kChains] = {joined, joined};
  multiply<P, kChains>(inverse, inverse, others);

  // unit = 1/dx of the step at hand, inverse = the inverse of the product of dx of all steps before it. Both are
  // computed one step ahead, between products that depend on each other, to fill the latency of those.
  FieldVector unit[kChains] = {inverse[0], inverse[1]};
  if (all_steps > 1) {
    multiply<P, kChains>(unit, inverse, saved[all_steps - 1].prefix);
    multiply<P, kChains>(inverse, inverse, saved[all_steps - 1].dx);
  }
  std::size_t ahead = count;
  for (std::size_t s = all_steps; s-- > 0;) {
    const std::uint32_t* const l = s < steps ? left + s * kPairsAtOnce : last_left;
    const std::uint32_t* const r = s < steps ? right + s * kPairsAtOnce : last_right;
    if (ahead + kPairsAtOnce <= count + following) {
#pragma GCC unroll 16
      for (std::size_t i = 0; i < kPairsAtOnce; ++i) {
        _mm_prefetch(table + (left[ahead + i] & kIndexMask) * kWordsPerPoint, _MM_HINT_T1);
        _mm_prefetch(table + (right[ahead + i] & kIndexMask) * kWordsPerPoint, _MM_HINT_T1);
      }
      ahead += kPairsAtOnce;
    }
    FieldVector y1[kChains];
    FieldVector dy[kChains];
#pragma GCC unroll 2
    for (int chain = 0; chain < kChains; ++chain) {
      y1[chain] = load(table, l + chain * kLanes, 4);
      FieldVector y2 = load(table, r + chain * kLanes, 4);
      const __mmask8 negative1 = negative(l + chain * kLanes);
      const __mmask8 negative2 = negative(r + chain * kLanes);
#pragma GCC unroll 5
      for (int i = 0; i < kLimbs; ++i) {
        const __m512i three_p = Modulus<P>::multiple(i, 3);
        y1[chain].limbs[i] = _mm512_mask_sub_epi64(y1[chain].limbs[i], negative1, three_p, y1[chain].limbs[i]);
        y2.limbs[i] = _mm512_mask_sub_epi64(y2.limbs[i], negative2, three_p, y2.limbs[i]);
      }
      dy[chain] = difference<P>(y2, y1[chain], 3);
    }
    FieldVector slope[kChains];
    multiply<P, kChains>(slope, unit, dy);
    if (s > 1) {
      multiply<P, kChains>(unit, inverse, saved[s - 1].prefix);
    } else {
      unit[0] = inverse[0];
      unit[1] = inverse[1];
    }
    FieldVector x3[kChains];
    square<P, kChains>(x3, slope);
    FieldVector drop[kChains];  // x1 - x3 + 3p
#pragma GCC unroll 2
    for (int chain = 0; chain < kChains; ++chain) {
      const FieldVector x1 = load(table, l + chain * kLanes, 0);
      // slope² - x1 - x2 + 5p, as x2 = dx + x1 - 3p: between 0.3p and 6.6p.
#pragma GCC unroll 5
      for (int i = 0; i < kLimbs; ++i) {
        const __m512i twice = _mm512_add_epi64(x1.limbs[i], x1.limbs[i]);
        const __m512i taken = _mm512_add_epi64(twice, saved[s].dx[chain].limbs[i]);
        x3[chain].limbs[i] = _mm512_add_epi64(_mm512_sub_epi64(x3[chain].limbs[i], taken), Modulus<P>::multiple(i, 8));
      }
      x3[chain] = partly_reduced<P>(x3[chain]);
      drop[chain] = difference<P>(x1, x3[chain], 3);
    }
    if (s > 1) multiply<P, kChains>(inverse, inverse, saved[s - 1].dx);
    FieldVector y3[kChains];
    multiply<P, kChains>(y3, slope, drop);
    std::uint64_t* const target = s < steps ? out + s * kPairsAtOnce * kWordsPerPoint : last_out;
#pragma GCC unroll 2
    for (int chain = 0; chain < kChains; ++chain) {
#pragma GCC unroll 5
      for (int i = 0; i < kLimbs; ++i) {  // between p and 5.6p
        y3[chain].limbs[i] =
            _mm512_add_epi64(_mm512_sub_epi64(y3[chain].limbs[i], y1[chain].limbs[i]), Modulus<P>::multiple(i, 4));
      }
      y3[chain] = partly_reduced<P>(y3[chain]);
      std::uint64_t* const rows = target + static_cast<std::size_t>(chain) * kLanes * kWordsPerPoint;
      store_rows(to_words(x3[chain]), rows, kWordsPerPoint);
      store_rows(to_words(y3[chain]), rows + 4, kWordsPerPoint);
    }
  }
  for (std::size_t i = 0; i < rest * kWordsPerPoint; ++i) {
    out[steps * kPairsAtOnce * kWordsPerPoint + i] = last_out[i];
  }
  return true;
}

template bool add_distinct<Bn254BaseParameters>(const std::uint64_t*, const std::uint32_t*, const std::uint32_t*,
                                                std::size_t, std::size_t, std::uint64_t*, void*);
template bool add_distinct<Bn254ScalarParameters>(const std::uint64_t*, const std::uint32_t*, const std::uint32_t*,
                                                  std::size_t, std::size_t, std::uint64_t*, void*);

}  // namespace magnetar::algebra::ifma
