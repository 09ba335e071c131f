#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "engine/device/device.h"
#include "engine/ivc/proof.h"
#include "engine/r1cs/witness.h"

namespace magnetar::ivc {

/// The stage-1 values of a step.
struct StepStage1 {
  std::vector<std::optional<r1cs::Columns>> blocks;  ///< none where the count is 0
  std::vector<algebra::Fr> own;

  device::Stage1<algebra::Fr> view() const;
};

/// Makes the stage 1 of step `index`. It is called for every step in order by commit_steps and again by the
/// prover, from any thread but never from two at once, and must give the same values again.
using StepSource = std::function<StepStage1(std::uint64_t index)>;

/// The commitments to the stage 1 of all steps: the first pass.
struct StepCommitments {
  std::vector<algebra::Bn254Affine> commitments;
  algebra::Fq chain;
};
/// `steps` is at most kMaxSteps; more is a bug of the caller's, which must refuse such a number before.
StepCommitments commit_steps(const device::Device<algebra::Bn254>& device, std::uint64_t steps,
                             const StepSource& source);

/// Seconds that the second pass spent, by phase; the first two overlap the others.
struct Phases {
  double witness = 0;          ///< stage 1, and stage 2 and products of the blocks
  double commit_blocks = 0;    ///< stage-2 commitment, the blocks' part
  double secondary_fold = 0;   ///< cross term, its commitment and fold of the secondary side
  double primary_circuit = 0;  ///< the augmented circuit's values, products and commitment
  double cross_term = 0;       ///< primary, with its commitment
  double fold = 0;             ///< primary
  double secondary_circuit = 0;
};

/// All that a prover needs to go on after some step: memory does not grow with their number.
struct ProverState {
  std::uint64_t next = 0;  ///< steps done
  std::vector<algebra::Fr> z;
  Proof proof;  ///< of the steps done, if any
};

/// Whether all vectors of the state have the sizes of the circuits', and at most `steps` are done: what a state that
/// was read from somewhere must be asked before a prover goes on from it. The values are not looked at; with wrong ones
/// the proof is refused.
bool fits(const ProverState& state, const Circuits& circuits, std::uint64_t steps);

enum class ProveError : std::uint8_t {
  kZeroDenominator,  ///< a bus term's; a chance of some 2^-230 for honest values
  kCancelled,
  kDevice,  ///< a device failed: Prover::device_error() says how
};
std::string_view describe(ProveError error);

/// The prover of the IVC: one step after the other, each folded into what was proved before (Nova, section 5,
/// construction 3).
class Prover {
 public:
  /// The devices' relations must be the circuits'. The references must outlive the prover. The commitments are those of
  /// commit_steps with the same source, the segment is derived from them. Throws device::DeviceError if a device does,
  /// as resume() and commit_steps() do.
  Prover(const Circuits& circuits, const device::Device<algebra::Bn254>& primary,
         const device::Device<algebra::Grumpkin>& secondary, const Segment& segment, std::span<const algebra::Fr> z0,
         std::span<const algebra::Bn254Affine> commitments);
  ~Prover();

  /// Has run() keep a copy of the state after every `every`-th step and the last one, in the host's memory: where
  /// another prover may go on should a device fail. 0, the default, keeps none.
  void keep_states(std::uint64_t every) { keep_every_ = every; }

  /// Goes on from a state of a prover with the same arguments; it is the first that is kept. False, and nothing is
  /// changed, if it does not fit the circuits and the number of commitments.
  [[nodiscard]] bool resume(const ProverState& state);

  /// Proves steps until `end` of them are done, at most as many as there are commitments. While one step is folded the
  /// next one's witness is made and committed to. `progress` is told the number of steps done after each, and cancels
  /// by returning false; the steps done stay done. After kDevice the prover is at an end: state() is then the last one
  /// that was kept, or that of the beginning.
  tl::expected<void, ProveError> run(const StepSource& source, std::uint64_t end,
                                     const std::function<bool(std::uint64_t)>& progress = {});

  ProverState state() const;
  /// What failed, after kDevice.
  const std::string& device_error() const { return device_error_; }
  const Phases& phases() const { return phases_; }

 private:
  struct Prepared;
  tl::expected<Prepared, ProveError> prepare(const StepSource& source, std::uint64_t index);
  void step(Prepared prepared);
  tl::expected<void, ProveError> run_steps(const StepSource& source, std::uint64_t end,
                                           const std::function<bool(std::uint64_t)>& progress);

  const Circuits& circuits_;
  Segment segment_;
  std::vector<algebra::Fr> z0_, z_;
  std::span<const algebra::Bn254Affine> commitments_;
  std::uint64_t next_ = 0;
  algebra::Fq chain_;
  fold::RunningInstance<algebra::Bn254> primary_{};
  std::unique_ptr<device::Accumulator<algebra::Bn254>> primary_accumulator_;
  fold::RunningInstance<algebra::Grumpkin> secondary_{};
  std::unique_ptr<device::Accumulator<algebra::Grumpkin>> secondary_accumulator_;
  fold::FreshInstance<algebra::Grumpkin> fresh_{};
  std::unique_ptr<device::Fresh<algebra::Grumpkin>> fresh_assignment_;
  std::vector<algebra::Fq> fresh_stage2_;
  Phases phases_;
  std::uint64_t keep_every_ = 0;
  ProverState kept_;
  std::string device_error_;
};

}  // namespace magnetar::ivc
