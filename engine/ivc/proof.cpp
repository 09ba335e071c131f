#include "engine/ivc/proof.h"

namespace magnetar::ivc {
namespace {

using algebra::Bn254;
using algebra::Fq;
using algebra::Fr;
using algebra::Grumpkin;

constexpr std::size_t kUBits = 150;
constexpr std::size_t kFreshBits = 250;

std::string_view describe_reason(Refusal::Reason reason) {
  switch (reason) {
    case Refusal::Reason::kSteps:
      return "the number of steps is out of range";
    case Refusal::Reason::kArity:
      return "a state has not the number of elements that the step circuit has";
    case Refusal::Reason::kRange:
      return "an integer of an instance is out of range";
    case Refusal::Reason::kPrimaryHash:
      return "the last step's hash of the secondary instance does not match";
    case Refusal::Reason::kSecondaryHash:
      return "the last step's hash of the primary instance does not match";
    case Refusal::Reason::kPrimary:
      return "the running primary instance";
    case Refusal::Reason::kSecondary:
      return "the running secondary instance";
    case Refusal::Reason::kFresh:
      break;
  }
  return "the fresh secondary instance";
}

template <class F>
std::size_t bits(const F& element) {
  return element.to_canonical().bit_length();
}

}  // namespace

std::string Refusal::describe() const {
  std::string text(describe_reason(reason));
  if (unsatisfied) text.append(": ").append(fold::describe(*unsatisfied));
  return text;
}

tl::expected<void, Refusal> verify(const Circuits& circuits, const Keys& keys, const Claim& claim, const Proof& proof) {
  using enum Refusal::Reason;
  const auto refuse = [](Refusal::Reason reason, std::optional<fold::Unsatisfied> why = {}) {
    return tl::unexpected(Refusal{reason, why});
  };
  const std::uint64_t n = claim.steps;
  if (n < 1 || n > kMaxSteps) return refuse(kSteps);
  if (claim.z0.size() != circuits.step().arity() || claim.zn.size() != claim.z0.size()) return refuse(kArity);
  if (bits(proof.primary.u) > kUBits || bits(proof.secondary.u) > kUBits) return refuse(kRange);
  for (const Fq& x : proof.fresh.x) {
    if (bits(x) > kFreshBits) return refuse(kRange);
  }

  const Segment segment = derive_segment(circuits.digest(), claim.statement, n, proof.chain);
  std::vector<Fr> state = claim.z0;
  state.insert(state.end(), claim.zn.begin(), claim.zn.end());
  if (proof.fresh.x[0].to_canonical() != fold::instance_hash<Grumpkin>(segment.digest, n, state, proof.secondary)) {
    return refuse(kPrimaryHash);
  }
  if (proof.fresh.x[1].to_canonical() !=
      fold::instance_hash<Bn254>(segment.digest, n, std::array{proof.chain}, proof.primary)) {
    return refuse(kSecondaryHash);
  }

  const r1cs::FilledRelation<Fq> secondary(circuits.secondary(), {});
  const device::RelaxedAssignment<Fq> fresh{
      Fq::one(), proof.fresh.x, {}, proof.fresh_stage2, std::vector<Fq>(circuits.secondary().constraints())};
  if (const auto good =
          fold::satisfies(secondary, keys.secondary, fold::RunningInstance<Grumpkin>::relaxed(proof.fresh), fresh);
      !good) {
    return refuse(kFresh, good.error());
  }
  if (const auto good = fold::satisfies(secondary, keys.secondary, proof.secondary, proof.secondary_assignment);
      !good) {
    return refuse(kSecondary, good.error());
  }
  const r1cs::FilledRelation<Fr> primary(circuits.primary(), segment.challenges);
  if (const auto good = fold::satisfies(primary, keys.primary, proof.primary, proof.primary_assignment); !good) {
    return refuse(kPrimary, good.error());
  }
  return {};
}

}  // namespace magnetar::ivc
