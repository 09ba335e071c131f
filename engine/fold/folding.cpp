#include "engine/fold/folding.h"

#include <cassert>
#include <string>

namespace magnetar::fold {
namespace {

using algebra::U256;
using enum hash::SpongeOperation;

constexpr std::uint32_t kPoint = 2;                       // elements of a commitment
constexpr std::uint32_t kLimbs = 4;                       // elements of a running public element
[[maybe_unused]] constexpr std::size_t kFreshBits = 250;  // of a fresh public element

template <class C>
std::string tag(std::string_view use) {
  return "magnetar-v1 " + std::string(use) + " " + std::string(C::kName);
}

template <class C>
class Absorber {
 public:
  using F = typename C::BaseField;

  explicit Absorber(const hash::SpongePattern& pattern) : sponge_(pattern) {}

  void element(const F& value) { sponge_.absorb(value); }
  /// An integer below p.
  void integer(const U256& value) {
    assert(value < F::kModulus);
    sponge_.absorb(F::reduce(value));
  }
  void point(const algebra::AffinePoint<C>& point) {
    sponge_.absorb(point.x);
    sponge_.absorb(point.y);
  }
  hash::Sponge<F, kSpongeWidth>& sponge() { return sponge_; }

 private:
  hash::Sponge<F, kSpongeWidth> sponge_;
};

}  // namespace

template <class C>
const hash::SpongePattern& challenge_pattern() {
  constexpr std::uint32_t kCommitments = kStaged<C> ? 3 : 2;
  static const hash::SpongePattern pattern(tag<C>("fold"),
                                           {{kAbsorbElement, 1 + kCommitments * kPoint + 2}, {kSqueezeChallenge}});
  return pattern;
}

template <class C>
hash::SpongePattern instance_pattern(std::size_t state) {
  constexpr std::uint32_t kCommitments = kStaged<C> ? 3 : 2;
  return {tag<C>("instance"),
          {{kAbsorbElement, 2 + static_cast<std::uint32_t>(state) + kCommitments * kPoint + 1 + 2 * kLimbs},
           {kSqueezeDigest}}};
}

template <class C>
U256 fold_challenge(const U256& segment_digest, const FreshInstance<C>& fresh,
                    const algebra::AffinePoint<C>& cross_term) {
  Absorber<C> absorber(challenge_pattern<C>());
  absorber.integer(segment_digest);
  if constexpr (kStaged<C>) absorber.point(fresh.c1);
  absorber.point(fresh.c2);
  for (const auto& x : fresh.x) {
    assert(x.to_canonical().bit_length() <= kFreshBits);
    absorber.integer(x.to_canonical());
  }
  absorber.point(cross_term);
  U256 r = absorber.sponge().squeeze_challenge();
  r.limbs[2] = 1;
  return r;
}

template <class C>
RunningInstance<C> fold(const RunningInstance<C>& running, const FreshInstance<C>& fresh,
                        const algebra::AffinePoint<C>& cross_term, const U256& r) {
  using Point = algebra::Point<C>;
  const auto scalar = C::ScalarField::reduce(r);
  RunningInstance<C> folded;
  folded.c1 = (Point(running.c1) + Point(fresh.c1).times(r)).to_affine();
  folded.c2 = (Point(running.c2) + Point(fresh.c2).times(r)).to_affine();
  folded.e = (Point(running.e) + Point(cross_term).times(r)).to_affine();
  folded.u = running.u + scalar;
  for (std::size_t i = 0; i < folded.x.size(); ++i) folded.x[i] = running.x[i] + scalar * fresh.x[i];
  return folded;
}

template <class C>
U256 instance_hash(const U256& segment_digest, std::uint64_t steps, std::span<const typename C::BaseField> state,
                   const RunningInstance<C>& running) {
  const hash::SpongePattern pattern = instance_pattern<C>(state.size());
  Absorber<C> absorber(pattern);
  absorber.integer(segment_digest);
  absorber.integer(U256::from_u64(steps));
  for (const auto& element : state) absorber.element(element);
  if constexpr (kStaged<C>) absorber.point(running.c1);
  absorber.point(running.c2);
  absorber.point(running.e);
  absorber.element(C::BaseField::reduce(running.u.to_canonical()));
  for (const auto& x : running.x) {
    for (const std::uint64_t limb : hash::foreign_limbs(x)) absorber.integer(U256::from_u64(limb));
  }
  return absorber.sponge().squeeze_digest();
}

std::string_view describe(Unsatisfied reason) {
  switch (reason) {
    case Unsatisfied::kSize:
      return "a vector of the assignment is not of the relation's size";
    case Unsatisfied::kPublic:
      return "u or a public element of the assignment is not the instance's";
    case Unsatisfied::kCommitment1:
      return "the commitment to stage 1 does not open to the assignment";
    case Unsatisfied::kCommitment2:
      return "the commitment to stage 2 does not open to the assignment";
    case Unsatisfied::kCommitmentE:
      return "the commitment to the error does not open to the assignment";
    case Unsatisfied::kConstraint:
      break;
  }
  return "a constraint is violated";
}

template <class C>
tl::expected<void, Unsatisfied> satisfies(const r1cs::FilledRelation<typename C::ScalarField>& relation,
                                          const commit::CommitmentKey<C>& key, const RunningInstance<C>& instance,
                                          const device::RelaxedAssignment<typename C::ScalarField>& assignment) {
  using F = typename C::ScalarField;
  const auto& shape = relation.relation();
  if (assignment.stage1.size() != shape.stage1() || assignment.stage2.size() != shape.stage2() ||
      assignment.error.size() != shape.constraints()) {
    return tl::unexpected(Unsatisfied::kSize);
  }
  if (assignment.u != instance.u || assignment.publics != instance.x) return tl::unexpected(Unsatisfied::kPublic);
  const auto opens = [&](const algebra::AffinePoint<C>& commitment, const std::vector<F>& values) {
    return key.commit(std::span<const F>(values)) == commitment;
  };
  if (!opens(instance.c1, assignment.stage1)) return tl::unexpected(Unsatisfied::kCommitment1);
  if (!opens(instance.c2, assignment.stage2)) return tl::unexpected(Unsatisfied::kCommitment2);
  if (!opens(instance.e, assignment.error)) return tl::unexpected(Unsatisfied::kCommitmentE);
  if (relation.first_violated(assignment.assignment(), assignment.error)) {
    return tl::unexpected(Unsatisfied::kConstraint);
  }
  return {};
}

MAGNETAR_FOLDING(algebra::Bn254, );
MAGNETAR_FOLDING(algebra::Grumpkin, );

}  // namespace magnetar::fold
