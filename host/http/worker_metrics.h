#pragma once

#include <span>
#include <string>

#include "host/worker/worker.h"

namespace magnetar::http {

/// A worker's metrics in Prometheus' text format, by prover and device; their names start with "magnetar_worker_".
std::string worker_metrics(std::span<const worker::Snapshot> provers);

/// The same for people and programs, as JSON: {"provers": [{"id", "device", "connected", "proving", "fraction",
/// "steps_to_prove", "unsent_proofs", "connections", "proofs", "failures", "device_failures", "cycles_per_second"}]}.
std::string worker_status(std::span<const worker::Snapshot> provers);

}  // namespace magnetar::http
