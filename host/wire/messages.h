#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <variant>

#include "host/dispatch/dispatcher.h"
#include "host/worker/work.h"

namespace nexus::orchestrator {
class CompileRequest;
class ProofRequest;
class ProverRequest;
class ProverResponse;
}  // namespace nexus::orchestrator

/// What peers sent, checked as far as the message alone tells, in the terms of those who take it. Free of gRPC.
namespace magnetar::wire {

/// INVALID_ARGUMENT: no program, or steps below 0. The requester is left empty.
store::Expected<dispatch::ProofRequest> proof_request(const nexus::orchestrator::ProofRequest& message);

/// The source of one Rust file. INVALID_ARGUMENT: there is none; RESOURCE_EXHAUSTED: it is longer than `max_bytes`.
store::Expected<std::string> source(const nexus::orchestrator::CompileRequest& message, std::size_t max_bytes);

struct Heartbeat {};
struct Proof {
  std::shared_ptr<const store::Bytes> bytes;
};
using ProverMessage = std::variant<scheduler::Registration, Heartbeat, scheduler::Progress, Proof>;

/// INVALID_ARGUMENT: no contents, or steps below 0.
store::Expected<ProverMessage> prover_message(const nexus::orchestrator::ProverRequest& message);

/// What an orchestrator gives a prover; takes the program and its input out of the message. INVALID_ARGUMENT: no
/// program, or steps below 0.
store::Expected<worker::Work> work(nexus::orchestrator::ProverResponse& message);

}  // namespace magnetar::wire
