#include "engine/algebra/field.h"

#include <vector>

namespace magnetar::algebra {

namespace {

/// (p - 1) / 2^s with s the two-adicity: odd.
template <class P>
constexpr U256 odd_part() {
  U256 value = subtract(P::kModulus, U256::from_u64(1));
  while (!value.is_odd()) value = value.shifted_right(1);
  return value;
}

/// A generator of the subgroup of order 2^s.
template <class P>
constexpr Field<P> kTwoPowerRoot = Field<P>::from_u64(P::kNonResidue).pow(odd_part<P>());

template <class P>
Field<P> horner(const Field<P>& accumulator, std::uint64_t limb) {
  constexpr Field<P> kShift = Field<P>::reduce(U256{{0, 1, 0, 0}});
  return accumulator * kShift + Field<P>::from_u64(limb);
}

}  // namespace

template <class P>
Field<P> Field<P>::from_wide_le(std::span<const std::uint8_t> bytes) {
  Field result;
  for (std::size_t limb = (bytes.size() + 7) / 8; limb-- > 0;) {
    std::uint64_t value = 0;
    for (std::size_t i = std::min(bytes.size(), 8 * limb + 8); i-- > 8 * limb;) value = (value << 8) | bytes[i];
    result = horner(result, value);
  }
  return result;
}

template <class P>
Field<P> Field<P>::from_wide_be(std::span<const std::uint8_t> bytes) {
  Field result;
  // The leading limb takes what does not fill 8 bytes.
  std::size_t end = bytes.size() % 8;
  std::size_t begin = 0;
  while (begin < bytes.size()) {
    std::uint64_t value = 0;
    for (std::size_t i = begin; i < end; ++i) value = (value << 8) | bytes[i];
    result = horner(result, value);
    begin = end;
    end += 8;
  }
  return result;
}

template <class P>
Field<P> Field<P>::inverse() const {
  return pow(subtract(kModulus, U256::from_u64(2)));
}

template <class P>
bool Field<P>::is_square() const {
  constexpr U256 kExponent = subtract(kModulus, U256::from_u64(1)).shifted_right(1);
  return is_zero() || pow(kExponent).is_one();
}

template <class P>
std::optional<Field<P>> Field<P>::sqrt() const {
  if (is_zero()) return zero();
  // Tonelli and Shanks; with a two-adicity of 1 the loop never runs and this is a^((p+1)/4).
  constexpr U256 kHalfOddPart = odd_part<P>().shifted_right(1);
  const Field power = pow(kHalfOddPart);
  Field root = power * *this;   // a^((m+1)/2), m the odd part
  Field defect = root * power;  // a^m: root^2 = a·defect
  Field generator = kTwoPowerRoot<P>;
  std::size_t order = kTwoAdicity;  // log2 of the order of generator
  while (!defect.is_one()) {
    std::size_t defect_order = 0;
    for (Field x = defect; !x.is_one(); x = x.square()) {
      if (++defect_order == order) return std::nullopt;
    }
    Field step = generator;
    for (std::size_t i = defect_order + 1; i < order; ++i) step = step.square();
    root *= step;
    generator = step.square();
    defect *= generator;
    order = defect_order;
  }
  return root.is_odd() ? -root : root;
}

template <class P>
void batch_inverse(std::span<Field<P>> elements) {
  std::vector<Field<P>> prefixes(elements.size());
  Field<P> product = Field<P>::one();
  for (std::size_t i = 0; i < elements.size(); ++i) {
    prefixes[i] = product;
    if (!elements[i].is_zero()) product *= elements[i];
  }
  Field<P> inverse = product.inverse();
  for (std::size_t i = elements.size(); i-- > 0;) {
    if (elements[i].is_zero()) continue;
    const Field<P> element = elements[i];
    elements[i] = inverse * prefixes[i];
    inverse *= element;
  }
}

template class Field<Bn254ScalarParameters>;
template class Field<Bn254BaseParameters>;
template void batch_inverse(std::span<Fr>);
template void batch_inverse(std::span<Fq>);

}  // namespace magnetar::algebra
