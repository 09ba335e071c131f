#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "host/scheduler/split.h"
#include "host/store/store.h"

namespace magnetar::scheduler {

using store::Duration;
using store::JobId;
using store::SegmentId;
using store::Time;

/// A prover's connection, counted from 1 in the life of a scheduler.
enum class SessionId : std::uint64_t {};

struct Policy {
  Duration heartbeat_interval = std::chrono::seconds(10);
  /// A prover silent for so many intervals has disappeared.
  unsigned missed_heartbeats = 3;
  /// A second connection of a prover replaces one that has been silent for so long, instead of being refused.
  Duration stale_connection = std::chrono::seconds(15);
  /// How long the segment of a prover that has disappeared waits for it before it goes to another one.
  Duration reconnect_grace = std::chrono::seconds(5);
  /// A segment is given to a second prover when it takes straggler_factor times its estimate, and straggler_grace
  /// more, and the second one is expected to be done before the first.
  double straggler_factor = 2;
  Duration straggler_grace = std::chrono::seconds(30);
  /// When there are idle provers for every waiting job, a job waits for more of them to come: this part of the time it
  /// is expected to take, at most max_gathering, from when it was ready and there was a first idle one.
  double gathering = 0.05;
  Duration max_gathering = std::chrono::seconds(10);
  /// Provers of type CI get jobs whose execution has at most so many steps.
  std::uint64_t ci_max_steps = 1024;
  /// What a prover without estimate and verified proofs is taken to prove, in cycles a second.
  double default_hertz = 10'000;
  SegmentBounds bounds;
  std::size_t max_provers = 4096;  ///< connected
};

/// What a prover says of itself when it connects.
struct Registration {
  std::string prover;  ///< 1 to 128 bytes of printable ASCII
  store::ProverType type = store::ProverType::kUnspecified;
  std::optional<double> hertz{};  ///< cycles it expects to prove in a second
};

/// What a prover says of its work.
struct Progress {
  double fraction = 0;
  std::uint64_t steps_in_trace = 0;
  std::uint64_t steps_to_prove = 0;
  std::uint64_t steps_proven = 0;
};

struct Assignment {
  SessionId session{};
  std::string prover;
  SegmentId segment{};
  JobId job{};
  store::SegmentRange range;
  bool straggler = false;  ///< another prover has it too
};

/// What is to be done now, in this order.
struct Decisions {
  struct Lost {
    SessionId session{};
    std::string prover;
  };
  std::vector<Lost> lost;  ///< sessions that ended for silence; disconnect() was done

  struct Release {
    SegmentId segment{};
    std::string prover;
  };
  std::vector<Release> releases;  ///< leases to end in the store: their provers did not come back in time

  struct Split {
    JobId job{};
    std::vector<store::SegmentRange> segments;
  };
  std::vector<Split> splits;  ///< then update() with what the store has of the job, and decide() again

  /// Leases to take in the store. Each prover is held for its assignment until granted() or refused().
  std::vector<Assignment> assignments;

  bool empty() const { return lost.empty() && releases.empty() && splits.empty() && assignments.empty(); }
};

struct JobProgress {
  store::JobState state = store::JobState::kAccepted;
  double fraction = 0;  ///< from 0 to 1, what provers say counted as it is said
  std::uint64_t steps = 0;
  std::uint64_t steps_verified = 0;
  std::size_t segments = 0;
  std::size_t segments_verified = 0;
  std::size_t provers = 0;  ///< at work on it here
};

struct JobView {
  JobId id{};
  std::string requester;
  Time created_at{};
  JobProgress progress;
};

/// The segments of open jobs.
struct SegmentCounts {
  std::size_t pending = 0;  ///< to be given out
  std::size_t proving = 0;
  std::size_t verifying = 0;  ///< here
  std::size_t verified = 0;
};

struct ProverView {
  SessionId session{};
  std::string prover;
  store::ProverType type = store::ProverType::kUnspecified;
  double hertz = 0;  ///< what it is taken to prove
  std::optional<SegmentId> segment{};
  std::optional<JobId> job{};
  double fraction = 0;  ///< of its segment
  Time connected_at{};
  Time heard_at{};
};

/// Decides which connected prover works on what. Holds what the store has of the open jobs and what this orchestrator
/// alone knows: connections, progress, speeds. Does nothing by itself, reads no clock, and knows no threads: events go
/// in with their time, which must not decrease, and decide() says what to do. Until the store has agreed nothing of it
/// counts: it may know of leases of other orchestrators on the same segments.
///
/// Requesters share the provers by start-time fair queuing over steps, each one's jobs in the order of their creation.
class Scheduler {
 public:
  Scheduler(const Policy& policy, store::OrchestratorId self);

  // --- Provers

