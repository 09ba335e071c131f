#include "engine/zkvm/prover.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "engine/device/cpu_device.h"
#include "engine/zkvm/list_codec.h"
#include "vm/program_entry.h"

namespace magnetar::zkvm {
namespace {

using algebra::Bn254;
using algebra::Fr;
using algebra::Grumpkin;
using Clock = std::chrono::steady_clock;
using Kind = ProveError::Kind;
using Stage = Progress::Stage;

constexpr std::size_t kTraceRows = std::size_t{1} << 16;
// Cycles executed between two looks at whether to go on: some hundredths of a second.
constexpr std::uint64_t kSlice = std::uint64_t{1} << 22;
// What committing to a fold step's rows takes of all the time that it takes.
constexpr double kCommitShare = 0.15;

// Fold steps between states that are kept in case a device fails: copying one takes a small part of a step.
constexpr std::uint64_t kKeptSteps = 16;

ProveError cancelled() {
  return {Kind::kCancelled, "cancelled"};
}

ProveError faulted(const vm::Fault& fault) {
  return {Kind::kFault, fmt::format("the guest faulted after {} cycles at {}", fault.cycle, fault.message()), fault};
}

// Executes and traces a range of rows: the first pass over it, which all but the proof itself comes from.
class Execution {
 public:
  Execution(const Subject& subject, const StepRange& range, const ProgressCallback& progress, vm::Machine machine)
      : subject_(subject), range_(range), progress_(progress), machine_(std::move(machine)) {}

  std::optional<ProveError> reach_start();
  std::optional<ProveError> trace(PerType& counts, Lists& lists);
  Plan plan(const Lists& lists) &&;

 private:
  bool goes_on() const {
    return !progress_ || progress_({Stage::kExecute, machine_.cycle(), end_ == UINT64_MAX ? 0 : end_, 0});
  }
  std::uint64_t first_cycle() const { return range_.first * vm::kCyclesPerStep; }
  ProveError too_short() const {
    return {Kind::kRange,
            fmt::format("the program halts after {} cycles, before the range {}:{} ends", machine_.cycle(),
                        range_.first, range_.count ? std::to_string(*range_.count) : "")};
  }

