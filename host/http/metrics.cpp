#include "host/http/metrics.h"

#include <array>
#include <cstdint>
#include <map>
#include <string_view>
#include <utility>

#include "host/http/families.h"

namespace magnetar::http {
namespace {}  // namespace

std::string metrics(const dispatch::Snapshot& snapshot, const rpc::RpcCounts& calls) {
  const dispatch::Counters& c = snapshot.counters;
  Families families;
  families.counter("requests_total", "Proof requests taken in", c.requests);
  families.counter("requests_shared_total", "Proof requests that found a job of an equal one", c.requests_shared);
  families.counter("requests_refused_total", "Proof requests refused before there was a job", c.requests_refused);
  families.counter("jobs_done_total", "Jobs that ended with a proof", c.jobs_done);
  families.counter("jobs_failed_total", "Jobs that failed", c.jobs_failed);
  families.counter("heartbeats_total", "Heartbeats of provers", c.heartbeats);
  families.counter("progress_messages_total", "Progress messages of provers", c.progress_messages);
  families.counter("assignments_total", "Segments given to provers", c.assignments);
  families.counter("straggler_assignments_total", "Of these, to a second prover", c.straggler_assignments);
  families.counter("provers_lost_total", "Provers that disappeared with work in hand", c.provers_lost);
  families.counter("proofs_accepted_total", "Segment proofs that were valid and needed", c.proofs_accepted);
  families.counter("proofs_refused_total", "Segment proofs that were not valid", c.proofs_refused);
  families.counter("proofs_superseded_total", "Segment proofs that came too late", c.proofs_superseded);
  families.counter("steps_verified_total", "Steps in accepted segment proofs", c.steps_verified);
  families.counter("store_errors_total", "Calls of the store that failed", c.store_errors);
  families.counter("verification_seconds_total", "Time spent on verifying proofs, by all threads",
                   c.verification_seconds);
  families.counter("acceptance_seconds_total",
                   "From the arrival of accepted proofs until they are stored, verification left out",
                   c.acceptance_seconds);

  // Every state is there, so that a rule on one finds a number.
  std::map<store::JobState, std::uint64_t> by_state;
  for (const auto state :
       {store::JobState::kAccepted, store::JobState::kReady, store::JobState::kProving, store::JobState::kAssembling}) {
    by_state[state] = 0;
  }
  for (const auto& job : snapshot.jobs) ++by_state[job.progress.state];
  auto& jobs = families.add(prometheus::MetricType::Gauge, "jobs", "Open jobs by state");
  for (const auto& [state, count] : by_state) {
    auto& metric = jobs.metric.emplace_back();
    metric.label.push_back({"state", std::string(store::name(state))});
    metric.gauge.value = static_cast<double>(count);
  }

  double speed = 0;
  std::uint64_t busy = 0;
  for (const auto& prover : snapshot.provers) {
    if (!prover.segment) continue;
    ++busy;
    speed += prover.hertz;
  }
  auto& provers = families.add(prometheus::MetricType::Gauge, "provers", "Connected provers by what they do");
  for (const auto& [state, count] : {std::pair<std::string_view, std::uint64_t>{"idle", snapshot.provers.size() - busy},
                                     std::pair<std::string_view, std::uint64_t>{"busy", busy}}) {
    auto& metric = provers.metric.emplace_back();
    metric.label.push_back({"state", std::string(state)});
    metric.gauge.value = static_cast<double>(count);
  }
  families.gauge("cycles_per_second", "What the provers at work are taken to prove together", speed);
  families.gauge("waiting_requests", "Requesters that wait for a proof",
                 static_cast<double>(snapshot.waiting_requests));
  families.gauge("pending_tasks", "Executions, verifications and assemblies that wait for a thread",
                 static_cast<double>(snapshot.pending_tasks));
  families.gauge("pending_bytes", "Bytes of messages that are held in memory",
                 static_cast<double>(snapshot.pending_bytes));
  families.gauge("draining", "1 while the orchestrator takes nothing new", snapshot.draining ? 1 : 0);

  auto& rpc = families.add(prometheus::MetricType::Counter, "calls_total", "Calls that ended, by RPC and status");
  for (const auto& row : calls.rows) {
    auto& metric = rpc.metric.emplace_back();
    metric.label = {{"rpc", row.rpc}, {"status", row.status}};
    metric.counter.value = static_cast<double>(row.count);
  }
  return families.text();
}

}  // namespace magnetar::http
