#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <variant>

#include "host/worker/work.h"

namespace magnetar::worker {

enum class ProverType : std::uint8_t { kVolunteer, kCi };

struct Registration {
  ProverType type = ProverType::kVolunteer;
  std::string prover_id;
  double cycles_per_second = 0;  ///< 0: no estimate
};

struct Heartbeat {};

/// A finished proof, by its work's key.
struct FinishedProof {
  std::string key;
  std::string bytes;
};

using Message = std::variant<Heartbeat, Progress, FinishedProof>;

/// Why a stream ended.
struct Closed {
  bool in_order = false;  ///< the orchestrator ended it with OK
  std::string reason;     ///< a sentence
  bool refused = false;   ///< the orchestrator ended it with PERMISSION_DENIED: it takes nothing from this prover
};

/// One AddProver stream at a time to an orchestrator. The events come from any thread; none comes after `closed`.
class Transport {
 public:
  struct Events {
    std::function<void()> connected;               ///< the registration was written
    std::function<void(Work)> assigned;            ///< something to prove
    std::function<void(std::string key)> written;  ///< a proof left this process
    std::function<void(Closed)> closed;            ///< or never opened
  };

  virtual ~Transport() = default;

  /// Opens a stream, and registers. Only when there is none.
  virtual void open(const Registration& registration, Events events) = 0;

  /// Queues a message; nothing happens when the stream is closed. Of several heartbeats or progress reports that wait,
  /// the last one goes.
  virtual void send(Message message) = 0;

  /// Tells the orchestrator that nothing more will come; `closed` follows when it has answered.
  virtual void finish() = 0;

  /// Ends the stream at once; `closed` follows.
  virtual void abort() = 0;
};

}  // namespace magnetar::worker
