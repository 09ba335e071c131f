#include "field_vectors.h"

#include "engine/algebra/field_parameters.h"
#include "engine/algebra/ifma/field_vector.h"

namespace magnetar::algebra::ifma {

namespace {

constexpr int kGroups = 2;
static_assert(kGroups * kLanes == kElementsARound);

FieldVector start(std::uint64_t seed) {
  FieldVector vector;
  for (int i = 0; i < kLimbs; ++i) {
    const std::uint64_t limb = (seed + static_cast<std::uint64_t>(i)) * 0x9e37'79b9'7f4a'7c15 & kLimbMask;
    vector.limbs[i] = _mm512_set1_epi64(static_cast<long long>(i + 1 < kLimbs ? limb : limb >> 8));
  }
  return vector;
}

/// A word that depends on every product.
unsigned long long word(const FieldVector (&a)[kGroups]) {
  const __m512i sum = _mm512_add_epi64(a[0].limbs[0], a[1].limbs[0]);
  return static_cast<unsigned long long>(_mm512_reduce_add_epi64(sum));
}

}  // namespace

template <class P>
unsigned long long multiply_vectors(std::size_t rounds) {
  FieldVector a[kGroups] = {start(1), start(2)};
  const FieldVector b[kGroups] = {start(3), start(4)};
  for (std::size_t i = 0; i < rounds; ++i) multiply<P, kGroups>(a, a, b);
  return word(a);
}

template <class P>
unsigned long long square_vectors(std::size_t rounds) {
  FieldVector a[kGroups] = {start(1), start(2)};
  for (std::size_t i = 0; i < rounds; ++i) square<P, kGroups>(a, a);
  return word(a);
}

template unsigned long long multiply_vectors<Bn254ScalarParameters>(std::size_t);
template unsigned long long multiply_vectors<Bn254BaseParameters>(std::size_t);
template unsigned long long square_vectors<Bn254ScalarParameters>(std::size_t);
template unsigned long long square_vectors<Bn254BaseParameters>(std::size_t);

}  // namespace magnetar::algebra::ifma
