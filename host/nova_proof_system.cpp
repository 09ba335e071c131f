#include "host/nova_proof_system.h"

#include <fmt/format.h>

#include <cstdio>
#include <optional>
#include <span>
#include <utility>

#include "engine/zkvm/proof.h"
#include "engine/zkvm/subject.h"
#include "engine/zkvm/verifier.h"
#include "host/devices.h"
#include "host/proving/nova_engine.h"
#include "host/proving/nova_prover.h"
#include "host/proving_speed.h"

namespace magnetar::host {
namespace {

constexpr double kMeasuringSeconds = 20;

}  // namespace

std::size_t NovaProofSystem::max_segments() const {
  return zkvm::kMaxSegments;
}

std::uint64_t NovaProofSystem::segment_proof_bytes() const {
  // Of the default size and some more for the lists.
  return std::uint64_t{10} << 20;
}

std::unique_ptr<dispatch::ProofEngine> NovaProofSystem::engine(const std::filesystem::path& cache,
                                                               const proving::ExecutionLimits& limits) {
  return std::make_unique<proving::NovaEngine>(parameters(cache), limits);
}

tl::expected<std::vector<std::string>, std::string> NovaProofSystem::devices(const std::string& device) {
  const auto choices = DeviceChoice::parse_all(device);
  if (!choices) return tl::unexpected(choices.error().message);
  std::vector<std::string> names;
  for (const DeviceChoice& choice : *choices) names.push_back(choice.name());
  return names;
}

tl::expected<std::unique_ptr<worker::Prover>, std::string> NovaProofSystem::prover(const ProverOptions& options) {
  const auto preset = zkvm::Preset::parse(options.preset);
  if (!preset) return tl::unexpected(fmt::format("no parameters '{}' (see `magnetar params list`)", options.preset));
  const auto device = DeviceChoice::parse(options.device);
  if (!device) return tl::unexpected(device.error().message);
  return std::make_unique<proving::NovaProver>(
      parameters(options.cache), *preset, device->name(),
      [device = *device](const zkvm::Parameters& parameters) { return device.try_make(parameters); }, options.limits);
}

tl::expected<double, std::string> NovaProofSystem::measure(const ProverOptions& options,
                                                           const std::function<bool()>& go_on) {
  const auto preset = zkvm::Preset::parse(options.preset);
  if (!preset) return tl::unexpected(fmt::format("no parameters '{}' (see `magnetar params list`)", options.preset));
  const auto device = DeviceChoice::parse(options.device);
  if (!device) return tl::unexpected(device.error().message);
  const auto speeds = measure_speed(parameters(options.cache), *preset, *device, kMeasuringSeconds, go_on);
  if (!speeds) return tl::unexpected(speeds.error().message);
  double cycles = 0;
  double seconds = 0;
  for (const ProgramSpeed& speed : *speeds) {
    cycles += static_cast<double>(speed.cycles);
    seconds += speed.seconds;
  }
  return cycles / seconds;
}

tl::expected<proving::Verdict, std::string> NovaProofSystem::verify(const std::filesystem::path& cache,
                                                                    const Question& question,
                                                                    const std::string& proof) {
  const auto subject = zkvm::Subject::load(*question.elf, question.input);
  if (!subject) return tl::unexpected(subject.error().message);
  const auto bundle = zkvm::decode_bundle({reinterpret_cast<const std::uint8_t*>(proof.data()), proof.size()});
  if (!bundle)
    return proving::Verdict{.reason = std::string(name(bundle.error().kind)), .message = bundle.error().message};

  // Without a number of steps the range must end with the execution, which is seen by its halting.
  const std::uint64_t first = bundle->segments.front().statement.first_step;
  std::uint64_t proved = 0;
  for (const auto& segment : bundle->segments) proved += segment.statement.steps;
  const zkvm::StepRange range{.first = question.first_step, .count = question.steps.value_or(proved)};
  zkvm::ParameterStore& store = parameters(cache);
  std::optional<zkvm::Refusal> refusal;
  zkvm::Claim claim;
  if (first == 0) {
    auto verified = zkvm::verify(*subject, *bundle, store, range);
    if (verified)
      claim = *std::move(verified);
    else
      refusal = std::move(verified.error());
  } else {
    auto verified = zkvm::verify_assuming(*subject, *bundle, store, range);
    if (verified)
      claim = std::move(verified->claim);
    else
      refusal = std::move(verified.error());
  }
  if (refusal) return proving::Verdict{.reason = std::string(name(refusal->reason)), .message = refusal->message};
  if (!question.steps && !claim.halted) {
    return proving::Verdict{.reason = std::string(name(zkvm::RefusalReason::kRange)),
                            .message = "the proof ends before the execution does"};
  }
  return proving::Verdict{.accepted = true,
                          .reason = "accepted",
                          .complete = first == 0,
                          .first_step = claim.first_step,
                          .steps = claim.steps,
                          .cycles = claim.cycles,
                          .halted = claim.halted,
                          .exit_code = claim.exit_code,
                          .output = std::move(claim.output)};
}

zkvm::ParameterStore& NovaProofSystem::parameters(const std::filesystem::path& cache) {
  const std::lock_guard lock(mutex_);
  auto& store = stores_[cache];
  if (!store) {
    store = std::make_unique<zkvm::ParameterStore>(cache, [](const commit::GeneratorCacheWarning& warning) {
      fmt::print(stderr, "magnetar: {}\n", warning.message);
    });
  }
  return *store;
}

}  // namespace magnetar::host
