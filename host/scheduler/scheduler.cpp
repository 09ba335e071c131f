#include "host/scheduler/scheduler.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <queue>
#include <utility>

#include "vm/machine.h"

namespace magnetar::scheduler {
namespace {

using store::Code;
using store::JobState;
using store::ProverType;
using store::Status;

constexpr std::size_t kMaxProverName = 128;
// Shorter work says nothing of a prover's speed.
constexpr Duration kShortestMeasurement = std::chrono::seconds(1);
// Up to here it says little: what a proof costs whatever its length is a large part of it.
constexpr Duration kFullMeasurement = std::chrono::seconds(10);

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

Duration duration_of(double seconds_long) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds_long));
}

double cycles(std::uint64_t steps) {
  return static_cast<double>(steps) * static_cast<double>(vm::kCyclesPerStep);
}

bool is_prover_name(const std::string& name) {
  return !name.empty() && name.size() <= kMaxProverName &&
         std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c <= '~'; });
}

}  // namespace

/// One decision on who works on what: what waits, by requester, and who is idle.
class Scheduler::Assigner {
 public:
  Assigner(Scheduler& scheduler, Time now, Decisions& decisions) : all_(scheduler), now_(now), decisions_(decisions) {
    for (auto& [id, session] : all_.sessions_) {
      if (!all_.is_idle(session)) continue;
      auto& idle = session.type == ProverType::kCi ? idle_ci_ : idle_;
      idle.push_back({id, all_.hertz(session)});
    }
    for (auto* idle : {&idle_, &idle_ci_}) {
      std::sort(idle->begin(), idle->end(), [](const Idle& a, const Idle& b) {
        return a.hertz != b.hertz ? a.hertz < b.hertz : a.session > b.session;
      });
    }
  }

  bool has_idle() const { return !idle_.empty() || !idle_ci_.empty(); }

  /// Provers that came back go on with what they had.
  void resume() {
    for (auto& [id, segment] : all_.segments_) {
      if (segment.verified || segment.verifying != 0) continue;
      for (const Lease& lease : segment.leases) {
        if (!lease.orphaned_at || !all_.holds(lease, now_)) continue;
        const auto session = all_.by_prover_.find(lease.prover);
        if (session == all_.by_prover_.end() || !all_.is_idle(all_.sessions_.at(session->second))) continue;
        take(session->second);
        assign(session->second, id, segment, false);
        break;  // the leases have changed
      }
    }
  }

  /// Idle provers get waiting segments, and waiting jobs are split for them.
  void share() {
    struct Queue {
      Requester* requester;
      std::vector<Item> items;
      std::size_t next = 0;
    };
    std::vector<Queue> queues;
    std::size_t waiting = 0;
    for (auto& [name, requester] : all_.requesters_) {
      Queue queue{&requester, items_of(requester)};
      waiting += queue.items.size();
      if (!queue.items.empty()) queues.push_back(std::move(queue));
    }
    const auto later = [](const Queue* a, const Queue* b) {
      return a->requester->served != b->requester->served ? a->requester->served > b->requester->served : a > b;
    };
    std::priority_queue<Queue*, std::vector<Queue*>, decltype(later)> order(later);
    for (Queue& queue : queues) order.push(&queue);
    while (has_idle() && !order.empty()) {
      Queue& queue = *order.top();
      order.pop();
      const Item item = queue.items[queue.next++];
      const Job& job = all_.jobs_.at(item.job);
      if (count_eligible(job) != 0) {
        if (item.segment) {
          all_.virtual_time_ = std::max(all_.virtual_time_, queue.requester->served);
          Segment& segment = all_.segments_.at(*item.segment);
          queue.requester->served += static_cast<double>(std::max<std::uint64_t>(1, segment.range.steps));
          assign(take_fastest(job), *item.segment, segment, false);
        } else {
          split_for_idle(item.job, job, waiting);
        }
      }
      --waiting;
      if (queue.next < queue.items.size()) order.push(&queue);
    }
  }

