#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "host/log/log.h"
#include "host/worker/backoff.h"
#include "host/worker/state_folder.h"
#include "host/worker/transport.h"
#include "host/worker/work.h"

namespace magnetar::worker {

struct Timing {
  std::chrono::milliseconds heartbeat{10'000};
  std::chrono::milliseconds progress{2'500};
  /// A written proof on a stream that then lived for so long has arrived: keepalive would have ended a dead one.
  std::chrono::milliseconds confirmation{60'000};
  /// A stream that lived for so long makes the next reconnection start from the first backoff again.
  std::chrono::milliseconds settled{10'000};
  /// How long the orchestrator has to answer the end of the stream when the worker stops.
  std::chrono::milliseconds farewell{5'000};
  Backoff::Limits backoff{};
};

/// What a worker does now, and what it did since its start.
struct Snapshot {
  std::string prover;
  std::string device;
  bool connected = false;
  bool proving = false;
  std::optional<Progress> progress{};  ///< of what is being proved, once it is known
  std::size_t unsent_proofs = 0;       ///< that no orchestrator has confirmed
  std::uint64_t connections = 0;       ///< streams whose registration was written
  std::uint64_t proofs = 0;
  std::uint64_t proofs_sent = 0;      ///< written to a stream; one twice if it had to be
  std::uint64_t failures = 0;         ///< work that could not be proved
  std::uint64_t device_failures = 0;  ///< after which the CPU went on
  std::uint64_t steps = 0;            ///< in proofs
  double proving_seconds = 0;         ///< on proofs
  double steps_per_second = 0;        ///< of the last proof
  /// When the worker last looked at what is to be done, which it does at each heartbeat or sooner.
  std::chrono::steady_clock::time_point turned_at{};
};

/// A prover's life: connects and registers, proves what it is given, tells how far it is, and connects again whenever
/// the stream ends. Proving goes on while there is no connection. A proof is kept in the state folder, and sent after
/// each registration, until it has surely arrived. Given other work while it
/// proves, it saves what it has and turns to the new.
class Worker {
 public:
  /// All references must outlive the worker. `registration.prover_id` is the state folder's.
  Worker(Registration registration, const Timing& timing, Transport& transport, Prover& prover, StateFolder& state,
         const log::Log& log);
  ~Worker();

  /// Serves until stop(). Then saves the proof on its way, ends the stream, and returns.
  void run();

  /// From any thread, once or more.
  void stop();

  /// From any thread.
  Snapshot snapshot() const;

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace magnetar::worker
