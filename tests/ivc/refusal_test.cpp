// Everything that deviates from an honest proof is refused, for the reason that is expected.

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>

#include "engine.h"

namespace magnetar::ivc {
namespace {

using algebra::Bn254;
using algebra::Fq;
using algebra::Fr;
using algebra::Grumpkin;
using algebra::U256;
using fold::Unsatisfied;
using Reason = Refusal::Reason;

/// An engine and an honest proof of three steps, made once.
struct Honest {
  std::unique_ptr<TestStep> step = make_challenged();
  Engine engine{*step};
  Claim claim;
  Proof proof;

  Honest() {
    Proved proved(engine, 3);
    if (!proved.prover->run(engine.source(), 3)) std::abort();
    claim = proved.claim;
    claim.zn = proved.prover->state().z;
    proof = proved.prover->state().proof;
  }
  static const Honest& get() {
    static const Honest honest;
    return honest;
  }
};

void expect_refused(const Engine& engine, const Claim& claim, const Proof& proof, Reason reason,
                    std::optional<Unsatisfied> why = {}) {
  const auto verdict = verify(engine.circuits, engine.keys, claim, proof);
  ASSERT_FALSE(verdict);
  EXPECT_EQ(verdict.error(), (Refusal{reason, why})) << verdict.error().describe();
}

struct Deviation {
  std::string name;
  std::function<void(Claim&, Proof&)> apply;
  Reason reason;
  std::optional<Unsatisfied> why = {};
};

/// Another point of the curve.
template <class C>
void move(algebra::AffinePoint<C>& point) {
  point = (algebra::Point<C>(point) + algebra::AffinePoint<C>::generator()).to_affine();
}

template <class F>
void bump(F& element) {
  element += F::one();
}

TEST(Refusals, EveryPartOfClaimAndProof) {
  const Honest& honest = Honest::get();
  ASSERT_TRUE(verify(honest.engine.circuits, honest.engine.keys, honest.claim, honest.proof));
  std::vector<Deviation> deviations{
      {"z0", [](Claim& c, Proof&) { bump(c.z0[0]); }, Reason::kPrimaryHash},
      {"zn", [](Claim& c, Proof&) { bump(c.zn[0]); }, Reason::kPrimaryHash},
      {"one step more", [](Claim& c, Proof&) { ++c.steps; }, Reason::kPrimaryHash},
      {"one step less", [](Claim& c, Proof&) { --c.steps; }, Reason::kPrimaryHash},
      {"no step", [](Claim& c, Proof&) { c.steps = 0; }, Reason::kSteps},
      {"too many steps", [](Claim& c, Proof&) { c.steps = kMaxSteps + 1; }, Reason::kSteps},
      {"z0 longer", [](Claim& c, Proof&) { c.z0.push_back(Fr::zero()); }, Reason::kArity},
      {"zn longer", [](Claim& c, Proof&) { c.zn.push_back(Fr::zero()); }, Reason::kArity},
      {"zn empty", [](Claim& c, Proof&) { c.zn.clear(); }, Reason::kArity},
      {"statement", [](Claim& c, Proof&) { c.statement[31] ^= 1; }, Reason::kPrimaryHash},
      {"chain", [](Claim&, Proof& p) { bump(p.chain); }, Reason::kPrimaryHash},

      {"primary c1", [](Claim&, Proof& p) { move(p.primary.c1); }, Reason::kSecondaryHash},
      {"primary c2", [](Claim&, Proof& p) { move(p.primary.c2); }, Reason::kSecondaryHash},
      {"primary e", [](Claim&, Proof& p) { move(p.primary.e); }, Reason::kSecondaryHash},
      {"primary u", [](Claim&, Proof& p) { bump(p.primary.u); }, Reason::kSecondaryHash},
      {"primary u, large", [](Claim&, Proof& p) { p.primary.u = -Fr::one(); }, Reason::kRange},
      {"primary x0", [](Claim&, Proof& p) { bump(p.primary.x[0]); }, Reason::kSecondaryHash},
      {"primary x1", [](Claim&, Proof& p) { bump(p.primary.x[1]); }, Reason::kSecondaryHash},
      {"primary zero", [](Claim&, Proof& p) { p.primary = {}; }, Reason::kSecondaryHash},
      {"secondary c1", [](Claim&, Proof& p) { move(p.secondary.c1); }, Reason::kSecondary, Unsatisfied::kCommitment1},
      {"secondary c2", [](Claim&, Proof& p) { move(p.secondary.c2); }, Reason::kPrimaryHash},
      {"secondary e", [](Claim&, Proof& p) { move(p.secondary.e); }, Reason::kPrimaryHash},
      {"secondary u", [](Claim&, Proof& p) { bump(p.secondary.u); }, Reason::kPrimaryHash},
      {"secondary u, large", [](Claim&, Proof& p) { p.secondary.u = -Fq::one(); }, Reason::kRange},
      {"secondary x0", [](Claim&, Proof& p) { bump(p.secondary.x[0]); }, Reason::kPrimaryHash},
      {"secondary x1", [](Claim&, Proof& p) { bump(p.secondary.x[1]); }, Reason::kPrimaryHash},
      {"secondary zero", [](Claim&, Proof& p) { p.secondary = {}; }, Reason::kPrimaryHash},
      {"fresh c1", [](Claim&, Proof& p) { move(p.fresh.c1); }, Reason::kFresh, Unsatisfied::kCommitment1},
      {"fresh c2", [](Claim&, Proof& p) { move(p.fresh.c2); }, Reason::kFresh, Unsatisfied::kCommitment2},
      {"fresh x0", [](Claim&, Proof& p) { bump(p.fresh.x[0]); }, Reason::kPrimaryHash},
      {"fresh x1", [](Claim&, Proof& p) { bump(p.fresh.x[1]); }, Reason::kSecondaryHash},
      {"fresh x0, large", [](Claim&, Proof& p) { p.fresh.x[0] += Fq::from_u64(2).pow(250); }, Reason::kRange},
      {"fresh x exchanged", [](Claim&, Proof& p) { std::swap(p.fresh.x[0], p.fresh.x[1]); }, Reason::kPrimaryHash},
      {"fresh stage 2 shorter", [](Claim&, Proof& p) { p.fresh_stage2.pop_back(); }, Reason::kFresh,
       Unsatisfied::kSize},
  };
  const auto assignment = [&](const std::string& side, auto part, Reason reason) {
    const auto add = [&](const std::string& what, auto change, Unsatisfied why) {
      deviations.push_back({side + " " + what, [=](Claim&, Proof& p) { change(part(p)); }, reason, why});
    };
    for (const bool last : {false, true}) {
      const auto bump_of = [=](auto& vector) { bump(last ? vector.back() : vector.front()); };
      const std::string which = last ? "last" : "first";
      if (reason == Reason::kPrimary) {
        add(
            which + " of w1", [=](auto& a) { bump_of(a.stage1); }, Unsatisfied::kCommitment1);
      }
      add(
          which + " of w2", [=](auto& a) { bump_of(a.stage2); }, Unsatisfied::kCommitment2);
      add(
          which + " of E", [=](auto& a) { bump_of(a.error); }, Unsatisfied::kCommitmentE);
    }
    add(
        "u", [](auto& a) { bump(a.u); }, Unsatisfied::kPublic);
    add(
        "x0", [](auto& a) { bump(a.publics[0]); }, Unsatisfied::kPublic);
    add(
        "x1", [](auto& a) { bump(a.publics[1]); }, Unsatisfied::kPublic);
    add(
        "w1 longer", [](auto& a) { a.stage1.emplace_back(); }, Unsatisfied::kSize);
    add(
        "w2 shorter", [](auto& a) { a.stage2.pop_back(); }, Unsatisfied::kSize);
    add(
        "E empty", [](auto& a) { a.error.clear(); }, Unsatisfied::kSize);
  };
  assignment(
      "primary", [](Proof & p) -> auto& { return p.primary_assignment; }, Reason::kPrimary);
  assignment(
      "secondary", [](Proof & p) -> auto& { return p.secondary_assignment; }, Reason::kSecondary);

  for (const Deviation& deviation : deviations) {
    SCOPED_TRACE(deviation.name);
    Claim claim = honest.claim;
    Proof proof = honest.proof;
    deviation.apply(claim, proof);
    expect_refused(honest.engine, claim, proof, deviation.reason, deviation.why);
  }
}

TEST(Refusals, AFreshAssignmentThatOpensButViolatesAConstraint) {
  const Honest& honest = Honest::get();
  Proof proof = honest.proof;
  for (const std::size_t index : {std::size_t{0}, proof.fresh_stage2.size() / 2, proof.fresh_stage2.size() - 1}) {
    proof.fresh_stage2 = honest.proof.fresh_stage2;
    bump(proof.fresh_stage2[index]);
    proof.fresh.c2 = honest.engine.keys.secondary.commit(std::span<const Fq>(proof.fresh_stage2));
    expect_refused(honest.engine, honest.claim, proof, Reason::kFresh, Unsatisfied::kConstraint);
  }
}

TEST(Refusals, OtherCircuits) {
  const Honest& honest = Honest::get();
  const auto other = make_counter();
  const Engine engine(*other);
  expect_refused(engine, honest.claim, honest.proof, Reason::kPrimaryHash);
}

// The attack of ePrint 2023/969 on a verifier that does not check both hashes at the one fresh instance: each side
// from another run, both valid in themselves. The counter has no stage 1, so that runs from different z0 have the same
// digests, and all that ties the two sides is the hash that refuses.
TEST(Refusals, SidesOfDifferentRuns) {
  const auto step = make_counter();
  const Engine engine(*step);
  const auto run = [&](std::uint64_t z0) {
    Proved proved(engine, 2);
    proved.claim.z0 = {Fr::from_u64(z0)};
    proved.prover = std::make_unique<Prover>(engine.circuits, *engine.primary, *engine.secondary, proved.segment,
                                             proved.claim.z0, proved.commitments.commitments);
    EXPECT_TRUE(proved.prover->run(engine.source(), 2));
    proved.claim.zn = {Fr::from_u64(z0 + 2)};
    return std::pair(proved.claim, proved.prover->state().proof);
  };
  const auto [claim_a, a] = run(5);
  const auto [claim_b, b] = run(900);
  ASSERT_TRUE(verify(engine.circuits, engine.keys, claim_a, a));
  ASSERT_TRUE(verify(engine.circuits, engine.keys, claim_b, b));

  Proof mixed = b;
  mixed.primary = a.primary;
  mixed.primary_assignment = a.primary_assignment;
  expect_refused(engine, claim_b, mixed, Reason::kSecondaryHash);
  mixed = b;
  mixed.secondary = a.secondary;
  mixed.secondary_assignment = a.secondary_assignment;
  expect_refused(engine, claim_b, mixed, Reason::kPrimaryHash);
  mixed = a;
  mixed.fresh = b.fresh;
  mixed.fresh_stage2 = b.fresh_stage2;
  expect_refused(engine, claim_a, mixed, Reason::kPrimaryHash);
  // Without that hash nothing refuses the false claim that a's steps lead from b's z0: everything else is b's.
  expect_refused(engine, {claim_b.statement, 2, claim_b.z0, claim_a.zn}, b, Reason::kPrimaryHash);
}

/// A device whose accumulator deviates.
class BadAccumulator final : public device::Accumulator<Bn254> {
 public:
  using Inner = device::Accumulator<Bn254>;
  BadAccumulator(std::unique_ptr<Inner> inner, bool wrong_commitment, bool fold_nothing)
      : inner_(std::move(inner)), wrong_commitment_(wrong_commitment), fold_nothing_(fold_nothing) {}