  const Subject& subject_;
  const StepRange& range_;
  const ProgressCallback& progress_;
  vm::Machine machine_;
  std::uint64_t end_ = UINT64_MAX;
  std::optional<vm::Checkpoint> start_;
  std::size_t output_before_ = 0;
};

std::optional<ProveError> Execution::reach_start() {
  constexpr std::uint64_t kMaxCycle = std::uint64_t{1} << 60;
  if (range_.first > kMaxCycle / vm::kCyclesPerStep ||
      (range_.count && *range_.count > kMaxCycle / vm::kCyclesPerStep)) {
    return ProveError{Kind::kRange, "a step number is too large"};
  }
  end_ = range_.count ? first_cycle() + *range_.count * vm::kCyclesPerStep : UINT64_MAX;
  do {
    if (!goes_on()) return cancelled();
    machine_.execute(std::min(first_cycle(), machine_.cycle() + kSlice));
  } while (machine_.cycle() < first_cycle() && machine_.status() == vm::Status::kRunning);
  if (machine_.status() == vm::Status::kFaulted) return faulted(machine_.fault());
  // A program that has halted has a range only if it had nothing to execute.
  if (machine_.status() == vm::Status::kHalted &&
      (machine_.cycle() != 0 || range_.first != 0 || range_.count.value_or(0) != 0)) {
    return too_short();
  }
  if (machine_.status() == vm::Status::kRunning && range_.count == std::uint64_t{0}) {
    return ProveError{Kind::kRange, "a range of no steps has nothing to prove"};
  }
  start_ = machine_.checkpoint();
  output_before_ = machine_.output().size();
  return std::nullopt;
}

std::optional<ProveError> Execution::trace(PerType& counts, Lists& lists) {
  vm::Trace trace(kTraceRows);
  while (machine_.status() == vm::Status::kRunning && machine_.cycle() < end_) {
    if (!goes_on()) return cancelled();
    machine_.trace(end_, trace);
    if (trace.rows().empty() && machine_.status() == vm::Status::kRunning) {
      return ProveError{Kind::kRange, fmt::format("the range has more than {} cycles, the most that one segment holds; "
                                                  "prove it in ranges of steps",
                                                  vm::kMaxSegmentCycles)};
    }
    add_counts(counts, *subject_.program, trace);
    lists.count(*subject_.program, trace);
  }
  if (machine_.status() == vm::Status::kFaulted) return faulted(machine_.fault());
  if (machine_.status() == vm::Status::kHalted && range_.count && machine_.cycle() + vm::kCyclesPerStep <= end_ &&
      machine_.cycle() != 0) {
    return too_short();
  }
  machine_.for_each_touched([&](vm::Address address, std::uint32_t value, std::uint32_t time) {
    const std::uint32_t first =
        address.is_register() ? start_->registers[address.index()] : start_->word(address.index());
    lists.touched.push_back({address, first, value, time});
  });
  if (machine_.status() == vm::Status::kRunning &&
      !subject_.program->entry_of(subject_.program->op_at(machine_.pc()))) {
    // It cannot go on from here, so no proof can end here.
    machine_.execute(machine_.cycle() + 1);
    assert(machine_.status() == vm::Status::kFaulted);
    return faulted(machine_.fault());
  }
  return std::nullopt;
}

Plan Execution::plan(const Lists& lists) && {
  Plan plan{.subject = subject_, .start = *std::move(start_), .statement = {}, .lists = {}};
  Statement& s = plan.statement;
  s.program_id = subject_.program_id;
  s.input_digest = subject_.input_digest;
  s.input_bytes = subject_.input->size();
  s.first_step = range_.first;
  s.cycles = machine_.cycle() - plan.start.cycle;
  s.steps = (s.cycles + vm::kCyclesPerStep - 1) / vm::kCyclesPerStep;
  s.start_pc = plan.start.pc;
  s.end_pc = machine_.pc();
  s.input_start = plan.start.registers[vm::kInputIndex];
  s.input_end = machine_.reg(vm::kInputIndex);
  s.output_start = plan.start.registers[vm::kOutputIndex];
  s.output_end = machine_.reg(vm::kOutputIndex);
  s.halted = machine_.status() == vm::Status::kHalted;
  s.exit_code = s.halted ? machine_.exit_code() : 0;
  s.output.assign(machine_.output().begin() + static_cast<std::ptrdiff_t>(output_before_), machine_.output().end());
  plan.lists = encode_lists(lists, s.first_step != 0);
  plan.instructions = machine_.checkpoint().instructions - plan.start.instructions;
  return plan;
}

/// A plan's trace on its way into fold steps.
class PlacedTrace {
 public:
  explicit PlacedTrace(const Plan& plan)
      : machine_(plan.subject.program, plan.subject.input, plan.start,
                 {.max_memory_bytes = UINT64_MAX, .max_output_bytes = UINT64_MAX}),
        placement_(plan.statement.layout.quotas, plan.window),
        left_(plan.statement.cycles) {}

  /// The next step's rows; none after the last.
  std::optional<StepRows> take() {
    for (;;) {
      if (auto step = placement_.take(left_ == 0)) {
        ++taken_;
        return step;
      }
      if (left_ == 0) return std::nullopt;
      machine_.trace(machine_.cycle() + left_, trace_);
      assert(!trace_.rows().empty());
      left_ -= trace_.rows().size();
      placement_.add(machine_.program(), trace_);
    }
  }
  /// Steps taken so far.
  std::uint64_t taken() const { return taken_; }
  std::uint64_t cycle() const { return machine_.cycle(); }

