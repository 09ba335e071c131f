#pragma once

#include <cstdint>
#include <string_view>

#include "engine/algebra/u256.h"

namespace magnetar::algebra {

// A prime field is named by a struct with
//   kName          the name used in benches and messages;
//   kModulus       an odd prime p with 2^192 < p < 2^255 - 2^191 (what the Montgomery product without carries needs);
//   kNonResidue    the least quadratic non-residue.
// Everything else (Montgomery constants, two-adicity, roots of unity) is derived from these at compile time.

/// The scalar field of BN254: the order r of its G1; r = 36x^4 + 36x^3 + 18x^2 + 6x + 1, x = 4965661367192848881
/// (EIP-196; Barreto and Naehrig, 2005/133).
struct Bn254ScalarParameters {
  static constexpr std::string_view kName = "fr";
  static constexpr U256 kModulus = U256::from_hex("30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001");
  static constexpr std::uint64_t kNonResidue = 5;
};

/// The base field of BN254: q = 36x^4 + 36x^3 + 24x^2 + 6x + 1 with the same x.
struct Bn254BaseParameters {
  static constexpr std::string_view kName = "fq";
  static constexpr U256 kModulus = U256::from_hex("30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47");
  static constexpr std::uint64_t kNonResidue = 3;
};

}  // namespace magnetar::algebra