  /// Provers for which nothing waits overtake those that are late.
  void overtake() {
    for (auto& [id, segment] : all_.segments_) {
      if (!has_idle()) return;
      if (segment.verified || segment.verifying != 0) continue;
      const Lease* only = nullptr;
      std::size_t held = 0;
      for (const Lease& lease : segment.leases) {
        if (!all_.holds(lease, now_)) continue;
        only = &lease;
        ++held;
      }
      const Job& job = all_.jobs_.at(segment.job);
      if (held != 1 || only->orphaned_at || count_eligible(job) == 0) continue;
      const Idle second = fastest(job);
      const double needed = cycles(segment.range.steps) / second.hertz;
      if (needed < remaining_if_late(*only, segment, needed)) assign(take_fastest(job), id, segment, true);
    }
  }

 private:
  struct Idle {
    SessionId session{};
    double hertz = 0;
  };
  struct Item {
    JobId job{};
    std::optional<SegmentId> segment{};  // none: the job is to be split
  };

  std::vector<Item> items_of(const Requester& requester) const {
    std::vector<Item> items;
    for (const JobId id : requester.jobs) {
      const Job& job = all_.jobs_.at(id);
      if (job.state == JobState::kReady) items.push_back({id});
      if (job.state != JobState::kProving) continue;
      const std::size_t first = items.size();
      for (const SegmentId segment : job.segments) {
        if (all_.is_pending(all_.segments_.at(segment), now_)) items.push_back({id, segment});
      }
      // The fastest prover comes first, and is to get the longest.
      std::stable_sort(items.begin() + static_cast<std::ptrdiff_t>(first), items.end(),
                       [this](const Item& a, const Item& b) {
                         return all_.segments_.at(*a.segment).range.steps > all_.segments_.at(*b.segment).range.steps;
                       });
    }
    return items;
  }

  bool for_ci(const Job& job) const { return job.steps_in_trace <= all_.policy_.ci_max_steps; }
  std::size_t count_eligible(const Job& job) const { return idle_.size() + (for_ci(job) ? idle_ci_.size() : 0); }

  std::vector<Idle>& fastest_of(const Job& job) {
    if (!for_ci(job) || idle_ci_.empty()) return idle_;
    if (idle_.empty()) return idle_ci_;
    return idle_.back().hertz >= idle_ci_.back().hertz ? idle_ : idle_ci_;
  }
  Idle fastest(const Job& job) { return fastest_of(job).back(); }
  SessionId take_fastest(const Job& job) {
    auto& idle = fastest_of(job);
    const SessionId session = idle.back().session;
    idle.pop_back();
    return session;
  }
  void take(SessionId session) {
    for (auto* idle : {&idle_, &idle_ci_}) {
      const auto found =
          std::find_if(idle->begin(), idle->end(), [&](const Idle& each) { return each.session == session; });
      if (found != idle->end()) idle->erase(found);
    }
  }

  void assign(SessionId session, SegmentId id, Segment& segment, bool straggler) {
    Session& prover = all_.sessions_.at(session);
    std::erase_if(segment.leases, [&](const Lease& lease) { return lease.prover == prover.prover; });
    segment.leases.push_back(
        {.prover = prover.prover, .orchestrator = all_.self_, .granted_at = now_, .session = session});
    prover.work = Work{.segment = id, .job = segment.job};
    decisions_.assignments.push_back({session, prover.prover, id, segment.job, segment.range, straggler});
  }

  void split_for_idle(JobId id, const Job& job, std::size_t waiting) {
    const std::size_t eligible = count_eligible(job);
    const std::size_t parts = std::max<std::size_t>(1, eligible / waiting);
    if (waiting <= eligible && is_gathering(job)) return;
    std::vector<double> speeds;
    for (std::size_t i = 0; i < parts; ++i) {
      speeds.push_back(fastest(job).hertz);
      take_fastest(job);
    }
    if (waiting == 1) speeds.insert(speeds.end(), all_.idle_elsewhere_.begin(), all_.idle_elsewhere_.end());
    decisions_.splits.push_back({id, split(job.first_step, job.steps, speeds, all_.policy_.bounds)});
  }

