#include "fake_proof_system.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "engine/hash/sha256.h"
#include "engine/zkvm/subject.h"
#include "vm/machine.h"

namespace magnetar::testing {
namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::json;

std::string hex(const hash::Sha256::Digest& digest) {
  std::string text;
  for (const std::uint8_t byte : digest) text += fmt::format("{:02x}", byte);
  return text;
}

std::optional<hash::Sha256::Digest> unhex(const std::string& text) {
  hash::Sha256::Digest digest;
  if (text.size() != 2 * digest.size() || text.find_first_not_of("0123456789abcdef") != std::string::npos) return {};
  for (std::size_t i = 0; i < digest.size(); ++i) {
    digest[i] = static_cast<std::uint8_t>(std::stoul(text.substr(2 * i, 2), nullptr, 16));
  }
  return digest;
}

std::string digest_of(const std::string& text) {
  return hex(hash::Sha256::digest({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}));
}

// Memory is left out: for programs in tests registers tell states apart.
std::string state_of(const vm::Checkpoint& checkpoint) {
  std::string text = fmt::format("{} {}", checkpoint.cycle, checkpoint.pc);
  for (const std::uint32_t value : checkpoint.registers) text += fmt::format(" {}", value);
  return digest_of(text);
}

std::string seal_of(const json& proof) {
  json sealed = proof;
  sealed.erase("seal");
  return digest_of("a secret of the fake proof system " + sealed.dump());
}

tl::expected<json, std::string> parse(std::string_view text) {
  json proof = json::parse(text, nullptr, false);
  if (proof.is_discarded() || !proof.is_object()) return tl::unexpected(std::string("no fake proof: no JSON object"));
  return proof;
}

tl::expected<dispatch::ProofClaim, std::string> claim_of(const json& proof) {
  try {
    const auto program = unhex(proof.at("program").get<std::string>());
    const auto input = unhex(proof.at("input").get<std::string>());
    if (!program || !input) return tl::unexpected(std::string("no fake proof: a digest is none"));
    return dispatch::ProofClaim{.program = *program,
                                .input = *input,
                                .range = {.first_step = proof.at("first_step").get<std::uint64_t>(),
                                          .steps = proof.at("steps").get<std::uint64_t>()}};
  } catch (const json::exception& error) {
    return tl::unexpected(std::string("no fake proof: ") + error.what());
  }
}

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class Engine final : public dispatch::ProofEngine {
 public:
  explicit Engine(const proving::ExecutionLimits& limits)
      : limits_{.max_cycles = limits.max_cycles, .max_memory_bytes = limits.max_memory_bytes}, executions_(16) {}

  store::Expected<std::uint64_t> execute(const dispatch::Material& material,
                                         const std::function<bool()>& cancelled) override {
    const auto execution = execution_of(material, cancelled);
    if (!execution) return tl::unexpected(execution.error());
    return ((*execution)->cycles + vm::kCyclesPerStep - 1) / vm::kCyclesPerStep;
  }

  tl::expected<dispatch::ProofClaim, std::string> identify(std::span<const std::byte> proof) override {
    const auto parsed = parse(as_text(proof));
    if (!parsed) return tl::unexpected(parsed.error());
    return claim_of(*parsed);
  }

  tl::expected<void, Refusal> verify(const dispatch::Material& material, const store::SegmentRange& range,
                                     std::span<const std::byte> proof) override {
    const auto invalid = [](std::string why) {
      return tl::unexpected(Refusal{.invalid = true, .message = std::move(why)});
    };
    const auto execution = execution_of(material, [] { return false; });
    if (!execution) return tl::unexpected(Refusal{.invalid = false, .message = execution.error().message});
    const auto parsed = parse(as_text(proof));
    if (!parsed) return invalid(parsed.error());
    const auto claim = claim_of(*parsed);
    if (!claim) return invalid(claim.error());
    if (claim->program != material.program || claim->input != material.input_digest || !(claim->range == range)) {
      return invalid("wrong-range: a proof of something else");
    }
    if (parsed->value("seal", "") != seal_of(*parsed)) return invalid("seal: it is not the proof's");
    if (parsed->value("state", "") !=
        state_of((*execution)->state_at(range.first_step * vm::kCyclesPerStep, limits_))) {
      return invalid("state: a segment does not start in the known state");
    }
    return {};
  }

  tl::expected<store::Bytes, std::string> assemble(std::span<const store::Bytes> proofs) override {
    json bundle = {{"segments", json::array()}};
    for (const store::Bytes& proof : proofs) {
      auto parsed = parse(as_text(proof));
      if (!parsed) return tl::unexpected(parsed.error());
      bundle["segments"].push_back(*std::move(parsed));
    }
    const std::string text = bundle.dump();
    const auto bytes = std::as_bytes(std::span(text));
    return store::Bytes(bytes.begin(), bytes.end());
  }

 private:
  store::Expected<std::shared_ptr<const proving::Execution>> execution_of(const dispatch::Material& material,
                                                                          const std::function<bool()>& cancelled) {
    auto execution = executions_.find(material.program, material.input_digest);
    if (execution == nullptr) {
      const auto subject = zkvm::Subject::load(*material.elf, material.input);
      if (!subject) {
        return tl::unexpected(
            store::Status{store::Code::kInvalidArgument, "no RV32I executable: " + subject.error().message});
      }
      execution = proving::execute(*subject, limits_, cancelled);
      if (execution == nullptr) return tl::unexpected(store::Status{store::Code::kCancelled, "cancelled"});
      executions_.keep(execution);
    }
    if (execution->fault) {
      const bool limit = execution->fault->kind == vm::FaultKind::kCycleLimit;
      return tl::unexpected(store::Status{limit ? store::Code::kResourceExhausted : store::Code::kFailedPrecondition,
                                          execution->fault->message()});
    }
    return execution;
  }

  const vm::Limits limits_;
  proving::ExecutionCache executions_;
};

class Prover final : public worker::Prover {
 public:
  Prover(const FakeProver& manner, std::string device, const proving::ExecutionLimits& limits)
      : manner_(manner),
        device_(std::move(device)),
        limits_{.max_cycles = limits.max_cycles, .max_memory_bytes = limits.max_memory_bytes} {}

