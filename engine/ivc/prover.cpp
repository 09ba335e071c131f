#include "engine/ivc/prover.h"

#include <tbb/task_group.h>

#include <cassert>
#include <chrono>
#include <utility>

namespace magnetar::ivc {
namespace {

using algebra::Bn254;
using algebra::Fq;
using algebra::Fr;
using algebra::Grumpkin;
using algebra::U256;

class Stopwatch {
 public:
  explicit Stopwatch(double& seconds) : seconds_(seconds) {}
  ~Stopwatch() { seconds_ += std::chrono::duration<double>(Clock::now() - start_).count(); }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  using Clock = std::chrono::steady_clock;
  double& seconds_;
  Clock::time_point start_ = Clock::now();
};

}  // namespace

device::Stage1<Fr> StepStage1::view() const {
  device::Stage1<Fr> view{{}, own};
  for (const auto& columns : blocks) view.blocks.push_back(columns ? &*columns : nullptr);
  return view;
}

StepCommitments commit_steps(const device::Device<Bn254>& device, std::uint64_t steps, const StepSource& source) {
  assert(steps <= kMaxSteps);
  StepCommitments result{};
  for (std::uint64_t i = 0; i < steps; ++i) {
    result.commitments.push_back(device.commit_stage1(source(i).view()));
    result.chain = extend_chain(result.chain, result.commitments.back());
  }
  return result;
}

namespace {

template <class F>
bool fits(const device::RelaxedAssignment<F>& assignment, const r1cs::Relation<F>& relation) {
  return assignment.stage1.size() == relation.stage1() && assignment.stage2.size() == relation.stage2() &&
         assignment.error.size() == relation.constraints();
}

}  // namespace

bool fits(const ProverState& state, const Circuits& circuits, std::uint64_t steps) {
  if (state.next > steps || state.z.size() != circuits.step().arity()) return false;
  return state.next == 0 || (fits(state.proof.primary_assignment, circuits.primary()) &&
                             fits(state.proof.secondary_assignment, circuits.secondary()) &&
                             state.proof.fresh_stage2.size() == circuits.secondary().stage2());
}

std::string_view describe(ProveError error) {
  switch (error) {
    case ProveError::kZeroDenominator:
      return "a term of the bus has denominator zero";
    case ProveError::kDevice:
      return "a device failed";
    case ProveError::kCancelled:
      break;
  }
  return "cancelled";
}

/// A step's stage 1, solved and partly committed to.
struct Prover::Prepared {
  StepStage1 stage1;
  std::unique_ptr<device::Fresh<Bn254>> fresh;
  algebra::Bn254Affine blocks;  // commitment
};

Prover::Prover(const Circuits& circuits, const device::Device<Bn254>& primary,
               const device::Device<Grumpkin>& secondary, const Segment& segment, std::span<const Fr> z0,
               std::span<const algebra::Bn254Affine> commitments)
    : circuits_(circuits),
      segment_(segment),
      z0_(z0.begin(), z0.end()),
      z_(z0_),
      commitments_(commitments),
      primary_accumulator_(primary.start_segment(segment.challenges)),
      secondary_accumulator_(secondary.start_segment({})),
      kept_{0, z0_, {}} {
  assert(z0.size() == circuits.step().arity() && commitments.size() <= kMaxSteps);
}

Prover::~Prover() = default;

tl::expected<Prover::Prepared, ProveError> Prover::prepare(const StepSource& source, std::uint64_t index) {
  Prepared prepared;
  {
    const Stopwatch stopwatch(phases_.witness);
    prepared.stage1 = source(index);
    prepared.fresh = primary_accumulator_->make_fresh(prepared.stage1.view());
    if (!prepared.fresh->solve_blocks()) return tl::unexpected(ProveError::kZeroDenominator);
  }
  const Stopwatch stopwatch(phases_.commit_blocks);
  prepared.blocks = prepared.fresh->commit_blocks();
  return prepared;
}

tl::expected<void, ProveError> Prover::run(const StepSource& source, std::uint64_t end,
                                           const std::function<bool(std::uint64_t)>& progress) {
  assert(end <= commitments_.size() && device_error_.empty());
  if (next_ >= end) return {};
  try {
    return run_steps(source, end, progress);
  } catch (const device::DeviceError& error) {
    device_error_ = error.what();
    return tl::unexpected(ProveError::kDevice);
  }
}

tl::expected<void, ProveError> Prover::run_steps(const StepSource& source, std::uint64_t end,
                                                 const std::function<bool(std::uint64_t)>& progress) {
  auto current = prepare(source, next_);
  while (current) {
    std::optional<tl::expected<Prepared, ProveError>> following;
    tbb::task_group group;
    const std::uint64_t after = next_ + 1;
    if (after < end) group.run([&] { following = prepare(source, after); });
    step(*std::move(current));
    group.wait();
    if (keep_every_ != 0 && (next_ % keep_every_ == 0 || next_ == end)) kept_ = state();
    if (progress && !progress(next_)) return tl::unexpected(ProveError::kCancelled);
    if (!following) return {};
    current = *std::move(following);
  }
  return tl::unexpected(current.error());
}

void Prover::step(Prepared prepared) {
  const bool is_base = next_ == 0;

  // The secondary instance of the step before is folded; the primary circuit verifies that.
  FoldAdvice<Grumpkin> primary_advice{segment_.digest, next_, secondary_, fresh_, {}};
  if (is_base) {
    // Nothing was proved yet. The secondary circuit's hash before its first step, though nobody checks it, is what
    // its instance's first public element is by definition.
    const U256 hash = fold::instance_hash<Bn254>(segment_.digest, 0, std::array{Fq::zero()}, {});
    primary_advice.fresh.x[1] = Fq::reduce(hash);
  } else {
    const Stopwatch stopwatch(phases_.secondary_fold);
    primary_advice.cross_term = secondary_accumulator_->cross_term(*fresh_assignment_);
    const U256 r = fold::fold_challenge(segment_.digest, fresh_, primary_advice.cross_term);
    secondary_accumulator_->fold(*fresh_assignment_, Fq::reduce(r));
    secondary_ = fold::fold(secondary_, fresh_, primary_advice.cross_term, r);
  }

  fold::FreshInstance<Bn254> primary_fresh;
  {
    const Stopwatch stopwatch(phases_.primary_circuit);
    const auto blocks = circuits_.primary().blocks();
    Builder<Fr> builder(Builder<Fr>::Mode::kValues, segment_.challenges, r1cs::Relation<Fr>::block_stage1(blocks),
                        r1cs::Relation<Fr>::block_stage2(blocks));
    z_ = describe_primary(builder, circuits_.step(), {prepared.stage1.own, prepared.fresh->block_sum()}, z0_, z_,
                          primary_advice);
    const auto& values = builder.values();
    assert(values.stage1 == prepared.stage1.own);
    primary_fresh = {
        commitments_[next_], prepared.fresh->complete(values, prepared.blocks), {values.publics[0], values.publics[1]}};
  }

  FoldAdvice<Bn254> secondary_advice{segment_.digest, next_, primary_, primary_fresh, {}};
  if (is_base) {
    primary_accumulator_->start(*prepared.fresh);
    primary_ = fold::RunningInstance<Bn254>::relaxed(primary_fresh);
  } else {
    {
      const Stopwatch stopwatch(phases_.cross_term);
      secondary_advice.cross_term = primary_accumulator_->cross_term(*prepared.fresh);
    }
    const Stopwatch stopwatch(phases_.fold);
    const U256 r = fold::fold_challenge(segment_.digest, primary_fresh, secondary_advice.cross_term);
    primary_accumulator_->fold(*prepared.fresh, Fr::reduce(r));
    primary_ = fold::fold(primary_, primary_fresh, secondary_advice.cross_term, r);
  }

  const Stopwatch stopwatch(phases_.secondary_circuit);
  Builder<Fq> builder(Builder<Fq>::Mode::kValues, {});
  describe_secondary(builder, chain_, secondary_advice);
  r1cs::CircuitValues<Fq> values = std::move(builder).take_values();
  fresh_assignment_ = secondary_accumulator_->make_fresh({});
  fresh_ = {{}, fresh_assignment_->complete(values, {}), {values.publics[0], values.publics[1]}};
  fresh_stage2_ = std::move(values.stage2);
  chain_ = extend_chain(chain_, primary_fresh.c1);
  ++next_;
}

ProverState Prover::state() const {
  if (!device_error_.empty() || (next_ != 0 && kept_.next == next_)) return kept_;
  ProverState state{next_, z_, {}};
  if (next_ == 0) return state;
  state.proof = {chain_, primary_,     primary_accumulator_->read(), secondary_, secondary_accumulator_->read(),
                 fresh_, fresh_stage2_};
  return state;
}

bool Prover::resume(const ProverState& state) {
  if (!fits(state, circuits_, commitments_.size())) return false;
  if (keep_every_ != 0) kept_ = state;
  next_ = state.next;
  z_ = state.z;
  if (next_ == 0) return true;
  chain_ = state.proof.chain;
  primary_ = state.proof.primary;
  primary_accumulator_->write(state.proof.primary_assignment);
  secondary_ = state.proof.secondary;
  secondary_accumulator_->write(state.proof.secondary_assignment);
  fresh_ = state.proof.fresh;
  fresh_stage2_ = state.proof.fresh_stage2;
  fresh_assignment_ = secondary_accumulator_->make_fresh({});
  fresh_assignment_->complete({{fresh_.x[0], fresh_.x[1]}, {}, fresh_stage2_}, {});
  return true;
}

}  // namespace magnetar::ivc