  // Provers that connect a moment later would find the whole job given away.
  bool is_gathering(const Job& job) {
    if (job.steps < 2 * all_.policy_.bounds.min_steps) return false;
    double together = 0;
    for (const Idle& idle : idle_) together += idle.hertz;
    if (for_ci(job)) {
      for (const Idle& idle : idle_ci_) together += idle.hertz;
    }
    const double expected = cycles(job.steps) / together;
    const Duration pause =
        duration_of(std::min(seconds(all_.policy_.max_gathering), all_.policy_.gathering * expected));
    return now_ < std::max(job.ready_at, all_.idle_since_.value_or(now_)) + pause;
  }

  // Seconds that the holder is expected to need still; 0 if it is not late. `needed` is what another one needs for all.
  double remaining_if_late(const Lease& lease, const Segment& segment, double needed) const {
    const double elapsed = seconds(now_ - lease.granted_at);
    const auto session = lease.session ? all_.sessions_.find(*lease.session) : all_.sessions_.end();
    // Of provers elsewhere neither speed nor progress is known.
    const bool here = session != all_.sessions_.end();
    const double estimate =
        here ? cycles(segment.range.steps) / all_.hertz(session->second) : needed * all_.policy_.straggler_factor;
    if (elapsed <= all_.policy_.straggler_factor * estimate + seconds(all_.policy_.straggler_grace)) return 0;
    const double fraction = here && session->second.work ? session->second.work->fraction : 0;
    if (fraction <= 0) return std::numeric_limits<double>::infinity();
    return elapsed * (1 - fraction) / fraction;
  }

  Scheduler& all_;
  Time now_;
  Decisions& decisions_;
  std::vector<Idle> idle_, idle_ci_;  // the fastest last
};

Scheduler::Scheduler(const Policy& policy, store::OrchestratorId self) : policy_(policy), self_(std::move(self)) {}

// --- Provers

store::Expected<Scheduler::Connected> Scheduler::connect(const Registration& registration, Time now) {
  if (!is_prover_name(registration.prover)) {
    return tl::unexpected(
        Status{Code::kInvalidArgument, fmt::format("a prover's id is 1 to {} printable ASCII characters "
                                                   "without spaces; this one has {} bytes",
                                                   kMaxProverName, registration.prover.size())});
  }
  if (registration.hertz && (!std::isfinite(*registration.hertz) || *registration.hertz < 0)) {
    return tl::unexpected(
        Status{Code::kInvalidArgument,
               fmt::format("{} is no number of cycles a second that a prover can prove", *registration.hertz)});
  }
  Connected connected;
  if (const auto found = by_prover_.find(registration.prover); found != by_prover_.end()) {
    const Duration silent = now - sessions_.at(found->second).heard_at;
    if (silent < policy_.stale_connection) {
      return tl::unexpected(Status{
          Code::kAlreadyExists,
          fmt::format("prover {} is connected, and was heard {:.1f} s ago; a connection is replaced after {:.1f} "
                      "s of silence",
                      registration.prover, seconds(silent), seconds(policy_.stale_connection))});
    }
    connected.replaced = found->second;
    end_session(found->second, now);
  }
  if (sessions_.size() >= policy_.max_provers) {
    return tl::unexpected(Status{Code::kResourceExhausted, fmt::format("{} provers are connected, of at most {}",
                                                                       sessions_.size(), policy_.max_provers)});
  }
  connected.session = SessionId{++last_session_};
  by_prover_[registration.prover] = connected.session;
  sessions_[connected.session] = {.prover = registration.prover,
                                  .type = registration.type,
                                  .claimed_hertz = registration.hertz.value_or(0),
                                  .connected_at = now,
                                  .heard_at = now};
  return connected;
}

void Scheduler::admit(SessionId session, double observed_hertz, Time now) {
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return;
  found->second.admitted = true;
  found->second.observed_hertz = observed_hertz;
  if (!idle_since_) idle_since_ = now;
}

void Scheduler::disconnect(SessionId session, Time now) {
  end_session(session, now);
}

void Scheduler::expel(SessionId session) {
  end_session(session, std::nullopt);
}

void Scheduler::end_session(SessionId session, std::optional<Time> orphaned_at) {
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return;
  const std::string prover = found->second.prover;
  const std::optional<Work> work = found->second.work;
  sessions_.erase(found);
  by_prover_.erase(prover);
  if (!work) return;
  const auto segment = segments_.find(work->segment);
  if (segment == segments_.end()) {
    releases_.push_back({work->segment, prover});
    return;
  }
  if (!orphaned_at || !work->granted) return drop_lease(work->segment, prover);
  for (Lease& lease : segment->second.leases) {
    if (lease.prover != prover) continue;
    lease.session.reset();
    lease.orphaned_at = orphaned_at;
  }
}

