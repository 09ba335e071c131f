#include "host/http/worker_metrics.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <utility>

#include "host/http/families.h"
#include "vm/machine.h"

namespace magnetar::http {
namespace {

constexpr auto kCyclesPerStep = static_cast<double>(vm::kCyclesPerStep);

using Reading = std::function<double(const worker::Snapshot&)>;

}  // namespace

std::string worker_metrics(std::span<const worker::Snapshot> provers) {
  Families families;
  const auto add = [&](prometheus::MetricType type, std::string_view name, std::string help, const Reading& reading) {
    auto& family = families.add(type, "worker_" + std::string(name), std::move(help));
    for (const worker::Snapshot& prover : provers) {
      auto& metric = family.metric.emplace_back();
      metric.label = {{"prover", prover.prover}, {"device", prover.device}};
      (type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value) = reading(prover);
    }
  };
  const auto counter = [&](std::string_view name, std::string help, const Reading& reading) {
    add(prometheus::MetricType::Counter, name, std::move(help), reading);
  };
  const auto gauge = [&](std::string_view name, std::string help, const Reading& reading) {
    add(prometheus::MetricType::Gauge, name, std::move(help), reading);
  };
  const auto of = [](auto member) {
    return [member](const worker::Snapshot& prover) { return static_cast<double>(prover.*member); };
  };
  using S = worker::Snapshot;
  counter("proofs_total", "Proofs made", of(&S::proofs));
  counter("proofs_sent_total", "Proofs sent, those sent again included", of(&S::proofs_sent));
  counter("failures_total", "Work that could not be proved", of(&S::failures));
  counter("device_failures_total", "Failures of the device after which the CPU went on", of(&S::device_failures));
  counter("connections_total", "Connections to the orchestrator", of(&S::connections));
  counter("proving_seconds_total", "Time spent on the proofs made", of(&S::proving_seconds));
  counter("cycles_total", "Cycles proved, whole steps counted",
          [](const S& s) { return static_cast<double>(s.steps) * kCyclesPerStep; });
  gauge("cycles_per_second", "Of the last proof", [](const S& s) { return s.steps_per_second * kCyclesPerStep; });
  gauge("connected", "1 while there is a connection to the orchestrator", of(&S::connected));
  gauge("proving", "1 while something is being proved", of(&S::proving));
  gauge("progress", "How much of it is, from 0 to 1", [](const S& s) { return s.progress ? s.progress->fraction : 0; });
  gauge("unsent_proofs", "Proofs kept until the orchestrator surely has them", of(&S::unsent_proofs));
  return families.text();
}

std::string worker_status(std::span<const worker::Snapshot> provers) {
  nlohmann::json status = {{"provers", nlohmann::json::array()}};
  for (const worker::Snapshot& prover : provers) {
    status["provers"].push_back({{"id", prover.prover},
                                 {"device", prover.device},
                                 {"connected", prover.connected},
                                 {"proving", prover.proving},
                                 {"fraction", prover.progress ? prover.progress->fraction : 0},
                                 {"steps_to_prove", prover.progress ? prover.progress->steps_to_prove : 0},
                                 {"unsent_proofs", prover.unsent_proofs},
                                 {"connections", prover.connections},
                                 {"proofs", prover.proofs},
                                 {"failures", prover.failures},
                                 {"device_failures", prover.device_failures},
                                 {"cycles_per_second", prover.steps_per_second * kCyclesPerStep}});
  }
  return status.dump();
}

}  // namespace magnetar::http
