#include "host/http/metrics.h"

#include <array>
#include <cstdint>
#include <map>
#include <string_view>
#include <utility>

#include "host/http/families.h"
#include "host/http/process_figures.h"

namespace magnetar::http {

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
  families.counter("proofs_superseded_total", "Segment proofs that came too late, or that nobody asked for",
                   c.proofs_superseded);
  families.counter("steps_verified_total", "Steps in accepted segment proofs", c.steps_verified);
  families.counter("verifications_failed_total", "Verifications that ended without a verdict", c.verifications_failed);
  families.counter("store_errors_total", "Calls of the store that failed", c.store_errors);
  families.counter("request_bytes_total", "Bytes of programs and inputs in proof requests", c.request_bytes);
  families.counter("proof_bytes_total", "Bytes of accepted segment proofs", c.proof_bytes);
  families.counter("reply_bytes_total", "Bytes of proofs in replies", c.reply_bytes);
  families.histogram("job_seconds", "From a job's acceptance to its proof", c.jobs_done_after);
  families.histogram("execution_seconds", "Executions of programs, for their steps", c.executions);
  families.histogram("verification_seconds", "Verifications of segment proofs", c.verifications);
  families.histogram("acceptance_seconds", "From a proof's arrival until it is stored, its verification left out",
                     c.acceptances);

  // Every state is there, so that a rule on one finds a number.
  std::map<store::JobState, std::uint64_t> by_state;
  for (const auto state :
       {store::JobState::kAccepted, store::JobState::kReady, store::JobState::kProving, store::JobState::kAssembling}) {
    by_state[state] = 0;
  }
  std::uint64_t open_steps = 0;
  for (const auto& job : snapshot.jobs) {
    ++by_state[job.progress.state];
    open_steps += job.progress.steps - job.progress.steps_verified;
  }
  std::vector<std::pair<std::string_view, std::uint64_t>> jobs;
  jobs.reserve(by_state.size());
  for (const auto& [state, count] : by_state) jobs.emplace_back(store::name(state), count);
  families.states("jobs", "Open jobs by state", jobs);
  families.states("segments", "Segments of open jobs by state",
                  {{"pending", snapshot.segments.pending},
                   {"proving", snapshot.segments.proving},
                   {"verifying", snapshot.segments.verifying},
                   {"verified", snapshot.segments.verified}});
  families.gauge("open_steps", "Steps of open jobs that are not verified yet", static_cast<double>(open_steps));

  double speed = 0, capacity = 0;
  std::uint64_t busy = 0;
  for (const auto& prover : snapshot.provers) {
    capacity += prover.hertz;
    if (!prover.segment) continue;
    ++busy;
    speed += prover.hertz;
  }
  families.states("provers", "Connected provers by what they do",
                  {{"idle", snapshot.provers.size() - busy}, {"busy", busy}});
  families.gauge("cycles_per_second", "What the provers at work are taken to prove together", speed);
  families.gauge("capacity_cycles_per_second", "What all connected provers are taken to prove together", capacity);
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

  auto& build = families.add(prometheus::MetricType::Gauge, "build_info", "1, with the version").metric.emplace_back();
  build.label.push_back({"version", MAGNETAR_VERSION});
  build.gauge.value = 1;
  const ProcessFigures process = process_figures();
  const auto of_process = [&](prometheus::MetricType type, std::string name, std::string help, double value) {
    auto& metric = families.add(type, std::move(name), std::move(help), "process_").metric.emplace_back();
    (type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
  };
  of_process(prometheus::MetricType::Counter, "cpu_seconds_total", "Processor time", process.cpu_seconds);
  of_process(prometheus::MetricType::Gauge, "resident_memory_bytes", "Resident memory", process.resident_bytes);
  of_process(prometheus::MetricType::Gauge, "open_fds", "Open files", static_cast<double>(process.open_files));
  of_process(prometheus::MetricType::Gauge, "max_fds", "Open files at most", static_cast<double>(process.max_files));
  of_process(prometheus::MetricType::Gauge, "start_time_seconds", "Start, in seconds since 1970", process.started);
  return families.text();
}

}  // namespace magnetar::http