void Scheduler::heartbeat(SessionId session, Time now) {
  if (const auto found = sessions_.find(session); found != sessions_.end()) found->second.heard_at = now;
}

store::Expected<void> Scheduler::progress(SessionId session, const Progress& progress, Time now) {
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return {};
  found->second.heard_at = now;
  // Not in the range, or no number.
  if (!(progress.fraction >= 0 && progress.fraction <= 1)) {
    return tl::unexpected(
        Status{Code::kInvalidArgument, fmt::format("completed_fraction is {}, not from 0 to 1", progress.fraction)});
  }
  if (progress.steps_proven > progress.steps_to_prove || progress.steps_to_prove > progress.steps_in_trace) {
    return tl::unexpected(Status{Code::kInvalidArgument,
                                 fmt::format("progress of {} steps of {}, in a trace of {}", progress.steps_proven,
                                             progress.steps_to_prove, progress.steps_in_trace)});
  }
  if (found->second.work) found->second.work->fraction = progress.fraction;
  return {};
}

double Scheduler::hertz(const Session& session) const {
  if (session.observed_hertz > 0) return session.observed_hertz;
  return session.claimed_hertz > 0 ? session.claimed_hertz : policy_.default_hertz;
}

// --- Leases

bool Scheduler::granted(const Assignment& assignment, Time now) {
  const auto found = sessions_.find(assignment.session);
  if (found == sessions_.end() || !found->second.work || found->second.work->segment != assignment.segment)
    return false;
  found->second.work->granted = true;
  if (const auto segment = segments_.find(assignment.segment); segment != segments_.end()) {
    for (Lease& lease : segment->second.leases) {
      if (lease.prover == assignment.prover) lease.granted_at = now;
    }
  }
  return true;
}

void Scheduler::refused(const Assignment& assignment) {
  drop_lease(assignment.segment, assignment.prover);
  const auto found = sessions_.find(assignment.session);
  if (found != sessions_.end() && found->second.work && found->second.work->segment == assignment.segment) {
    found->second.work.reset();
  }
}

void Scheduler::drop_lease(SegmentId segment, const std::string& prover) {
  if (const auto found = segments_.find(segment); found != segments_.end()) {
    std::erase_if(found->second.leases, [&](const Lease& lease) { return lease.prover == prover; });
  }
}

double Scheduler::submitted(SessionId session, SegmentId segment, Time now) {
  const auto known = segments_.find(segment);
  if (known != segments_.end()) ++known->second.verifying;
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return 0;
  Session& prover = found->second;
  prover.heard_at = now;
  if (!prover.work || prover.work->segment != segment) return 0;
  prover.work.reset();
  if (!idle_since_) idle_since_ = now;
  if (known == segments_.end()) return 0;
  for (Lease& lease : known->second.leases) {
    if (lease.prover != prover.prover) continue;
    lease.submitted_at = now;
    const Duration elapsed = now - lease.granted_at;
    if (elapsed < kShortestMeasurement || known->second.range.steps == 0) return 0;
    const double measured = cycles(known->second.range.steps) / seconds(elapsed);
    const double weight = std::min(1.0, seconds(elapsed) / seconds(kFullMeasurement));
    if (prover.observed_hertz > 0) return std::lerp(prover.observed_hertz, measured, weight / 2);
    return prover.claimed_hertz > 0 ? std::lerp(prover.claimed_hertz, measured, weight) : measured;
  }
  return 0;
}

void Scheduler::verified(SessionId session, SegmentId segment, double hertz) {
  const auto found = sessions_.find(session);
  if (found != sessions_.end() && hertz > 0) found->second.observed_hertz = hertz;
  if (const auto known = segments_.find(segment); known != segments_.end()) {
    known->second.verified = true;
    known->second.verifying -= known->second.verifying > 0 ? 1 : 0;
  }
}

