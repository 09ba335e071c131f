#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/store/blobs.h"
#include "host/store/status.h"

namespace magnetar::store {

enum class JobId : std::int64_t {};
enum class SegmentId : std::int64_t {};

/// A process that serves requesters and provers; another one after each start.
using OrchestratorId = std::string;
/// 128 random bits in hexadecimal.
OrchestratorId new_orchestrator_id();

/// What is to be proved: the key by which equal requests share a job.
struct JobKey {
  Digest program{};                      ///< SHA-256 of the ELF file, which is a blob
  Digest input{};                        ///< SHA-256 of the input, which is a blob
  std::uint64_t first_step = 0;          ///< in protocol steps, as all steps here
  std::optional<std::uint64_t> steps{};  ///< none: to the end of the execution

  friend auto operator<=>(const JobKey&, const JobKey&) = default;
};

enum class JobState : std::uint8_t {
  kAccepted = 0,    ///< to be executed by its owner, for the number of its steps
  kReady = 1,       ///< executed, to be split
  kProving = 2,     ///< split into segments
  kAssembling = 3,  ///< every segment is verified; its owner makes the bundle
  kDone = 4,
  kFailed = 5,
};
/// "accepted" and so on.
std::string_view name(JobState state);

/// That a prover was given a segment and has neither lost nor finished it, as far as its orchestrator has said.
struct LeaseRecord {
  std::string prover;
  OrchestratorId orchestrator;
  Time granted_at;
};

/// A contiguous range of protocol steps that is proved as one proof.
struct SegmentRange {
  std::uint64_t first_step = 0;
  std::uint64_t steps = 0;

  friend bool operator==(const SegmentRange&, const SegmentRange&) = default;
};

struct SegmentRecord {
  SegmentId id{};
  JobId job{};
  std::uint32_t position = 0;  ///< among the job's segments, from 0
  SegmentRange range;
  bool verified = false;
  std::optional<Digest> proof{};      ///< of a verified one until its job is done: a blob
  std::string prover{};               ///< whose proof it is
  std::vector<LeaseRecord> leases{};  ///< those not released, of orchestrators living or dead
};

struct JobRecord {
  JobId id{};
  JobKey key;
  std::string requester;
  JobState state = JobState::kAccepted;
  OrchestratorId owner;              ///< who executes or assembles it
  std::uint64_t steps_in_trace = 0;  ///< of the whole execution; from kReady on
  std::uint64_t steps = 0;           ///< to be proved; from kReady on
  Time created_at{};
  std::optional<Digest> result{};         ///< of kDone: the bundle's blob
  std::optional<Status> failure{};        ///< of kFailed
  std::optional<Time> expires_at{};       ///< of kDone and kFailed
  std::vector<SegmentRecord> segments{};  ///< by position; from kProving on
};

enum class ProverType : std::uint8_t { kUnspecified = 0, kVolunteer = 1, kCi = 2 };

struct ProverRecord {
  std::string id;
  ProverType type = ProverType::kUnspecified;
  double claimed_hertz = 0;       ///< as registered, cycles a second; 0: none
  double observed_hertz = 0;      ///< a moving average over its verified segments; 0: none yet
  OrchestratorId orchestrator{};  ///< where it is connected; empty: nowhere
  Time seen_at{};                 ///< when it last connected
  std::uint64_t proofs_accepted = 0;
  std::uint64_t proofs_refused = 0;
  std::optional<Time> quarantined_until{};
  std::string quarantine_reason{};
};

/// Bounds on jobs that are neither done nor failed.
struct QueueLimits {
  std::size_t jobs = 1024;
  std::size_t jobs_per_requester = 256;
};

/// Which orchestrators count as living: those that announced themselves at `alive_since` or later.
struct Caller {
  OrchestratorId id;
  Time now;
  Time alive_since;
};

/// Jobs, segments, leases, provers and results, shared by all orchestrators that opened the same one.
///
/// Every call is one transaction: when it has returned a value, its effect survives a crash of the process and of the
/// machine; when it has returned an error or the process died in it, it had its whole effect or none. A crash of the
/// machine may undo the last calls of connect_prover() and disconnect_prover(), for which nobody waits for a disk: the
/// orchestrators that they speak of are gone with it. For use by several threads, which it serves one after another.
class Store {
 public:
  virtual ~Store() = default;

  virtual Blobs& blobs() = 0;

  // --- Orchestrators

  /// Says that the caller is alive, and makes it known at the first call.
  virtual Result<void> announce(const Caller& caller) = 0;
  /// The orchestrators that are alive, the caller among them.
  virtual Result<std::vector<OrchestratorId>> living(const Caller& caller) = 0;
  /// Releases the caller's leases, disconnects its provers, and forgets it.
  virtual Result<void> retire(const Caller& caller) = 0;

  // --- Jobs

  struct Submission {
    JobRecord job;
    bool created;  ///< false: there was a job with this key already, done ones included
  };
  /// The job with this key that has not failed, or a new one in kAccepted owned by the caller. Its blobs must have been
  /// put before. The inner error is RESOURCE_EXHAUSTED, with the figures, where a new job would pass a limit.
  virtual Result<Expected<Submission>> submit(const JobKey& key, const std::string& requester,
                                              const QueueLimits& limits, const Caller& caller) = 0;

