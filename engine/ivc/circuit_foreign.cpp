#include "engine/ivc/circuit_foreign.h"

namespace magnetar::ivc {
namespace {

using algebra::U256;
using algebra::Uint128;

constexpr std::size_t kLimbBits = 64;

template <class F>
F power_of_two(unsigned exponent) {
  return F::from_u64(2).pow(exponent);
}

/// The canonical integer of an honest limb.
template <class F>
std::uint64_t word(const Value<F>& limb) {
  return limb.value().to_canonical().limbs[0];
}

constexpr Uint128 low128(const U256& x) {
  return x.limbs[0] | Uint128{x.limbs[1]} << 64;
}

/// m^-1 mod 2^128 for odd m, by Newton's iteration.
constexpr Uint128 inverse_of(Uint128 m) {
  Uint128 inverse = m;  // right in the lowest three bits
  for (int round = 0; round < 6; ++round) inverse *= 2 - m * inverse;
  return inverse;
}

template <class Foreign, class F>
Foreign foreign_value(const Limbs<F>& limbs) {
  return Foreign::reduce({{word(limbs[0]), word(limbs[1]), word(limbs[2]), word(limbs[3])}});
}

}  // namespace

template <class F>
Limbs<F> limbs_of(std::span<const Value<F>> bits) {
  Limbs<F> limbs;
  for (std::size_t i = 0; i < limbs.size() && i * kLimbBits < bits.size(); ++i) {
    limbs[i] = packed(bits.subspan(i * kLimbBits, std::min(kLimbBits, bits.size() - i * kLimbBits)));
  }
  return limbs;
}

template <class F>
Value<F> element_of(const Limbs<F>& limbs) {
  Value<F> sum = limbs[0];
  for (unsigned i = 1; i < limbs.size(); ++i) sum += power_of_two<F>(kLimbBits * i) * limbs[i];
  return sum;
}

template <class F, class Foreign>
Limbs<F> fold_foreign(Builder<F>& b, std::string_view name, const Limbs<F>& running, const std::array<Value<F>, 2>& c,
                      const Limbs<F>& fresh) {
  const auto scope = b.scope(name);
  constexpr U256 kM = Foreign::kModulus;
  static_assert(Foreign::kBits == 254 && F::kBits == 254);
  const U256 c_value{{word(c[0]), word(c[1]), 1, 0}};
  const U256 result =
      (foreign_value<Foreign>(running) + Foreign::reduce(c_value) * foreign_value<Foreign>(fresh)).to_canonical();
  // Modulo 2^128, where 2^128·x vanishes; m is odd.
  const auto low = [&](const Value<F>& first, const Value<F>& second) {
    return Uint128{word(first)} | Uint128{word(second)} << 64;
  };
  const Uint128 quotient = (low(running[0], running[1]) + low128(c_value) * low(fresh[0], fresh[1]) - low128(result)) *
                           inverse_of(low128(kM));

  const Bits<F> result_bits = new_bits(b, "result", result, 254);
  Limbs<F> folded = limbs_of<F>(result_bits);
  const Bits<F> quotient_bits = new_bits(
      b, "quotient", {{static_cast<std::uint64_t>(quotient), static_cast<std::uint64_t>(quotient >> 64), 0, 0}}, 126);
  const Limbs<F> q = limbs_of<F>(quotient_bits);

  const auto m = [&](std::size_t i) { return F::from_u64(kM.limbs[i]); };
  // Modulo p.
  const F two128 = power_of_two<F>(128);
  const Value<F> challenge = c[0] + power_of_two<F>(64) * c[1] + two128;
  b.constrain("modulo p", challenge, element_of(fresh),
              element_of(folded) + F::reduce(kM) * (q[0] + power_of_two<F>(64) * q[1]) - element_of(running));
  // Modulo 2^128, in two columns of 64 bits; a column's excess over its 64 bits is carried into the next and lies
  // between -2^64 and 2^64, and -2^65 and 2^65.
  const F shift = power_of_two<F>(64).inverse();
  const auto carry_of = [&](std::string_view column, const Value<F>& sum, std::size_t bits) {
    const F offset = power_of_two<F>(static_cast<unsigned>(bits - 1));
    const Bits<F> carry_bits = new_bits(b, column, (sum.value() * shift + offset).to_canonical(), bits);
    Value<F> carry = packed<F>(carry_bits) - offset;
    b.equal(column, sum, power_of_two<F>(64) * carry);
    return carry;
  };
  const Value<F> column0 = running[0] + b.product("c0 x0", c[0], fresh[0]) - m(0) * q[0] - folded[0];
  const Value<F> carry0 = carry_of("column 0", column0, 65);
  const Value<F> c0x1 = b.product("c0 x1", c[0], fresh[1]);
  const Value<F> c1x0 = b.product("c1 x0", c[1], fresh[0]);
  const Value<F> column1 = running[1] + c0x1 + c1x0 - m(1) * q[0] - m(0) * q[1] - folded[1] + carry0;
  carry_of("column 1", column1, 66);
  return folded;
}

#define MAGNETAR_FOREIGN(F, Foreign)                                                         \
  template Limbs<F> limbs_of(std::span<const Value<F>>);                                     \
  template Value<F> element_of(const Limbs<F>&);                                             \
  template Limbs<F> fold_foreign<F, Foreign>(Builder<F>&, std::string_view, const Limbs<F>&, \
                                             const std::array<Value<F>, 2>&, const Limbs<F>&)
MAGNETAR_FOREIGN(algebra::Fr, algebra::Fq);
MAGNETAR_FOREIGN(algebra::Fq, algebra::Fr);

}  // namespace magnetar::ivc