  std::unique_ptr<device::Fresh<Bn254>> make_fresh(const device::Stage1<Fr>& stage1) const override {
    return inner_->make_fresh(stage1);
  }
  void start(const device::Fresh<Bn254>& fresh) override { inner_->start(fresh); }
  void start_zero() override { inner_->start_zero(); }
  algebra::Bn254Affine cross_term(const device::Fresh<Bn254>& fresh) override {
    const auto honest = inner_->cross_term(fresh);
    if (!wrong_commitment_) return honest;
    // The commitment to the cross term of the step before.
    return std::exchange(before_, honest);
  }
  void fold(const device::Fresh<Bn254>& fresh, const Fr& r) override {
    if (!fold_nothing_) inner_->fold(fresh, r);
  }
  device::RelaxedAssignment<Fr> read() const override { return inner_->read(); }
  void write(const device::RelaxedAssignment<Fr>& assignment) override { inner_->write(assignment); }

 private:
  std::unique_ptr<Inner> inner_;
  bool wrong_commitment_, fold_nothing_;
  algebra::Bn254Affine before_ = algebra::Bn254Affine::generator();
};

class BadDevice final : public device::Device<Bn254> {
 public:
  BadDevice(const device::Device<Bn254>& inner, bool wrong_commitment, bool fold_nothing)
      : inner_(inner), wrong_commitment_(wrong_commitment), fold_nothing_(fold_nothing) {}
  algebra::Bn254Affine commit_stage1(const device::Stage1<Fr>& stage1) const override {
    return inner_.commit_stage1(stage1);
  }
  algebra::Bn254Affine commit(std::span<const Fr> values) const override { return inner_.commit(values); }
  std::unique_ptr<device::Accumulator<Bn254>> start_segment(const r1cs::Challenges<Fr>& challenges) const override {
    return std::make_unique<BadAccumulator>(inner_.start_segment(challenges), wrong_commitment_, fold_nothing_);
  }

