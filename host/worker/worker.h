#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

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

/// A prover's life: connects and registers, proves what it is given, tells how far it is, and connects again whenever
/// the stream ends. Proving goes on while there is no connection. A proof is kept in the state folder, and sent after
/// each registration, until it has surely arrived. Given other work while it
/// proves, it saves what it has and turns to the new.
class Worker {
 public:
  /// Told, by the thread of run(), whether there is a connection: whenever that changes, and at least every heartbeat.
  using Report = std::function<void(bool connected)>;

  /// All references must outlive the worker. `registration.prover_id` is the state folder's.
  Worker(Registration registration, const Timing& timing, Transport& transport, Prover& prover, StateFolder& state,
         const log::Log& log, Report report = {});
  ~Worker();

  /// Serves until stop(). Then saves the proof on its way, ends the stream, and returns.
  void run();

  /// From any thread, once or more.
  void stop();

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace magnetar::worker
