#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>

#include "host/dispatch/dispatcher.h"
#include "host/rpc/server.h"

namespace magnetar::http {

/// What the status page shows, for other programs as well:
///   "orchestrator", "draining", "uptime_seconds",
///   "waiting_requests", "pending_tasks", "pending_bytes",
///   "counters": name to number, as in dispatch::Counters,
///   "calls": [{"rpc", "status", "count"}],
///   "jobs": [{"id", "requester", "state", "fraction", "steps", "steps_verified", "segments", "segments_verified",
///             "provers", "age_seconds"}],
///   "provers": [{"id", "type", "hertz", "job", "segment", "fraction", "connected_seconds", "silent_seconds"}],
///   "cycles_per_second": what the provers at work are taken to prove together.
/// Lists are cut after kMaxRows, with the whole numbers in "job_count" and "prover_count".
nlohmann::json to_json(const dispatch::Snapshot& snapshot, const rpc::RpcCounts& calls, dispatch::Time now,
                       std::chrono::seconds uptime);

inline constexpr std::size_t kMaxRows = 200;

}  // namespace magnetar::http
