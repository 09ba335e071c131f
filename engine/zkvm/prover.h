#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "engine/device/device.h"
#include "engine/ivc/prover.h"
#include "engine/zkvm/lists.h"
#include "engine/zkvm/parameters.h"
#include "engine/zkvm/proof.h"
#include "engine/zkvm/subject.h"

namespace magnetar::zkvm {

/// Rows that may wait for a fold step with room for them. The waiting ones take 40 bytes each.
inline constexpr std::size_t kDefaultWindow = std::size_t{1} << 21;

/// A range of protocol steps: `count` of them from `first` on, or all that follow.
struct StepRange {
  std::uint64_t first = 0;
  std::optional<std::uint64_t> count{};
};

struct ProveError {
  enum class Kind : std::uint8_t {
    kFault,            ///< the program faults within the range or before it: nothing to prove
    kRange,            ///< the program ends before the range does, or the range is empty or too long for one segment
    kTooManySteps,     ///< more than ivc::kMaxSteps fold steps: a larger size is needed
    kZeroDenominator,  ///< a chance of some 2^-230
    kCancelled,
  };
  Kind kind;
  std::string message;
  std::optional<vm::Fault> fault{};
};
/// "guest-faulted" and so on.
std::string_view name(ProveError::Kind kind);

/// How far the work on a segment is.
struct Progress {
  enum class Stage : std::uint8_t {
    kExecute,  ///< executing, counting rows; `total` is 0 where the number of cycles is not known
    kCommit,   ///< committing to the rows of fold steps
    kFold,     ///< proving fold steps
  };
  Stage stage;
  std::uint64_t done, total;  ///< cycles while executing, then fold steps
  double fraction;            ///< of the expected time of the two last stages
};
/// Cancels by returning false.
using ProgressCallback = std::function<bool(const Progress&)>;

/// A segment that was executed: everything of its proof that needs no proving.
struct Plan {
  Subject subject;
  vm::Checkpoint start;
  Statement statement;
  std::vector<std::uint8_t> lists;  ///< encoded
  std::size_t window = kDefaultWindow;
  std::uint64_t fold_steps = 0;
  std::uint64_t instructions = 0;  ///< guest instructions, those of microcode not counted, the halt word neither
};

/// Executes a range and lays it out. `start`, if given, is a checkpoint at or before the range's first cycle. An empty
/// program's only range, 0 steps from 0, is valid.
tl::expected<Plan, ProveError> plan_segment(const Subject& subject, const StepRange& range, const Preset& preset,
                                            const vm::Limits& limits = {}, const ProgressCallback& progress = {},
                                            const vm::Checkpoint* start = nullptr, std::size_t window = kDefaultWindow);

/// Makes the stage 1 of a plan's fold steps by executing again; asked for a step before the last one it starts over.
/// Memory does not grow with the trace, but for the pages that the program touches.
class SegmentRows {
 public:
  explicit SegmentRows(const Plan& plan);  ///< which must outlive this
  ~SegmentRows();
  ivc::StepStage1 operator()(std::uint64_t index);

 private:
  struct State;
  const Plan& plan_;
  std::unique_ptr<State> state_;
};

/// The devices that a proof is made on.
struct Devices {
  std::string name;  ///< "cpu", "cuda:0"
  std::unique_ptr<device::Device<algebra::Bn254>> primary;
  std::unique_ptr<device::Device<algebra::Grumpkin>> secondary;
  bool may_fail = false;  ///< as hardware does (device::DeviceError)
};
/// The CPU, on the threads of the calling oneTBB arena.
Devices cpu_devices(const Parameters& parameters);

/// How a prover is watched, interrupted and resumed.
struct Control {
  ProgressCallback progress{};
  /// What an earlier try with the same plan had saved. One of another plan, or with vectors of other sizes than the
  /// circuits', is ignored.
  std::optional<ProvingState> resume{};
  /// Takes states to resume from, at most one each `save_interval` and one when cancelled.
  std::function<void(const ProvingState&)> save{};
  std::chrono::seconds save_interval{30};
  /// Told what failed when devices did, before the CPU goes on.
  std::function<void(const std::string& error)> device_failed{};
};

/// Seconds by phase.
struct ProvePhases {
  double commit_stage1 = 0;
  ivc::Phases fold{};
};

struct ProvedSegment {
  SegmentProof proof;
  ProvePhases phases;
  std::uint64_t resumed_steps = 0;  ///< fold steps that needed no work as `resume` held them
  /// What failed if the devices did; the CPU then proved the rest.
  std::optional<std::string> device_error{};
};

/// Proves a plan with parameters for its layout. The proof is the same for any devices, number of threads and
/// interruptions. If devices that may fail do, the CPU goes on from the last of the states that are kept every few fold
/// steps. `rows`, if given, is used in place of SegmentRows: tests put in provers that lie.
tl::expected<ProvedSegment, ProveError> prove(const Parameters& parameters, const Plan& plan, const Devices& devices,
                                              const Control& control = {}, const ivc::StepSource& rows = {});

/// SHA-256 of all that a proof of the plan depends on: ProvingState::identity.
hash::Sha256::Digest plan_identity(const Plan& plan);

}  // namespace magnetar::zkvm
