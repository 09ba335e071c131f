#pragma once

#include <string_view>

#include "engine/algebra/field.h"

namespace magnetar::algebra {

// A curve y² = x³ + b of prime order is named by a struct with
//   BaseField, ScalarField   where coordinates live, and the integers modulo the order;
//   kName                    the name used in benches and messages;
//   kB                       the coefficient b, not a square, so that no point has x = 0;
//   kGeneratorX, kGeneratorY the conventional generator;
//   kBeta, kLambda           cube roots of unity with λ·(x, y) = (β·x, y).
// tests/algebra/curve_test.cpp checks each of these relations.

/// BN254 G1 (EIP-196).
struct Bn254 {
  using BaseField = Fq;
  using ScalarField = Fr;
  static constexpr std::string_view kName = "bn254";
  static constexpr Fq kB = Fq::from_u64(3);
  static constexpr Fq kGeneratorX = Fq::one();
  static constexpr Fq kGeneratorY = Fq::from_u64(2);
  static constexpr Fq kBeta = Fq::reduce(U256::from_hex("59e26bcea0d48bacd4f263f1acdb5c4f5763473177fffffe"));
  static constexpr Fr kLambda = Fr::reduce(U256::from_hex("b3c4d79d41a917585bfc41088d8daaa78b17ea66b99c90dd"));
};

/// Grumpkin: base and scalar fields of BN254 G1 exchanged. Its generator is the point with x = 1 and even y.
struct Grumpkin {
  using BaseField = Fr;
  using ScalarField = Fq;
  static constexpr std::string_view kName = "grumpkin";
  static constexpr Fr kB = Fr::from_i64(-17);
  static constexpr Fr kGeneratorX = Fr::one();
  static constexpr Fr kGeneratorY = Fr::reduce(U256::from_hex("2cf135e7506a45d632d270d45f1181294833fc48d823f272c"));
  static constexpr Fr kBeta =
      Fr::reduce(U256::from_hex("30644e72e131a029048b6e193fd84104cc37a73fec2bc5e9b8ca0b2d36636f23"));
  static constexpr Fq kLambda =
      Fq::reduce(U256::from_hex("30644e72e131a0295e6dd9e7e0acccb0c28f069fbb966e3de4bd44e5607cfd48"));
};

}  // namespace magnetar::algebra