 private:
  vm::Machine machine_;
  vm::Trace trace_{kTraceRows};
  Placement placement_;
  std::uint64_t left_;  // cycles still to be traced
  std::uint64_t taken_ = 0;
};

}  // namespace

std::string_view name(ProveError::Kind kind) {
  switch (kind) {
    case Kind::kFault:
      return "guest-faulted";
    case Kind::kRange:
      return "step-range";
    case Kind::kTooManySteps:
      return "too-many-fold-steps";
    case Kind::kZeroDenominator:
      return "zero-denominator";
    case Kind::kCancelled:
      break;
  }
  return "cancelled";
}

struct SegmentRows::State {
  PlacedTrace trace;
};

SegmentRows::SegmentRows(const Plan& plan) : plan_(plan) {}
SegmentRows::~SegmentRows() = default;

ivc::StepStage1 SegmentRows::operator()(std::uint64_t index) {
  if (!state_ || index < state_->trace.taken()) state_.reset(new State{PlacedTrace(plan_)});
  std::optional<StepRows> rows;
  while (state_->trace.taken() <= index) {
    rows = state_->trace.take();
    if (!rows) {
      // The one step of a segment without rows.
      assert(index == 0 && plan_.statement.cycles == 0);
      rows.emplace();
      break;
    }
  }
  return {StepColumns(shared_row_types(), plan_.statement.layout.quotas, *plan_.subject.program, *rows).take(), {}};
}

tl::expected<Plan, ProveError> plan_segment(const Subject& subject, const StepRange& range, const Preset& preset,
                                            const vm::Limits& limits, const ProgressCallback& progress,
                                            const vm::Checkpoint* start, std::size_t window) {
  assert(start == nullptr || start->cycle <= range.first * vm::kCyclesPerStep);
  Execution execution(subject, range, progress,
                      start != nullptr ? vm::Machine(subject.program, subject.input, *start, limits)
                                       : vm::Machine(subject.program, subject.input, limits));
  if (auto error = execution.reach_start()) return tl::unexpected(*std::move(error));
  PerType counts{};
  Lists lists(*subject.program);
  if (auto error = execution.trace(counts, lists)) return tl::unexpected(*std::move(error));
  Plan plan = std::move(execution).plan(lists);
  plan.window = window;
  plan.statement.layout = {preset.log_size, preset.profile
                                                ? profile_quotas(shared_row_types(), *preset.profile, preset.log_size)
                                                : fit_quotas(shared_row_types(), counts, preset.log_size)};

  PlacedTrace trace(plan);
  while (trace.take()) {
    if (progress && !progress({Stage::kExecute, trace.cycle(), 0, 0})) return tl::unexpected(cancelled());
  }
  plan.fold_steps = std::max<std::uint64_t>(trace.taken(), 1);
  if (plan.fold_steps > ivc::kMaxSteps) {
    return tl::unexpected(ProveError{
        Kind::kTooManySteps,
        fmt::format("{} fold steps of size 2^{}, more than {}", plan.fold_steps, preset.log_size, ivc::kMaxSteps)});
  }
  assert(!check(plan.statement));
  return plan;
}

Devices cpu_devices(const Parameters& parameters) {
  return {"cpu", device::make_cpu_device<Bn254>(parameters.circuits().primary(), parameters.keys().primary),
          device::make_cpu_device<Grumpkin>(parameters.circuits().secondary(), parameters.keys().secondary)};
}

hash::Sha256::Digest plan_identity(const Plan& plan) {
  hash::Sha256 sha256;
  const auto digest = statement_digest(plan.statement, hash::Sha256::digest(plan.lists));
  sha256.update(digest);
  for (const std::uint64_t number : {std::uint64_t{plan.window}, plan.fold_steps}) {
    std::array<std::uint8_t, 8> bytes;
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(number >> (8 * i));
    sha256.update(bytes);
  }
  return sha256.finish();
}

namespace {

/// Proves a plan from `state` on, which is where another try may go on if it throws device::DeviceError.
tl::expected<ProvedSegment, ProveError> prove_on(const Devices& devices, const Parameters& parameters, const Plan& plan,
                                                 const Control& control, const ivc::StepSource& source,
                                                 ProvingState& state) {
  const std::uint64_t steps = plan.fold_steps;
  ProvedSegment result;
  auto last_save = Clock::now();
  const auto save_if_due = [&](bool now, const auto& current) {
    if (!control.save || !(now || Clock::now() - last_save >= control.save_interval)) return;
    control.save(current());
    last_save = Clock::now();
  };
  const auto report = [&](Stage stage, std::uint64_t done) {
    const double part = static_cast<double>(done) / static_cast<double>(steps);
    const double fraction = stage == Stage::kCommit ? kCommitShare * part : kCommitShare + (1 - kCommitShare) * part;
    return !control.progress || control.progress({stage, done, steps, fraction});
  };

  // Stage 1 of all steps, before any challenge is known.
  const auto start = Clock::now();
  while (state.commitments.size() < steps) {
    const bool goes_on = report(Stage::kCommit, state.commitments.size());
    save_if_due(!goes_on, [&]() -> const ProvingState& { return state; });
    if (!goes_on) return tl::unexpected(cancelled());
    state.commitments.push_back(devices.primary->commit_stage1(source(state.commitments.size()).view()));
  }
  result.phases.commit_stage1 = std::chrono::duration<double>(Clock::now() - start).count();
  algebra::Fq chain;
  for (const auto& commitment : state.commitments) chain = ivc::extend_chain(chain, commitment);

  // The challenges, then everything that depends on them.
  const auto digest = statement_digest(plan.statement, hash::Sha256::digest(plan.lists));
  const ivc::Segment segment = ivc::derive_segment(parameters.circuits().digest(), digest, steps, chain);
  const std::array<Fr, 1> z0{};
  ivc::Prover prover(parameters.circuits(), *devices.primary, *devices.secondary, segment, z0, state.commitments);
  if (devices.may_fail) prover.keep_states(kKeptSteps);
  if (state.prover.next != 0) {
    [[maybe_unused]] const bool resumed = prover.resume(state.prover);
    assert(resumed);
  }
  const auto current = [&] { return ProvingState{state.identity, state.commitments, prover.state()}; };
  if (!report(Stage::kFold, state.prover.next)) {
    save_if_due(true, current);
    return tl::unexpected(cancelled());
  }
  const auto proved = prover.run(source, steps, [&](std::uint64_t done) {
    const bool goes_on = report(Stage::kFold, done);
    if (done < steps) save_if_due(!goes_on, current);
    return goes_on || done == steps;
  });
  if (!proved && proved.error() == ivc::ProveError::kDevice) {
    state.prover = prover.state();
    throw device::DeviceError(device::DeviceError::Kind::kFailed, prover.device_error());
  }
  if (!proved) {
    return tl::unexpected(proved.error() == ivc::ProveError::kCancelled
                              ? cancelled()
                              : ProveError{Kind::kZeroDenominator, std::string(ivc::describe(proved.error()))});
  }
  ivc::ProverState last = prover.state();
  result.phases.fold = prover.phases();
  result.proof = {plan.statement, plan.lists, steps, last.z[0], std::move(last.proof)};
  return result;
}

}  // namespace

tl::expected<ProvedSegment, ProveError> prove(const Parameters& parameters, const Plan& plan, const Devices& devices,
                                              const Control& control, const ivc::StepSource& rows) {
  assert(parameters.layout() == plan.statement.layout);
  SegmentRows own_rows(plan);
  const ivc::StepSource source = rows ? rows : ivc::StepSource([&](std::uint64_t index) { return own_rows(index); });
  ProvingState state{plan_identity(plan), {}, {}};
  if (control.resume && control.resume->identity == state.identity &&
      control.resume->commitments.size() <= plan.fold_steps &&
      (control.resume->prover.next == 0 || ivc::fits(control.resume->prover, parameters.circuits(), plan.fold_steps))) {
    state = *control.resume;
  }
  const std::uint64_t resumed_steps = state.prover.next;
  std::string device_error;
  std::optional<tl::expected<ProvedSegment, ProveError>> proved;
  try {
    proved = prove_on(devices, parameters, plan, control, source, state);
  } catch (const device::DeviceError& error) {
    device_error = error.what();
    if (control.device_failed) control.device_failed(device_error);
  }
  if (!proved) {
    proved = prove_on(cpu_devices(parameters), parameters, plan, control, source, state);
    if (*proved) (*proved)->device_error = std::move(device_error);
  }
  if (*proved) (*proved)->resumed_steps = resumed_steps;
  return *std::move(proved);
}

}  // namespace magnetar::zkvm
