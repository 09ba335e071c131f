#include "host/http/status.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

namespace magnetar::http {
namespace {

double seconds_between(dispatch::Time from, dispatch::Time to) {
  return std::chrono::duration<double>(to - from).count();
}

std::string_view name(store::ProverType type) {
  constexpr std::array<std::string_view, 3> kNames = {"unspecified", "volunteer", "ci"};
  return kNames[static_cast<std::size_t>(type)];
}

nlohmann::json to_json(const dispatch::Counters& c) {
  return {{"requests", c.requests},
          {"requests_shared", c.requests_shared},
          {"requests_refused", c.requests_refused},
          {"jobs_done", c.jobs_done},
          {"jobs_failed", c.jobs_failed},
          {"heartbeats", c.heartbeats},
          {"progress_messages", c.progress_messages},
          {"assignments", c.assignments},
          {"straggler_assignments", c.straggler_assignments},
          {"provers_lost", c.provers_lost},
          {"proofs_accepted", c.proofs_accepted},
          {"proofs_refused", c.proofs_refused},
          {"proofs_superseded", c.proofs_superseded},
          {"steps_verified", c.steps_verified},
          {"store_errors", c.store_errors},
          {"verification_seconds", c.verifications.sum},
          {"acceptance_seconds", c.acceptances.sum},
          {"verifications_failed", c.verifications_failed},
          {"request_bytes", c.request_bytes},
          {"proof_bytes", c.proof_bytes},
          {"reply_bytes", c.reply_bytes}};
}

}  // namespace

nlohmann::json to_json(const dispatch::Snapshot& snapshot, const rpc::RpcCounts& calls, dispatch::Time now,
                       std::chrono::seconds uptime) {
  nlohmann::json object = {{"orchestrator", snapshot.orchestrator},   {"draining", snapshot.draining},
                           {"uptime_seconds", uptime.count()},        {"waiting_requests", snapshot.waiting_requests},
                           {"pending_tasks", snapshot.pending_tasks}, {"pending_bytes", snapshot.pending_bytes},
                           {"counters", to_json(snapshot.counters)},  {"job_count", snapshot.jobs.size()},
                           {"prover_count", snapshot.provers.size()}, {"jobs", nlohmann::json::array()},
                           {"provers", nlohmann::json::array()},      {"calls", nlohmann::json::array()}};
  for (const auto& row : calls.rows) {
    object["calls"].push_back({{"rpc", row.rpc}, {"status", row.status}, {"count", row.count}});
  }
  for (const auto& job : snapshot.jobs) {
    if (object["jobs"].size() == kMaxRows) break;
    object["jobs"].push_back({{"id", static_cast<std::int64_t>(job.id)},
                              {"requester", job.requester},
                              {"state", store::name(job.progress.state)},
                              {"fraction", job.progress.fraction},
                              {"steps", job.progress.steps},
                              {"steps_verified", job.progress.steps_verified},
                              {"segments", job.progress.segments},
                              {"segments_verified", job.progress.segments_verified},
                              {"provers", job.progress.provers},
                              {"age_seconds", seconds_between(job.created_at, now)}});
  }
  // Those at work first.
  auto provers = snapshot.provers;
  std::stable_sort(provers.begin(), provers.end(),
                   [](const auto& a, const auto& b) { return a.segment.has_value() && !b.segment.has_value(); });
  double speed = 0;
  std::size_t busy = 0;
  for (const auto& prover : provers) {
    if (prover.segment) {
      speed += prover.hertz;
      ++busy;
    }
    if (object["provers"].size() == kMaxRows) continue;
    nlohmann::json row = {{"id", prover.prover},
                          {"type", name(prover.type)},
                          {"hertz", prover.hertz},
                          {"job", nullptr},
                          {"segment", nullptr},
                          {"fraction", prover.fraction},
                          {"connected_seconds", seconds_between(prover.connected_at, now)},
                          {"silent_seconds", seconds_between(prover.heard_at, now)}};
    if (prover.job) row["job"] = static_cast<std::int64_t>(*prover.job);
    if (prover.segment) row["segment"] = static_cast<std::int64_t>(*prover.segment);
    object["provers"].push_back(std::move(row));
  }
  object["cycles_per_second"] = speed;
  object["busy_provers"] = busy;
  return object;
}

}  // namespace magnetar::http