 private:
  const device::Device<Bn254>& inner_;
  bool wrong_commitment_, fold_nothing_;
};

TEST(Refusals, ErrorNotFoldedAsCommitted) {
  const Honest& honest = Honest::get();
  const Engine& engine = honest.engine;
  for (const bool nothing : {false, true}) {
    Proved proved(engine, 3);
    const BadDevice device(*engine.primary, !nothing, nothing);
    Prover prover(engine.circuits, device, *engine.secondary, proved.segment, proved.claim.z0,
                  proved.commitments.commitments);
    ASSERT_TRUE(prover.run(engine.source(), 3));
    proved.claim.zn = prover.state().z;
    Proof proof = prover.state().proof;
    expect_refused(engine, proved.claim, proof, Reason::kPrimary,
                   nothing ? Unsatisfied::kPublic : Unsatisfied::kCommitmentE);
  }
}

TEST(Refusals, StageOneChangedAfterTheChallenges) {
  const Honest& honest = Honest::get();
  const Engine& engine = honest.engine;
  const StepSource changed = [&](std::uint64_t index) {
    StepStage1 stage1 = engine.step.witness(index);
    if (index == 1) bump(stage1.own[0]);
    return stage1;
  };
  // The commitments stay those that the challenges come from: they do not open.
  Proved proved(engine, 3);
  ASSERT_TRUE(proved.prover->run(changed, 3));
  proved.claim.zn = proved.prover->state().z;
  expect_refused(engine, proved.claim, proved.prover->state().proof, Reason::kPrimary, Unsatisfied::kCommitment1);

  // They are changed too: the chain is another, and so are the challenges that the verifier derives.
  const StepCommitments others = commit_steps(*engine.primary, 3, changed);
  Prover prover(engine.circuits, *engine.primary, *engine.secondary, proved.segment, proved.claim.z0,
                others.commitments);
  ASSERT_TRUE(prover.run(changed, 3));
  proved.claim.zn = prover.state().z;
  EXPECT_EQ(prover.state().proof.chain, others.chain);
  expect_refused(engine, proved.claim, prover.state().proof, Reason::kPrimaryHash);
  // So too if the proof names the honest chain.
  Proof proof = prover.state().proof;
  proof.chain = proved.commitments.chain;
  expect_refused(engine, proved.claim, proof, Reason::kSecondaryHash);
}

TEST(Refusals, ChallengesThatTheDigestDoesNotBind) {
  const Honest& honest = Honest::get();
  const Engine& engine = honest.engine;
  Proved proved(engine, 3);
  Segment segment = proved.segment;
  bump(segment.challenges.gamma);
  Prover prover(engine.circuits, *engine.primary, *engine.secondary, segment, proved.claim.z0,
                proved.commitments.commitments);
  ASSERT_TRUE(prover.run(engine.source(), 3));
  proved.claim.zn = prover.state().z;
  expect_refused(engine, proved.claim, prover.state().proof, Reason::kPrimary, Unsatisfied::kConstraint);
}

/// The name of the first constraint of the primary circuit that some advice violates, if any.
std::optional<std::string> primary_violation(const Engine& engine, const Fr& z0, const Fr& zi,
                                             const FoldAdvice<Grumpkin>& advice) {
  Builder<Fr> builder(Builder<Fr>::Mode::kValues, {});
  describe_primary(builder, engine.step, {{}, {}}, std::array{z0}, std::array{zi}, advice);
  const auto& values = builder.values();
  const auto violated = r1cs::FilledRelation<Fr>(engine.circuits.primary(), {})
                            .first_violated({Fr::one(), values.publics, values.stage1, values.stage2});
  if (!violated) return {};
  return engine.circuits.primary().constraint_name(*violated);
}

std::optional<std::string> secondary_violation(const Engine& engine, const Fq& chain, const FoldAdvice<Bn254>& advice) {
  Builder<Fq> builder(Builder<Fq>::Mode::kValues, {});
  describe_secondary(builder, chain, advice);
  const auto& values = builder.values();
  const auto violated = r1cs::FilledRelation<Fq>(engine.circuits.secondary(), {})
                            .first_violated({Fq::one(), values.publics, values.stage1, values.stage2});
  if (!violated) return {};
  return engine.circuits.secondary().constraint_name(*violated);
}

TEST(Refusals, BaseCasesAndPointsInCircuit) {
  const auto step = make_counter();
  const Engine engine(*step);
  const Fr five = Fr::from_u64(5);
  FoldAdvice<Grumpkin> primary;
  FoldAdvice<Bn254> secondary;
  EXPECT_EQ(primary_violation(engine, five, five, primary), std::nullopt);
  EXPECT_EQ(primary_violation(engine, five, Fr::from_u64(6), primary), "base z");
  EXPECT_EQ(secondary_violation(engine, Fq::zero(), secondary), std::nullopt);
  EXPECT_EQ(secondary_violation(engine, Fq::one(), secondary), "base chain");
  primary.step = secondary.step = 1;
  EXPECT_EQ(primary_violation(engine, five, Fr::from_u64(6), primary), std::nullopt);
  EXPECT_EQ(secondary_violation(engine, Fq::one(), secondary), std::nullopt);

  // Whatever running and fresh instances the base case is told of, it goes on from its own.
  const auto publics = [&](const FoldAdvice<Grumpkin>& advice) {
    Builder<Fr> builder(Builder<Fr>::Mode::kValues, {});
    describe_primary(builder, engine.step, {{}, {}}, std::array{five}, std::array{five}, advice);
    return builder.values().publics;
  };
  primary.step = 0;
  const auto honest = publics(primary);
  EXPECT_EQ(honest[1], Fr::reduce(fold::instance_hash<Grumpkin>({}, 1, std::array{five, Fr::from_u64(6)}, {})));
  primary.running.c2 = primary.running.e = primary.fresh.c2 = algebra::GrumpkinAffine::generator();
  primary.running.u = Fq::from_u64(77);
  primary.running.x[0] = Fq::from_u64(78);
  EXPECT_EQ(primary_violation(engine, five, five, primary), std::nullopt);
  EXPECT_EQ(publics(primary), honest);

  const algebra::GrumpkinAffine off{Fr::one(), Fr::one()};
  FoldAdvice<Grumpkin> bad = primary;
  bad.fresh.c2 = off;
  EXPECT_EQ(primary_violation(engine, five, five, bad), "c2/curve");
  bad = primary;
  bad.cross_term = off;
  EXPECT_EQ(primary_violation(engine, five, five, bad), "cross term/curve");
  const algebra::Bn254Affine off_bn254{Fq::one(), Fq::one()};
  FoldAdvice<Bn254> bad_secondary = secondary;
  bad_secondary.fresh.c1 = off_bn254;
  EXPECT_EQ(secondary_violation(engine, Fq::one(), bad_secondary), "c1/curve");
  bad_secondary = secondary;
  bad_secondary.fresh.c2 = off_bn254;
  EXPECT_EQ(secondary_violation(engine, Fq::one(), bad_secondary), "c2/curve");
  bad_secondary = secondary;
  bad_secondary.cross_term = off_bn254;
  EXPECT_EQ(secondary_violation(engine, Fq::one(), bad_secondary), "cross term/curve");
}

}  // namespace
}  // namespace magnetar::ivc
