#include "engine/algebra/field.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <type_traits>
#include <vector>

#ifdef __x86_64__
#include "engine/algebra/ifma/field_kernels.h"
#endif

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

#ifdef __x86_64__
/// Below this, vectors do not pay for a batch inversion.
constexpr std::size_t kFewElements = 24;

template <class P>
const std::uint64_t* words(std::span<const Field<P>> elements) {
  static_assert(sizeof(Field<P>) == 4 * sizeof(std::uint64_t) && std::is_standard_layout_v<Field<P>>);
  return elements.empty() ? nullptr : elements.front().montgomery().limbs.data();
}

template <class P>
std::uint64_t* words(std::span<Field<P>> elements) {
  return const_cast<std::uint64_t*>(words(std::span<const Field<P>>(elements)));
}
#endif

/// A row (f, g) of an update matrix: new = (f·a + g·b) / 2^kInnerSteps.
struct Row {
  std::int64_t f;
  std::int64_t g;
};

constexpr int kInnerSteps = 31;
/// Enough for every input: each step drops a bit of a or b, whose lengths sum to at most 2·254 (2020/972, section 3).
template <class P>
constexpr int kOuterSteps = (2 * static_cast<int>(Field<P>::kBits) - 1 + kInnerSteps - 1) / kInnerSteps;

/// |f·a + g·b| / 2^31, an exact division; flips the signs of `row` if the combination is negative.
U256 combine(Row& row, const U256& a, const U256& b) {
  __extension__ using Int128 = __int128;
  std::array<std::uint64_t, 5> sum{};
  Int128 carry = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    // Each product is below 2^95 and the carry stays below 2^33 in size.
    carry += Int128{row.f} * a.limbs[i] + Int128{row.g} * b.limbs[i];
    sum[i] = static_cast<std::uint64_t>(carry);
    carry >>= 64;
  }
  sum[4] = static_cast<std::uint64_t>(carry);
  if (carry < 0) {
    row = {-row.f, -row.g};
    std::uint64_t borrow = 0;
    for (std::uint64_t& limb : sum) limb = subtract_with_borrow(0, limb, borrow);
  }
  U256 result;
  for (std::size_t i = 0; i < 4; ++i) {
    result.limbs[i] = (sum[i] >> kInnerSteps) | (sum[i + 1] << (64 - kInnerSteps));
  }
  return result;
}

/// (f·u + g·v) / 2^64 mod p for |f|, |g| <= 2^31 and u, v < p.
template <class P>
U256 combine_modular(const Row& row, const U256& u, const U256& v) {
  constexpr U256 p = P::kModulus;
  // Negative factors act on p - u: the sum is then below 2^32·p, and with the multiple of p below 2^64·p + 2^32·p.
  const U256 x = row.f < 0 ? subtract(p, u) : u;
  const U256 y = row.g < 0 ? subtract(p, v) : v;
  const auto f = static_cast<std::uint64_t>(row.f < 0 ? -row.f : row.f);
  const auto g = static_cast<std::uint64_t>(row.g < 0 ? -row.g : row.g);
  std::array<std::uint64_t, 5> sum{};
  Uint128 carry = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    carry += Uint128{f} * x.limbs[i] + Uint128{g} * y.limbs[i];
    sum[i] = static_cast<std::uint64_t>(carry);
    carry >>= 64;
  }
  sum[4] = static_cast<std::uint64_t>(carry);
  const std::uint64_t factor = sum[0] * Montgomery<P>::kNegativeInverse;
  carry = (Uint128{factor} * p.limbs[0] + sum[0]) >> 64;
  U256 result;
  for (std::size_t i = 1; i < 4; ++i) {
    carry += Uint128{factor} * p.limbs[i] + sum[i];
    result.limbs[i - 1] = static_cast<std::uint64_t>(carry);
    carry >>= 64;
  }
  result.limbs[3] = static_cast<std::uint64_t>(carry) + sum[4];
  while (result >= p) result = subtract(result, p);
  return result;
}