  struct Connected {
    SessionId session{};
    std::optional<SessionId> replaced{};  ///< a stale connection of the same prover, which is now ended
  };
  /// INVALID_ARGUMENT, ALREADY_EXISTS, RESOURCE_EXHAUSTED. The prover gets work after admit().
  store::Expected<Connected> connect(const Registration& registration, Time now);
  /// The store knows the prover as connected here; `observed_hertz` is what it has of its speed, or 0.
  void admit(SessionId session, double observed_hertz, Time now);
  /// The connection ended; its segment waits for the prover for reconnect_grace. Unknown sessions are ignored, here and
  /// below.
  void disconnect(SessionId session, Time now);
  /// Ends the session of a prover whose leases the store has released; its segment goes to others at once.
  void expel(SessionId session);
  /// The prover is alive. Constant time.
  void heartbeat(SessionId session, Time now);
  /// The prover is alive and says so much of its segment. INVALID_ARGUMENT: no progress can be that. Constant time.
  store::Expected<void> progress(SessionId session, const Progress& progress, Time now);

  // --- Leases

  /// The store gave the segment. False: the session has ended since then; the lease is to be released.
  bool granted(const Assignment& assignment, Time now);
  /// The store did not, or could not be asked.
  void refused(const Assignment& assignment);
  /// The prover has sent a proof of the segment, which is being verified: if the segment is its work, it is idle again.
  /// Nobody else is given the segment until verified() or rejected(). Returns the speed to keep for the prover if the
  /// proof is valid, in cycles a second; 0 if nothing was learnt of it.
  double submitted(SessionId session, SegmentId segment, Time now);
  /// The proof is valid, and the store has it and the speed.
  void verified(SessionId session, SegmentId segment, double hertz);
  /// The prover's proof could not be accepted: its lease ends, and others may have the segment.
  void rejected(SegmentId segment, const std::string& prover);

  // --- Jobs

  /// What the store has of a job: takes it in, or brings up to date what is known. Jobs done or failed are dropped.
  void update(const store::JobRecord& job, Time now);
  /// The store no longer has it.
  void remove(JobId job);
  /// The orchestrators whose leases count.
  void set_living(std::span<const store::OrchestratorId> living);
  /// Speeds of the idle provers of other orchestrators, 0 for unknown: jobs are split for them as well.
  void set_idle_elsewhere(std::span<const double> hertz);

  // --- Decisions

  Decisions decide(Time now);
  /// From now on decide() gives out no work.
  void drain();
  bool draining() const { return draining_; }

  // --- Views

  std::optional<JobProgress> job_progress(JobId job) const;
  std::vector<JobView> jobs() const;
  std::vector<ProverView> provers() const;
  SegmentCounts segment_counts(Time now) const;
  std::size_t open_jobs() const { return jobs_.size(); }
  std::size_t connected() const { return sessions_.size(); }
  std::size_t idle() const;
  /// The segment that a session is working on.
  std::optional<SegmentId> work_of(SessionId session) const;
  const Policy& policy() const { return policy_; }

 private:
  struct Work {
    SegmentId segment{};
    JobId job{};
    bool granted = false;
    double fraction = 0;
  };
  struct Session {
    std::string prover;
    store::ProverType type = store::ProverType::kUnspecified;
    double claimed_hertz = 0;
    double observed_hertz = 0;
    bool admitted = false;
    Time connected_at{};
    Time heard_at{};
    std::optional<Work> work{};
  };
  struct Lease {
    std::string prover;
    store::OrchestratorId orchestrator;
    Time granted_at{};
    std::optional<SessionId> session{};  // of a prover connected here
    std::optional<Time> orphaned_at{};   // when its prover or its orchestrator disappeared
    std::optional<Time> submitted_at{};
  };
  struct Segment {
    JobId job{};
    store::SegmentRange range;
    bool verified = false;
    unsigned verifying = 0;
    std::vector<Lease> leases{};
  };
  struct Job {
    std::string requester;
    store::JobState state = store::JobState::kAccepted;
    std::uint64_t steps_in_trace = 0;
    std::uint64_t steps = 0;
    std::uint64_t first_step = 0;
    Time created_at{};
    Time ready_at{};
    std::vector<SegmentId> segments{};
  };
  struct Requester {
    double served = 0;  // virtual time, in steps
    std::set<JobId> jobs{};
  };
  class Assigner;

  double hertz(const Session& session) const;
  bool is_idle(const Session& session) const { return session.admitted && !session.work; }
  /// Whether a lease keeps others from its segment.
  bool holds(const Lease& lease, Time now) const;
  bool is_pending(const Segment& segment, Time now) const;
  /// Nobody has the session any more. Its segment waits for the prover if `orphaned_at` is given.
  void end_session(SessionId session, std::optional<Time> orphaned_at);
  void drop_lease(SegmentId segment, const std::string& prover);
  void note_orphans(Time now, Decisions& decisions);

  Policy policy_;
  store::OrchestratorId self_;
  std::uint64_t last_session_ = 0;
  std::unordered_map<SessionId, Session> sessions_;
  std::unordered_map<std::string, SessionId> by_prover_;
  std::map<JobId, Job> jobs_;
  std::unordered_map<SegmentId, Segment> segments_;
  std::map<std::string, Requester> requesters_;
  double virtual_time_ = 0;
  std::set<store::OrchestratorId> living_;
  std::vector<double> idle_elsewhere_;
  std::vector<Decisions::Release> releases_;
  std::optional<Time> idle_since_;  // since when there has been an idle prover
  bool draining_ = false;
};

}  // namespace magnetar::scheduler