  /// Makes the caller the owner of a job in kAccepted or kAssembling whose owner is no longer alive. False: it is not
  /// so, or another orchestrator was first.
  virtual Result<bool> adopt(JobId job, const Caller& caller) = 0;

  /// kAccepted -> kReady, by the owner. False: not in this state or not the owner.
  virtual Result<bool> set_ready(JobId job, std::uint64_t steps_in_trace, std::uint64_t steps,
                                 const Caller& caller) = 0;

  /// kReady -> kProving, with these segments in this order. False: the job is not in kReady, or another orchestrator is
  /// just splitting it.
  virtual Result<bool> split(JobId job, std::span<const SegmentRange> segments, const Caller& caller) = 0;

  /// kAssembling -> kDone, by the owner, with the bundle's blob. The segments' proofs are no longer referred to; that
  /// they were leased and verified is still known until the job expires. False: not in this state or not the owner.
  virtual Result<bool> finish(JobId job, const Digest& result, Time expires_at, const Caller& caller) = 0;

  /// Any state but kDone and kFailed -> kFailed. False: too late.
  virtual Result<bool> fail(JobId job, const Status& failure, Time expires_at, const Caller& caller) = 0;

  /// With segments and leases. None: there is none, or no longer.
  virtual Result<std::optional<JobRecord>> job(JobId job) = 0;
  /// All that are neither done nor failed, by increasing id.
  virtual Result<std::vector<JobRecord>> open_jobs() = 0;

  // --- Segments and leases

  enum class LeaseOutcome : std::uint8_t {
    kGranted,
    kTaken,  ///< as many others as allowed hold it, or another orchestrator is just taking it
    kVerified,
    kGone,  ///< with its job
  };
  /// Gives a segment to a prover, unless `max_leases` living leases of other provers are on it. Is remembered after the
  /// lease ends, as long as the segment: leased_segment().
  virtual Result<LeaseOutcome> lease(SegmentId segment, const std::string& prover, std::size_t max_leases,
                                     const Caller& caller) = 0;

  /// Ends a lease of the caller's without a proof. None: nothing happens.
  virtual Result<void> release(SegmentId segment, const std::string& prover, const Caller& caller) = 0;

  /// A segment of this program, input and range that the prover was ever given, without its leases; the latest, but one
  /// that is not verified before all that are.
  virtual Result<std::optional<SegmentRecord>> leased_segment(const std::string& prover, const Digest& program,
                                                              const Digest& input, const SegmentRange& range) = 0;

  enum class ProofOutcome : std::uint8_t {
    kAccepted,
    kAcceptedLast,  ///< the job is now in kAssembling, owned by the caller
    kSuperseded,    ///< the segment is verified already, or gone with its job
  };
  /// Makes a segment verified by this proof, a blob that was put before; ends the lease, counts the proof for the
  /// prover, and keeps `observed_hertz` (0: as it was).
  virtual Result<ProofOutcome> accept_proof(SegmentId segment, const std::string& prover, const Digest& proof,
                                            double observed_hertz, const Caller& caller) = 0;

  // --- Provers

  /// Makes a prover known as connected to the caller. ALREADY_EXISTS if it is connected to another living
  /// orchestrator; PERMISSION_DENIED, with reason and end, while it is in quarantine.
  virtual Result<Expected<ProverRecord>> connect_prover(const std::string& prover, ProverType type,
                                                        double claimed_hertz, const Caller& caller) = 0;
  /// Notes that a prover is no longer connected to the caller. It keeps its leases until they are released.
  virtual Result<void> disconnect_prover(const std::string& prover, const Caller& caller) = 0;
  /// Puts a prover in quarantine, counts a refused proof for it, and releases its leases.
  virtual Result<void> quarantine(const std::string& prover, Time until, const std::string& reason,
                                  const Caller& caller) = 0;
  virtual Result<std::optional<ProverRecord>> prover(const std::string& prover) = 0;
  /// Speeds in cycles a second, observed or else claimed or else 0, of the provers of other living orchestrators that
  /// hold no lease.
  virtual Result<std::vector<double>> idle_elsewhere(const Caller& caller) = 0;

  // --- Housekeeping

  struct Collected {
    std::size_t jobs = 0;
    std::size_t provers = 0;
    std::size_t blobs = 0;
  };
  /// Removes jobs that have expired, orchestrators that are no longer alive, provers that neither connected for
  /// `forget_provers` nor are in quarantine, and blobs that nothing refers to and nobody put for `blob_grace`.
  virtual Result<Collected> collect_garbage(Duration forget_provers, Duration blob_grace, const Caller& caller) = 0;

  /// From now on calls `changed` from a thread of its own when another orchestrator changed a job, with that job, and
  /// with none when changes may have been missed. Never called where no other orchestrator can be. Replaces what was
  /// given before; once it returned, that is no longer called. The callback must not call the store.
  virtual void watch(std::function<void(std::optional<JobId>)> changed) = 0;

  /// Whether other orchestrators may have opened the same store.
  virtual bool shared() const = 0;
};

/// Opens, and makes or brings to the present schema, the store at an address:
///   `sqlite:FILE`: one orchestrator at a time;
///   `postgres://...` or `postgresql://...`, as libpq takes them.
/// Blobs are files in `blob_folder` or, where that is empty, rows of the database.
Result<std::unique_ptr<Store>> open_store(const std::string& address, const std::filesystem::path& blob_folder);

}  // namespace magnetar::store