/// value^-1·2^(31·n)·2^(-64·n) mod p with n = kOuterSteps, zero for zero: the binary GCD of Pornin (2020/972, algorithm
/// 2) with shifts by many bits at once, as operands here are public. The inner steps work on the 33 leading and 31
/// trailing bits of a and b.
template <class P>
U256 gcd_inverse(const U256& value) {
  U256 a = value;
  U256 b = P::kModulus;
  U256 u = U256::from_u64(1);
  U256 v{};
  for (int outer = 0; outer < kOuterSteps<P>; ++outer) {
    const std::size_t length = std::max({a.bit_length(), b.bit_length(), std::size_t{64}});
    constexpr std::uint64_t kLowMask = (std::uint64_t{1} << kInnerSteps) - 1;
    const std::size_t shift = length - 33;
    std::uint64_t x = length == 64 ? a.limbs[0] : (a.limbs[0] & kLowMask) | (a.bits(shift, 33) << kInnerSteps);
    std::uint64_t y = length == 64 ? b.limbs[0] : (b.limbs[0] & kLowMask) | (b.bits(shift, 33) << kInnerSteps);
    Row row_a{1, 0};
    Row row_b{0, 1};
    int remaining = kInnerSteps;
    for (;;) {
      const int zeros = std::countr_zero(x | (std::uint64_t{1} << remaining));
      x >>= zeros;
      row_b.f <<= zeros;
      row_b.g <<= zeros;
      remaining -= zeros;
      if (remaining == 0) break;
      const bool swap = x < y;
      const std::uint64_t difference = x - y;
      const Row old = row_a;
      y = swap ? x : y;
      x = swap ? ~difference + 1 : difference;
      row_a.f = swap ? row_b.f - row_a.f : row_a.f - row_b.f;
      row_a.g = swap ? row_b.g - row_a.g : row_a.g - row_b.g;
      row_b.f = swap ? old.f : row_b.f;
      row_b.g = swap ? old.g : row_b.g;
    }
    const U256 next_a = combine(row_a, a, b);
    b = combine(row_b, a, b);
    a = next_a;
    const U256 next_u = combine_modular<P>(row_a, u, v);
    v = combine_modular<P>(row_b, u, v);
    u = next_u;
  }
  return v;
}

/// What gcd_inverse must be multiplied by (a Montgomery product) to take a Montgomery form to that of the inverse.
template <class P>
constexpr Field<P> inverse_correction() {
  // gcd_inverse(x·2^256) = x^-1·2^-256·2^(-33·n); wanted is x^-1·2^256. The factor's own Montgomery form supplies
  // 2^256.
  return Field<P>::from_u64(2).pow(static_cast<std::uint64_t>(33 * kOuterSteps<P> + 512));
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
  constexpr Field kCorrection = inverse_correction<P>();
  return Field(gcd_inverse<P>(value_)) * kCorrection;
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
#ifdef __x86_64__
  if (elements.size() >= kFewElements && active_instruction_set() == InstructionSet::kIfma) {
    ifma::batch_invert<P>(words(elements), elements.size());
    return;
  }
#endif
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

template <class P>
void multiply(std::span<const Field<P>> a, std::span<const Field<P>> b, std::span<Field<P>> out) {
  assert(a.size() == b.size() && a.size() == out.size());
#ifdef __x86_64__
  if (active_instruction_set() == InstructionSet::kIfma) {
    ifma::multiply<P>(words(a), words(b), words(out), out.size());
    return;
  }
#endif
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = a[i] * b[i];
}

template <class P>
void square(std::span<const Field<P>> a, std::span<Field<P>> out) {
  assert(a.size() == out.size());
#ifdef __x86_64__
  if (active_instruction_set() == InstructionSet::kIfma) {
    ifma::square<P>(words(a), words(out), out.size());
    return;
  }
#endif
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = a[i].square();
}

template class Field<Bn254ScalarParameters>;
template class Field<Bn254BaseParameters>;
template void batch_inverse(std::span<Fr>);
template void batch_inverse(std::span<Fq>);
template void multiply(std::span<const Fr>, std::span<const Fr>, std::span<Fr>);
template void multiply(std::span<const Fq>, std::span<const Fq>, std::span<Fq>);
template void square(std::span<const Fr>, std::span<Fr>);
template void square(std::span<const Fq>, std::span<Fq>);

}  // namespace magnetar::algebra