  std::string device() const override { return device_; }

  tl::expected<std::string, worker::ProveFailure> prove(const worker::Work& work, const worker::Watch& watch) override {
    using Kind = worker::ProveFailure::Kind;
    const auto cancelled = [] { return tl::unexpected(worker::ProveFailure{Kind::kCancelled, "cancelled"}); };
    const auto unprovable = [](std::string why) {
      return tl::unexpected(worker::ProveFailure{Kind::kUnprovable, std::move(why)});
    };
    const auto input = std::as_bytes(std::span(work.input));
    const auto subject = zkvm::Subject::load(
        std::as_bytes(std::span(work.elf)), std::make_shared<const std::vector<std::byte>>(input.begin(), input.end()));
    if (!subject) return unprovable(subject.error().message);
    const auto execution = proving::execute(*subject, limits_, [&] { return !watch.go_on(); });
    if (execution == nullptr) return cancelled();
    if (execution->fault) return unprovable(execution->fault->message());
    const std::uint64_t in_trace = (execution->cycles + vm::kCyclesPerStep - 1) / vm::kCyclesPerStep;
    if (work.first_step > in_trace || work.steps.value_or(0) > in_trace - work.first_step) return unprovable("range");
    const std::uint64_t steps = work.steps.value_or(in_trace - work.first_step);

    if (device_ == "failing") watch.device_failed("it always does");
    std::uint64_t done = 0;
    if (watch.resume) done = std::min<std::uint64_t>(std::stoull(*watch.resume), steps);
    const auto step_time = std::chrono::duration<double>(vm::kCyclesPerStep / manner_.cycles_per_second);
    auto due = Clock::now();
    auto saved = due;
    for (;; ++done) {
      const worker::Progress progress{
          .fraction = steps == 0 ? 1 : static_cast<double>(done) / static_cast<double>(steps),
          .steps_in_trace = in_trace,
          .steps_to_prove = steps,
          .steps_proven = done};
      if (!watch.progress(progress)) {
        watch.save(std::to_string(done));
        return cancelled();
      }
      if (done == steps) break;
      if (Clock::now() > saved + std::chrono::milliseconds(200)) {
        watch.save(std::to_string(done));
        saved = Clock::now();
      }
      due += std::chrono::duration_cast<Clock::duration>(step_time);
      std::this_thread::sleep_until(due);
    }
    json proof = {{"program", hex(subject->program_id)},
                  {"input", hex(subject->input_digest)},
                  {"first_step", work.first_step},
                  {"steps", steps},
                  {"state", state_of(execution->state_at(work.first_step * vm::kCyclesPerStep, limits_))},
                  {"padding", std::string(manner_.proof_bytes, 'x')}};
    if (manner_.lie == FakeProver::Lie::kState) proof["state"] = digest_of("another state");
    proof["seal"] = manner_.lie == FakeProver::Lie::kSeal ? digest_of("forged") : seal_of(proof);
    return proof.dump();
  }