void Scheduler::rejected(SegmentId segment, const std::string& prover) {
  const auto known = segments_.find(segment);
  if (known != segments_.end()) known->second.verifying -= known->second.verifying > 0 ? 1 : 0;
  const auto session = by_prover_.find(prover);
  const bool at_work = session != by_prover_.end() && sessions_.at(session->second).work &&
                       sessions_.at(session->second).work->segment == segment;
  if (at_work) return;  // on the same segment, once more
  drop_lease(segment, prover);
  releases_.push_back({segment, prover});
}

// --- Jobs

void Scheduler::update(const store::JobRecord& record, Time now) {
  if (record.state == JobState::kDone || record.state == JobState::kFailed) return remove(record.id);
  const auto [place, added] = jobs_.try_emplace(record.id);
  Job& job = place->second;
  if (added) {
    job.requester = record.requester;
    job.first_step = record.key.first_step;
    job.created_at = record.created_at;
    const auto [requester, first] = requesters_.try_emplace(record.requester);
    // Who asked for nothing has no claim on what was given to others meanwhile.
    if (first || requester->second.jobs.empty())
      requester->second.served = std::max(requester->second.served, virtual_time_);
    requester->second.jobs.insert(record.id);
  }
  if (job.state == JobState::kAccepted && record.state != JobState::kAccepted) job.ready_at = now;
  job.state = std::max(job.state, record.state);
  job.steps_in_trace = record.steps_in_trace;
  job.steps = record.steps;
  if (job.segments.empty()) {
    for (const store::SegmentRecord& segment : record.segments) job.segments.push_back(segment.id);
  }
  for (const store::SegmentRecord& from : record.segments) {
    Segment& segment = segments_[from.id];
    segment.job = record.id;
    segment.range = from.range;
    segment.verified = segment.verified || from.verified;
    std::vector<Lease> leases;
    for (Lease& lease : segment.leases) {
      if (lease.orchestrator == self_) leases.push_back(lease);
    }
    for (const store::LeaseRecord& lease : from.leases) {
      const auto same = [&](const Lease& other) {
        return other.prover == lease.prover && other.orchestrator == lease.orchestrator;
      };
      if (lease.orchestrator != self_) {
        // Since when it is orphaned is known here alone.
        const auto before = std::find_if(segment.leases.begin(), segment.leases.end(), same);
        const bool known = before != segment.leases.end() && before->granted_at == lease.granted_at;
        leases.push_back({.prover = lease.prover,
                          .orchestrator = lease.orchestrator,
                          .granted_at = lease.granted_at,
                          .orphaned_at = known ? before->orphaned_at : std::nullopt});
      } else if (std::none_of(leases.begin(), leases.end(), same)) {
        // What the store gave without our hearing of it, or could not be told to release.
        releases_.push_back({from.id, lease.prover});
      }
    }
    segment.leases = std::move(leases);
  }
}

void Scheduler::remove(JobId id) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return;
  for (const SegmentId segment : found->second.segments) segments_.erase(segment);
  requesters_.at(found->second.requester).jobs.erase(id);
  jobs_.erase(found);
}

void Scheduler::set_living(std::span<const store::OrchestratorId> living) {
  living_ = {living.begin(), living.end()};
}

void Scheduler::set_idle_elsewhere(std::span<const double> hertz) {
  idle_elsewhere_.clear();
  for (const double each : hertz) idle_elsewhere_.push_back(each > 0 ? each : policy_.default_hertz);
}

// --- Decisions

bool Scheduler::holds(const Lease& lease, Time now) const {
  return !lease.orphaned_at || now - *lease.orphaned_at < policy_.reconnect_grace;
}

bool Scheduler::is_pending(const Segment& segment, Time now) const {
  return !segment.verified && segment.verifying == 0 &&
         std::none_of(segment.leases.begin(), segment.leases.end(),
                      [&](const Lease& lease) { return holds(lease, now); });
}

void Scheduler::note_orphans(Time now, Decisions& decisions) {
  for (auto& [id, segment] : segments_) {
    for (Lease& lease : segment.leases) {
      if (lease.orchestrator != self_ && !lease.orphaned_at && !living_.contains(lease.orchestrator)) {
        lease.orphaned_at = now;
      }
    }
    std::erase_if(segment.leases, [&, segment_id = id](const Lease& lease) {
      if (lease.orchestrator != self_ || holds(lease, now)) return false;
      decisions.releases.push_back({segment_id, lease.prover});
      return true;
    });
  }
}

