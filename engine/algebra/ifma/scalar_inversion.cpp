// Compiled without AVX-512, as it uses code that other files share.
#include "engine/algebra/ifma/scalar_inversion.h"

#include <algorithm>

#include "engine/algebra/field.h"

namespace magnetar::algebra::ifma {

template <class P>
bool invert(std::uint64_t (&words)[4]) {
  // a·2^260 is the Montgomery form of 16·a; its inverse, that of a^-1/16, lacks 2^8 to be a^-1·2^260.
  const auto element =
      Field<P>::reduce(U256{{words[0], words[1], words[2], words[3]}}) * Field<P>::from_montgomery(U256::from_u64(1));
  if (element.is_zero()) return false;
  const U256 inverse = (element.inverse() * Field<P>::from_u64(256)).montgomery();
  std::ranges::copy(inverse.limbs, words);
  return true;
}

template bool invert<Bn254BaseParameters>(std::uint64_t (&)[4]);
template bool invert<Bn254ScalarParameters>(std::uint64_t (&)[4]);

}  // namespace magnetar::algebra::ifma
