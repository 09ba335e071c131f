#include "host/wire/messages.h"

#include <fmt/format.h>

#include <cstdint>
#include <span>
#include <utility>

#include "orchestrator.pb.h"

namespace magnetar::wire {
namespace {

namespace pb = nexus::orchestrator;
using store::Code;
using store::Status;

std::shared_ptr<const store::Bytes> to_bytes(const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  return std::make_shared<const store::Bytes>(bytes.begin(), bytes.end());
}

tl::unexpected<Status> invalid(std::string message) {
  return tl::unexpected(Status{Code::kInvalidArgument, std::move(message)});
}

store::Expected<void> check(const pb::ProofRequest& message) {
  if (message.program().program_case() != pb::CompiledProgram::kRv32IElfBytes) {
    return invalid("no program: program.rv32i_elf_bytes is to hold an RV32I ELF executable");
  }
  if (message.step_to_start() < 0) {
    return invalid(fmt::format("step_to_start is {}; steps are counted from 0", message.step_to_start()));
  }
  if (message.steps_to_prove() < 0) {
    return invalid(fmt::format("steps_to_prove is {}; it must not be negative", message.steps_to_prove()));
  }
  return {};
}

scheduler::Registration registration(const pb::ProverRequestRegistration& message) {
  scheduler::Registration registration{.prover = message.prover_id()};
  switch (message.prover_type()) {
    case pb::PROVER_TYPE_VOLUNTEER:
      registration.type = store::ProverType::kVolunteer;
      break;
    case pb::PROVER_TYPE_CI:
      registration.type = store::ProverType::kCi;
      break;
    default:
      registration.type = store::ProverType::kUnspecified;
  }
  if (message.has_estimated_proof_cycles_hertz()) registration.hertz = message.estimated_proof_cycles_hertz();
  return registration;
}

store::Expected<ProverMessage> progress(const pb::Progress& message) {
  if (message.steps_in_trace() < 0 || message.steps_to_prove() < 0 || message.steps_proven() < 0) {
    return invalid(fmt::format("progress of {} of {} steps in a trace of {}: none of them can be negative",
                               message.steps_proven(), message.steps_to_prove(), message.steps_in_trace()));
  }
  return scheduler::Progress{.fraction = static_cast<double>(message.completed_fraction()),
                             .steps_in_trace = static_cast<std::uint64_t>(message.steps_in_trace()),
                             .steps_to_prove = static_cast<std::uint64_t>(message.steps_to_prove()),
                             .steps_proven = static_cast<std::uint64_t>(message.steps_proven())};
}

}  // namespace

store::Expected<dispatch::ProofRequest> proof_request(const pb::ProofRequest& message) {
  if (auto checked = check(message); !checked) return tl::unexpected(std::move(checked.error()));
  dispatch::ProofRequest request{.elf = to_bytes(message.program().rv32i_elf_bytes()),
                                 .input = to_bytes(message.input().raw_bytes()),
                                 .first_step = static_cast<std::uint64_t>(message.step_to_start()),
                                 .requester = {}};
  if (message.has_steps_to_prove()) request.steps = static_cast<std::uint64_t>(message.steps_to_prove());
  return request;
}

store::Expected<std::string> source(const pb::CompileRequest& message, std::size_t max_bytes) {
  if (message.source().source_case() != pb::ProgramSource::kRustSingleFile) {
    return invalid("no source: source.rust_single_file is to hold one file of Rust");
  }
  const std::string& text = message.source().rust_single_file();
  if (text.size() > max_bytes) {
    return tl::unexpected(Status{Code::kResourceExhausted,
                                 fmt::format("the source has {} bytes; the limit is {}", text.size(), max_bytes)});
  }
  return text;
}

store::Expected<ProverMessage> prover_message(const pb::ProverRequest& message) {
  switch (message.contents_case()) {
    case pb::ProverRequest::kRegistration:
      return registration(message.registration());
    case pb::ProverRequest::kHeartbeat:
      return Heartbeat{};
    case pb::ProverRequest::kProgress:
      return progress(message.progress());
    case pb::ProverRequest::kProof:
      return Proof{to_bytes(message.proof().nova_bytes())};
    case pb::ProverRequest::CONTENTS_NOT_SET:
      break;
  }
  return invalid("a message without contents");
}

store::Expected<worker::Work> work(pb::ProverResponse& message) {
  pb::ProofRequest& request = *message.mutable_to_prove();
  if (auto checked = check(request); !checked) return tl::unexpected(std::move(checked.error()));
  worker::Work work;
  work.elf = std::move(*request.mutable_program()->mutable_rv32i_elf_bytes());
  work.input = std::move(*request.mutable_input()->mutable_raw_bytes());
  work.first_step = static_cast<std::uint64_t>(request.step_to_start());
  if (request.has_steps_to_prove()) work.steps = static_cast<std::uint64_t>(request.steps_to_prove());
  return work;
}

}  // namespace magnetar::wire
