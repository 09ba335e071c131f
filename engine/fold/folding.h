#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <tl/expected.hpp>

#include "engine/commit/commitment_key.h"
#include "engine/device/device.h"
#include "engine/fold/instance.h"
#include "engine/hash/sponge.h"

namespace magnetar::fold {

/// The width of the sponge that all of recursion hashes with.
inline constexpr std::size_t kSpongeWidth = 10;

/// What a fold's challenge absorbs: the segment's digest, the fresh instance (commitments that take part, public
/// elements as integers), the commitment to the cross term. The running instance needs no part, as the fresh one's
/// first public element is its hash.
template <class C>
const hash::SpongePattern& challenge_pattern();

/// What the hash of a running instance absorbs: the segment's digest, the number of steps, `state` elements, the
/// commitments, u, and the limbs of the public elements.
template <class C>
hash::SpongePattern instance_pattern(std::size_t state);

/// r = 2^128 + c for a challenge c of 128 bits: the map between both is a bijection, and r is never 0 nor 1, so
/// that the multiplication by r in circuit needs no cases. The public elements are integers below 2^250.
template <class C>
algebra::U256 fold_challenge(const algebra::U256& segment_digest, const FreshInstance<C>& fresh,
                             const algebra::AffinePoint<C>& cross_term);

/// The verifier of a fold (Nova, section 4.1): the running instance plus r times the fresh one. If both are satisfiable
/// so is the result; whoever can satisfy it for enough challenges knows how to satisfy both.
template <class C>
RunningInstance<C> fold(const RunningInstance<C>& running, const FreshInstance<C>& fresh,
                        const algebra::AffinePoint<C>& cross_term, const algebra::U256& r);

/// The hash of (segment digest, number of steps, state, running instance): an integer below 2^250. The state's elements
/// are of the field whose circuit hashes, C's base field, as are coordinates; u is an integer that is small enough for
/// both fields.
template <class C>
algebra::U256 instance_hash(const algebra::U256& segment_digest, std::uint64_t steps,
                            std::span<const typename C::BaseField> state, const RunningInstance<C>& running);

enum class Unsatisfied : std::uint8_t {
  kSize,         ///< a vector is not of the relation's size
  kPublic,       ///< u or a public element is not the instance's
  kCommitment1,  ///< c1 does not open to w1
  kCommitment2,
  kCommitmentE,
  kConstraint,  ///< A·z ∘ B·z = u·C·z + E does not hold
};
std::string_view describe(Unsatisfied reason);

/// Whether the assignment satisfies the running instance.
template <class C>
tl::expected<void, Unsatisfied> satisfies(const r1cs::FilledRelation<typename C::ScalarField>& relation,
                                          const commit::CommitmentKey<C>& key, const RunningInstance<C>& instance,
                                          const device::RelaxedAssignment<typename C::ScalarField>& assignment);

#define MAGNETAR_FOLDING(C, declaration)                                                                               \
  declaration template const hash::SpongePattern& challenge_pattern<C>();                                              \
  declaration template hash::SpongePattern instance_pattern<C>(std::size_t);                                           \
  declaration template algebra::U256 fold_challenge(const algebra::U256&, const FreshInstance<C>&,                     \
                                                    const algebra::AffinePoint<C>&);                                   \
  declaration template RunningInstance<C> fold(const RunningInstance<C>&, const FreshInstance<C>&,                     \
                                               const algebra::AffinePoint<C>&, const algebra::U256&);                  \
  declaration template algebra::U256 instance_hash(const algebra::U256&, std::uint64_t, std::span<const C::BaseField>, \
                                                   const RunningInstance<C>&);                                         \
  declaration template tl::expected<void, Unsatisfied> satisfies(                                                      \
      const r1cs::FilledRelation<C::ScalarField>&, const commit::CommitmentKey<C>&, const RunningInstance<C>&,         \
      const device::RelaxedAssignment<C::ScalarField>&)
MAGNETAR_FOLDING(algebra::Bn254, extern);
MAGNETAR_FOLDING(algebra::Grumpkin, extern);

}  // namespace magnetar::fold