Decisions Scheduler::decide(Time now) {
  Decisions decisions;
  const Duration patience = policy_.heartbeat_interval * policy_.missed_heartbeats;
  for (const auto& [id, session] : sessions_) {
    if (now - session.heard_at > patience) decisions.lost.push_back({id, session.prover});
  }
  for (const Decisions::Lost& lost : decisions.lost) end_session(lost.session, now);
  decisions.releases = std::exchange(releases_, {});
  note_orphans(now, decisions);
  if (jobs_.empty()) requesters_.clear();
  std::erase_if(requesters_,
                [&](const auto& each) { return each.second.jobs.empty() && each.second.served <= virtual_time_; });

  Assigner assigner(*this, now, decisions);
  if (!assigner.has_idle()) {
    idle_since_.reset();
    return decisions;
  }
  if (!idle_since_) idle_since_ = now;
  if (draining_ || jobs_.empty()) return decisions;
  assigner.resume();
  assigner.share();
  if (assigner.has_idle()) assigner.overtake();
  return decisions;
}

void Scheduler::drain() {
  draining_ = true;
}

// --- Views

std::optional<JobProgress> Scheduler::job_progress(JobId id) const {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return std::nullopt;
  const Job& job = found->second;
  JobProgress progress{.state = job.state, .steps = job.steps, .segments = job.segments.size()};
  double expected = 0;
  for (const SegmentId each : job.segments) {
    const Segment& segment = segments_.at(each);
    double best = 0;
    for (const Lease& lease : segment.leases) {
      if (!lease.session) continue;
      const auto session = sessions_.find(*lease.session);
      if (session == sessions_.end() || !session->second.work || session->second.work->segment != each) continue;
      ++progress.provers;
      best = std::max(best, session->second.work->fraction);
    }
    if (segment.verified) {
      ++progress.segments_verified;
      progress.steps_verified += segment.range.steps;
    } else {
      expected += (segment.verifying != 0 ? 1 : best) * static_cast<double>(segment.range.steps);
    }
  }
  if (job.state == JobState::kAssembling) {
    progress.fraction = 1;
  } else if (job.steps != 0) {
    progress.fraction = (static_cast<double>(progress.steps_verified) + expected) / static_cast<double>(job.steps);
  }
  return progress;
}

std::vector<JobView> Scheduler::jobs() const {
  std::vector<JobView> views;
  views.reserve(jobs_.size());
  for (const auto& [id, job] : jobs_) views.push_back({id, job.requester, job.created_at, *job_progress(id)});
  return views;
}

std::vector<ProverView> Scheduler::provers() const {
  std::vector<ProverView> views;
  views.reserve(sessions_.size());
  for (const auto& [id, session] : sessions_) {
    ProverView& view = views.emplace_back();
    view.session = id;
    view.prover = session.prover;
    view.type = session.type;
    view.hertz = hertz(session);
    view.connected_at = session.connected_at;
    view.heard_at = session.heard_at;
    if (!session.work) continue;
    view.segment = session.work->segment;
    view.job = session.work->job;
    view.fraction = session.work->fraction;
  }
  std::sort(views.begin(), views.end(), [](const auto& a, const auto& b) { return a.session < b.session; });
  return views;
}

SegmentCounts Scheduler::segment_counts(Time now) const {
  SegmentCounts counts;
  for (const auto& [id, segment] : segments_) {
    if (segment.verified) {
      ++counts.verified;
    } else if (segment.verifying != 0) {
      ++counts.verifying;
    } else {
      ++(is_pending(segment, now) ? counts.pending : counts.proving);
    }
  }
  return counts;
}

std::size_t Scheduler::idle() const {
  return static_cast<std::size_t>(
      std::count_if(sessions_.begin(), sessions_.end(), [this](const auto& each) { return is_idle(each.second); }));
}

std::optional<SegmentId> Scheduler::work_of(SessionId session) const {
  const auto found = sessions_.find(session);
  if (found == sessions_.end() || !found->second.work) return std::nullopt;
  return found->second.work->segment;
}

}  // namespace magnetar::scheduler
