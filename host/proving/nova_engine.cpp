#include "host/proving/nova_engine.h"

#include <fmt/format.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "engine/zkvm/machine_state.h"
#include "engine/zkvm/proof.h"
#include "engine/zkvm/verifier.h"

namespace magnetar::proving {
namespace {

constexpr std::size_t kExecutions = 16;

std::span<const std::uint8_t> as_octets(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

store::Status not_provable(const vm::Fault& fault, const vm::Limits& limits) {
  switch (fault.kind) {
    case vm::FaultKind::kCycleLimit:
      return {store::Code::kResourceExhausted,
              fmt::format("the program has not halted after {} cycles, the limit", limits.max_cycles)};
    case vm::FaultKind::kMemoryLimit:
      return {store::Code::kResourceExhausted,
              fmt::format("the program touches more than {} bytes of memory, the limit", limits.max_memory_bytes)};
    case vm::FaultKind::kOutputLimit:
      return {store::Code::kResourceExhausted,
              fmt::format("the program's output has more than {} bytes, the limit", limits.max_output_bytes)};
    default:
      return {store::Code::kFailedPrecondition,
              fmt::format("the program faults after {} cycles at {}", fault.cycle, fault.message())};
  }
}

}  // namespace

NovaEngine::NovaEngine(zkvm::ParameterStore& store, const ExecutionLimits& limits)
    : store_(store),
      limits_{.max_cycles = limits.max_cycles, .max_memory_bytes = limits.max_memory_bytes},
      executions_(kExecutions) {}

store::Expected<std::uint64_t> NovaEngine::execute(const dispatch::Material& material,
                                                   const std::function<bool()>& cancelled) {
  const auto done = execution(material, cancelled);
  if (!done) return tl::unexpected(done.error());
  return ((*done)->cycles + vm::kCyclesPerStep - 1) / vm::kCyclesPerStep;
}

tl::expected<dispatch::ProofClaim, std::string> NovaEngine::identify(std::span<const std::byte> proof) {
  const auto bundle = zkvm::decode_bundle(as_octets(proof));
  if (!bundle) return tl::unexpected(bundle.error().message);
  if (bundle->segments.size() != 1) {
    return tl::unexpected(fmt::format("a bundle of {} segments; one is wanted", bundle->segments.size()));
  }
  const zkvm::Statement& statement = bundle->segments.front().statement;
  return dispatch::ProofClaim{
      .program = statement.program_id,
      .input = statement.input_digest,
      .range = {.first_step = statement.first_step, .steps = statement.steps},
  };
}

tl::expected<void, dispatch::ProofEngine::Refusal> NovaEngine::verify(const dispatch::Material& material,
                                                                      const store::SegmentRange& range,
                                                                      std::span<const std::byte> proof) {
  const auto known = execution(material, [] { return false; });
  if (!known) return tl::unexpected(Refusal{.invalid = false, .message = known.error().message});
  const auto bundle = zkvm::decode_bundle(as_octets(proof));
  if (!bundle) return tl::unexpected(Refusal{.invalid = true, .message = bundle.error().message});
  const auto state = zkvm::MachineState::at((*known)->state_at(range.first_step * vm::kCyclesPerStep, limits_));
  const auto claim = zkvm::verify_from(state, (*known)->subject, *bundle, store_,
                                       zkvm::StepRange{.first = range.first_step, .count = range.steps});
  if (!claim) {
    return tl::unexpected(
        Refusal{.invalid = true, .message = fmt::format("{}: {}", name(claim.error().reason), claim.error().message)});
  }
  return {};
}

tl::expected<store::Bytes, std::string> NovaEngine::assemble(std::span<const store::Bytes> proofs) {
  zkvm::Bundle bundle;
  for (const store::Bytes& proof : proofs) {
    auto decoded = zkvm::decode_bundle(as_octets(proof));
    if (!decoded) return tl::unexpected(decoded.error().message);
    for (auto& segment : decoded->segments) bundle.segments.push_back(std::move(segment));
  }
  if (bundle.segments.empty() || bundle.segments.size() > zkvm::kMaxSegments) {
    return tl::unexpected(fmt::format("{} segments; a bundle has 1 to {}", bundle.segments.size(), zkvm::kMaxSegments));
  }
  const std::uint64_t size = zkvm::encoded_size(bundle);
  if (size > zkvm::kMaxBundleBytes) {
    return tl::unexpected(fmt::format("the bundle has {} bytes, more than {}", size, zkvm::kMaxBundleBytes));
  }
  const std::vector<std::uint8_t> encoded = zkvm::encode(bundle);
  const auto bytes = std::as_bytes(std::span(encoded));
  return store::Bytes(bytes.begin(), bytes.end());
}

store::Expected<std::shared_ptr<const Execution>> NovaEngine::execution(const dispatch::Material& material,
                                                                        const std::function<bool()>& cancelled) {
  auto execution = executions_.find(material.program, material.input_digest);
  if (execution == nullptr) {
    const auto subject = zkvm::Subject::load(*material.elf, material.input);
    if (!subject) {
      return tl::unexpected(store::Status{store::Code::kInvalidArgument,
                                          fmt::format("no RV32I executable: {}", subject.error().message)});
    }
    execution = proving::execute(*subject, limits_, cancelled);
    if (execution == nullptr) {
      return tl::unexpected(store::Status{store::Code::kCancelled, "the execution was cancelled"});
    }
    executions_.keep(execution);
  }
  if (execution->fault) return tl::unexpected(not_provable(*execution->fault, limits_));
  return execution;
}

}  // namespace magnetar::proving
