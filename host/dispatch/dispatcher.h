#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/dispatch/duration_histogram.h"
#include "host/dispatch/proof_engine.h"
#include "host/scheduler/scheduler.h"
#include "host/store/store.h"

namespace magnetar::dispatch {

using scheduler::SessionId;
using store::Duration;
using store::JobId;
using store::SegmentId;
using store::Time;

/// A clock that starts at the system's time and never jumps. Thread-safe.
std::function<Time()> steady_wall_clock();

struct Options {
  scheduler::Policy policy;
  store::QueueLimits queue;
  std::size_t max_elf_bytes = std::size_t{64} << 20;
  std::size_t max_input_bytes = std::size_t{64} << 20;
  std::size_t max_requests = 4096;  ///< that wait for their reply
  /// Of ELF files and inputs of requests that are not yet stored, and of proofs that are not yet verified.
  std::size_t max_pending_bytes = std::size_t{1} << 30;
  /// A bundle of at least so many segments as the range needs, at segment_proof_bytes each, must not be longer.
  std::uint64_t max_bundle_bytes = std::uint64_t{512} << 20;
  std::uint64_t segment_proof_bytes = std::uint64_t{10} << 20;
  /// Of ELF files and inputs that are kept for the next prover of the same job.
  std::size_t material_cache_bytes = std::size_t{256} << 20;
  Duration result_ttl = std::chrono::hours(24);
  Duration max_job_age = std::chrono::hours(24);  ///< a job that is not done by then fails with DEADLINE_EXCEEDED
  Duration quarantine = std::chrono::hours(24);
  Duration forget_provers = std::chrono::hours(24 * 30);
  Duration blob_grace = std::chrono::hours(1);
  Duration collect_interval = std::chrono::minutes(5);
  /// An orchestrator that did not announce itself for so long is taken for dead; it does so three times in this time.
  Duration orchestrator_timeout = std::chrono::seconds(30);
  Duration tick = std::chrono::milliseconds(500);  ///< between two decisions when nothing happens
  unsigned workers = 1;                            ///< threads that execute, verify and assemble
  std::function<Time()> clock = steady_wall_clock();
  /// By what the store knows this orchestrator; otherwise a new id. Whoever had it before is dead: its provers and its
  /// jobs need not wait until the store notices.
  std::optional<store::OrchestratorId> self{};
};

/// What a requester asks for.
struct ProofRequest {
  std::shared_ptr<const Bytes> elf;
  std::shared_ptr<const Bytes> input;
  std::uint64_t first_step = 0;
  std::optional<std::uint64_t> steps{};  ///< none: to the end; 0: no proof
  std::string requester;                 ///< who is asking, for fairness and limits: a token's name, an address
};

struct ProofReply {
  std::shared_ptr<const Bytes> proof;  ///< an encoded bundle; null where 0 steps were asked for
  JobId job{};                         ///< 0 where 0 steps were asked for
};

/// Counted from 1 in the life of a dispatcher.
enum class RequestId : std::uint64_t {};

/// What a prover is to prove. All its bytes are shared with other provers of the same job.
struct Work {
  JobId job{};
  SegmentId segment{};
  std::shared_ptr<const Bytes> elf;
  std::shared_ptr<const Bytes> input;
  store::SegmentRange range;
};

/// The orchestrator's end of a prover's stream. Called from any thread, one call at a time for each stream; must not
/// wait, nor call the dispatcher. After close() nothing is called any more.
class ProverStream {
 public:
  virtual ~ProverStream() = default;
  virtual void send(const Work& work) = 0;
  virtual void close(const Status& status) = 0;
};

/// What happened, for logs. `prover`, `job` and `segment` where there is one.
struct Event {
  enum class Severity : std::uint8_t { kInfo, kWarning, kError };
  Severity severity = Severity::kInfo;
  std::string message;
  std::string prover{};
  std::optional<JobId> job{};
  std::optional<SegmentId> segment{};
};

/// Counts since the start.
struct Counters {
  std::uint64_t requests = 0;
  std::uint64_t requests_shared = 0;   ///< that found a job
  std::uint64_t requests_refused = 0;  ///< before there was a job
  std::uint64_t jobs_done = 0;
  std::uint64_t jobs_failed = 0;
  std::uint64_t heartbeats = 0;
  std::uint64_t progress_messages = 0;
  std::uint64_t assignments = 0;
  std::uint64_t straggler_assignments = 0;
  std::uint64_t provers_lost = 0;  ///< silent or closed with work in hand
  std::uint64_t proofs_accepted = 0;
  std::uint64_t proofs_refused = 0;
  std::uint64_t proofs_superseded = 0;
  std::uint64_t steps_verified = 0;
  std::uint64_t store_errors = 0;
  std::uint64_t verifications_failed = 0;  ///< without a verdict on the proof
  std::uint64_t request_bytes = 0;         ///< of programs and inputs
  std::uint64_t proof_bytes = 0;           ///< of accepted segment proofs
  std::uint64_t reply_bytes = 0;           ///< of proofs in replies
  DurationHistogram jobs_done_after;       ///< they were accepted
  DurationHistogram executions;
  DurationHistogram verifications;
  DurationHistogram acceptances;  ///< from a proof's arrival until it is stored, its verification left out
};

struct Snapshot {
  Counters counters;
  std::vector<scheduler::JobView> jobs;
  std::vector<scheduler::ProverView> provers;
  scheduler::SegmentCounts segments;
  std::size_t waiting_requests = 0;
  std::size_t pending_tasks = 0;  ///< executions, verifications and assemblies that wait for a thread
  std::size_t pending_bytes = 0;
  bool draining = false;
  store::OrchestratorId orchestrator;
};

/// The orchestrator without its network: takes requests and provers, lets a Scheduler decide, keeps what must not be
/// lost in a Store, and has everything that takes time done by threads of its own. No call waits for the store, the
/// engine or a prover unless it says so. Thread-safe.
///
/// Proofs are verified before they count. One that is invalid puts the sender in quarantine; one of what its sender was
/// never given is of no use; one that could not be verified for another reason is tried again by
/// another prover.
class Dispatcher {
 public:
  using Reply = std::function<void(Expected<ProofReply>)>;