 private:
  const FakeProver manner_;
  const std::string device_;
  const vm::Limits limits_;
};

}  // namespace

std::unique_ptr<dispatch::ProofEngine> FakeProofSystem::engine(const std::filesystem::path&,
                                                               const proving::ExecutionLimits& limits) {
  return std::make_unique<Engine>(limits);
}

tl::expected<std::unique_ptr<worker::Prover>, std::string> FakeProofSystem::prover(const ProverOptions& options) {
  return std::make_unique<Prover>(prover_, options.device, options.limits);
}

tl::expected<double, std::string> FakeProofSystem::measure(const ProverOptions&, const std::function<bool()>&) {
  return prover_.cycles_per_second;
}

tl::expected<proving::Verdict, std::string> FakeProofSystem::verify(const std::filesystem::path&,
                                                                    const Question& question,
                                                                    const std::string& proof) {
  const auto subject = zkvm::Subject::load(*question.elf, question.input);
  if (!subject) return tl::unexpected(subject.error().message);
  const auto bundle = parse(proof);
  if (!bundle || !bundle->contains("segments")) return proving::Verdict{.reason = "not-a-proof"};
  const auto execution = proving::execute(*subject, {}, [] { return false; });
  std::uint64_t next = question.first_step;
  for (const json& segment : bundle->at("segments")) {
    const auto claim = claim_of(segment);
    if (!claim) return proving::Verdict{.reason = "not-a-proof", .message = claim.error()};
    if (claim->program != subject->program_id) return proving::Verdict{.reason = "wrong-program"};
    if (claim->input != subject->input_digest) return proving::Verdict{.reason = "wrong-input"};
    if (claim->range.first_step != next) return proving::Verdict{.reason = "continuity"};
    if (segment.value("seal", "") != seal_of(segment)) return proving::Verdict{.reason = "seal"};
    if (segment.value("state", "") != state_of(execution->state_at(next * vm::kCyclesPerStep, {}))) {
      return proving::Verdict{.reason = "state"};
    }
    next += claim->range.steps;
  }
  const std::uint64_t in_trace = (execution->cycles + vm::kCyclesPerStep - 1) / vm::kCyclesPerStep;
  if (next != (question.steps ? question.first_step + *question.steps : in_trace)) {
    return proving::Verdict{.reason = "wrong-range"};
  }
  return proving::Verdict{.accepted = true,
                          .reason = "accepted",
                          .complete = question.first_step == 0,
                          .first_step = question.first_step,
                          .steps = next - question.first_step,
                          .cycles = std::min(execution->cycles, next * vm::kCyclesPerStep),
                          .halted = next == in_trace};
}

}  // namespace magnetar::testing
