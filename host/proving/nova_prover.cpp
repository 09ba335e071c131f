#include "host/proving/nova_prover.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "engine/zkvm/proof.h"
#include "engine/zkvm/prover.h"
#include "engine/zkvm/subject.h"

namespace magnetar::proving {
namespace {

using worker::ProveFailure;

// Some hundredths of a second.
constexpr std::uint64_t kSlice = std::uint64_t{1} << 22;

ProveFailure to_failure(const zkvm::ProveError& error) {
  switch (error.kind) {
    case zkvm::ProveError::Kind::kCancelled:
      return {ProveFailure::Kind::kCancelled, "cancelled"};
    case zkvm::ProveError::Kind::kFault:
    case zkvm::ProveError::Kind::kRange:
    case zkvm::ProveError::Kind::kTooManySteps:
      return {ProveFailure::Kind::kUnprovable, error.message};
    case zkvm::ProveError::Kind::kZeroDenominator:
      break;
  }
  return {ProveFailure::Kind::kEnvironment, error.message};
}

std::string_view as_text(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::span<const std::uint8_t> as_octets(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

NovaProver::NovaProver(zkvm::ParameterStore& store, const zkvm::Preset& preset, std::string device,
                       MakeDevices make_devices, const ExecutionLimits& limits)
    : store_(store),
      preset_(preset),
      device_(std::move(device)),
      make_devices_(std::move(make_devices)),
      limits_{.max_cycles = limits.max_cycles, .max_memory_bytes = limits.max_memory_bytes} {}

tl::expected<std::string, ProveFailure> NovaProver::prove(const worker::Work& work, const worker::Watch& watch) {
  const auto elf = std::as_bytes(std::span(work.elf));
  const auto input_bytes = std::as_bytes(std::span(work.input));
  const auto subject = zkvm::Subject::load(
      elf, std::make_shared<const std::vector<std::byte>>(input_bytes.begin(), input_bytes.end()), elf.size());
  if (!subject) return tl::unexpected(ProveFailure{ProveFailure::Kind::kUnprovable, subject.error().message});

  // To the end, for the totals; on the way the state at the range's start.
  worker::Progress progress;
  vm::Machine machine(subject->program, subject->input, limits_);
  std::optional<vm::Checkpoint> start;
  const std::uint64_t first_cycle = work.first_step * vm::kCyclesPerStep;
  while (machine.status() == vm::Status::kRunning) {
    if (!start && machine.cycle() == first_cycle) start = machine.checkpoint();
    const std::uint64_t slice = machine.cycle() + kSlice;
    machine.execute(!start ? std::min(slice, first_cycle) : slice);
    if (!watch.go_on()) return tl::unexpected(ProveFailure{ProveFailure::Kind::kCancelled, "cancelled"});
  }
  progress.steps_in_trace = (machine.cycle() + vm::kCyclesPerStep - 1) / vm::kCyclesPerStep;
  progress.steps_to_prove =
      work.steps.value_or(progress.steps_in_trace - std::min(progress.steps_in_trace, work.first_step));
  if (!watch.progress(progress)) return tl::unexpected(ProveFailure{ProveFailure::Kind::kCancelled, "cancelled"});

  const auto on_progress = [&](const zkvm::Progress& now) {
    if (now.stage != zkvm::Progress::Stage::kExecute) {
      progress.fraction = std::clamp(now.fraction, 0.0, 1.0);
      progress.steps_proven =
          static_cast<std::uint64_t>(progress.fraction * static_cast<double>(progress.steps_to_prove));
    }
    return watch.progress(progress);
  };
  const auto plan = zkvm::plan_segment(*subject, {work.first_step, work.steps}, preset_, limits_, on_progress,
                                       start ? &*start : nullptr);
  if (!plan) return tl::unexpected(to_failure(plan.error()));
  const auto parameters = store_.parameters(plan->statement.layout);
  zkvm::Control control{.progress = on_progress,
                        .save = [&](const zkvm::ProvingState& state) { watch.save(as_text(zkvm::encode(state))); },
                        .device_failed = watch.device_failed};
  if (watch.resume) {
    if (auto state = zkvm::decode_proving_state(as_octets(*watch.resume))) control.resume = *std::move(state);
  }
  auto devices = make_devices_(*parameters);
  if (!devices) {
    if (watch.device_failed) watch.device_failed(devices.error().what());
    devices = zkvm::cpu_devices(*parameters);
  }
  auto proved = zkvm::prove(*parameters, *plan, *devices, control);
  if (!proved) return tl::unexpected(to_failure(proved.error()));
  zkvm::Bundle bundle;
  bundle.segments.push_back(std::move(proved->proof));
  return std::string(as_text(zkvm::encode(bundle)));
}

}  // namespace magnetar::proving