  /// Takes up the jobs that the store has. The store, the engine and the log outlive the dispatcher. `log` is called
  /// from any thread, and must not call the dispatcher.
  static store::Result<std::unique_ptr<Dispatcher>> start(store::Store& store, ProofEngine& engine, Options options,
                                                          std::function<void(const Event&)> log);

  /// Stops all threads, retires from the store, answers the waiting requests with UNAVAILABLE and closes the provers'
  /// streams so. What was accepted stays in the store.
  ~Dispatcher();
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  /// `reply` is called once, from another thread or from within the call, unless cancel() comes first:
  ///   INVALID_ARGUMENT      no RV32I executable; a range that is not in its execution
  ///   FAILED_PRECONDITION   the program faults
  ///   RESOURCE_EXHAUSTED    too large, too many jobs, a bundle too long; with the figures
  ///   DEADLINE_EXCEEDED     the job was not done within Options::max_job_age
  ///   UNAVAILABLE           draining, or the store cannot be reached; to be asked again
  ///   INTERNAL              a bug or damaged data
  /// It must not wait, nor call the dispatcher. Once the request is in the store its job is proved even if the
  /// requester goes away or the process dies; asking for the same again finds it.
  RequestId request(ProofRequest request, Reply reply);
  /// The requester went away: its callback is no longer called, except by a call that is already under way.
  void cancel(RequestId request);

  /// A prover's stream, after its registration. INVALID_ARGUMENT, ALREADY_EXISTS, RESOURCE_EXHAUSTED, UNAVAILABLE
  /// (draining). `stream` may be closed soon after with what the store says: PERMISSION_DENIED, ALREADY_EXISTS.
  Expected<SessionId> connect(const scheduler::Registration& registration, std::shared_ptr<ProverStream> stream);
  void heartbeat(SessionId session);
  void progress(SessionId session, const scheduler::Progress& progress);
  /// Takes a proof. `taken` is called once, from any thread, unless the dispatcher ends before, when the next message
  /// of the stream may be read: the proof's segment is known or the session has ended.
  void proof(SessionId session, std::shared_ptr<const Bytes> bytes, std::function<void()> taken);
  /// The stream ended from the prover's side.
  void disconnect(SessionId session);

  /// Takes no more requests nor provers and gives out no more work. Provers finish what they have.
  void drain();
  /// Waits until a draining dispatcher has no prover at work and nothing to verify, or for `at_most`. Whether it has.
  bool wait_drained(Duration at_most);

  bool draining() const;
  Snapshot snapshot() const;

 private:
  class Core;
  explicit Dispatcher(std::unique_ptr<Core> core);

  std::unique_ptr<Core> core_;
};

}  // namespace magnetar::dispatch
