#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/commit/commitment_key.h"
#include "engine/hash/sha256.h"
#include "engine/ivc/augmented_circuit.h"
#include "engine/r1cs/relation.h"

namespace magnetar::ivc {

/// The two relations of the IVC of a step circuit.
class Circuits {
 public:
  /// `step` must outlive this.
  explicit Circuits(const StepCircuit& step);

  const StepCircuit& step() const { return step_; }
  const r1cs::Relation<algebra::Fr>& primary() const { return primary_; }
  const r1cs::Relation<algebra::Fq>& secondary() const { return secondary_; }

  /// How many generators of BN254 and of Grumpkin commitments take.
  std::size_t primary_generators() const;
  std::size_t secondary_generators() const;

  /// SHA-256 of the protocol's version, the generators' tags and the two relations: all that both sides must agree on.
  const hash::Sha256::Digest& digest() const { return digest_; }

 private:
  const StepCircuit& step_;
  r1cs::Relation<algebra::Fr> primary_;
  r1cs::Relation<algebra::Fq> secondary_;
  hash::Sha256::Digest digest_;
};

/// Commitment keys, of at least the numbers of generators that the circuits take.
struct Keys {
  commit::CommitmentKey<algebra::Bn254> primary;
  commit::CommitmentKey<algebra::Grumpkin> secondary;
};

/// At most this many steps: u then stays below 2^150, one integer in both fields.
inline constexpr std::uint64_t kMaxSteps = std::uint64_t{1} << 20;

/// What is fixed of a segment once the stage-1 commitments of all its steps are.
struct Segment {
  r1cs::Challenges<algebra::Fr> challenges;
  /// Of the circuits' digest and the challenges: an integer below 2^250.
  algebra::U256 digest;
};

/// The challenges (γ, β) = hash_to_field(circuits' digest, statement's digest, steps, chain): fixed only after all that
/// stage 1 holds, as the chain binds its commitments (Nebula, ePrint 2024/1605, section 4, commitment-carrying IVC).
Segment derive_segment(const hash::Sha256::Digest& circuits, std::span<const std::uint8_t, 32> statement,
                       std::uint64_t steps, const algebra::Fq& chain);

}  // namespace magnetar::ivc
