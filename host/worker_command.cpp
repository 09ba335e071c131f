#include "host/worker_command.h"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include "host/interrupt.h"
#include "host/rpc/credentials.h"
#include "host/rpc/prover_transport.h"
#include "host/worker/health_file.h"
#include "host/worker/state_folder.h"
#include "host/worker/worker.h"

namespace magnetar::host {

WorkerCommand::WorkerCommand(CLI::App& app, proving::ProofSystem& proof_system)
    : Command(*app.add_subcommand("worker", "Prove what an orchestrator gives out, until stopped")),
      proof_system_(proof_system),
      state_folder_(default_state_folder() + "/worker") {
  orchestrator_.add_to(flags());
  flags()
      .add_option("--state", state_folder_, "for the prover's id, checkpoints and proofs that are not delivered yet")
      ->type_name("DIR")
      ->capture_default_str();
  flags()
      .add_option("--type", type_, "ci: gets short work only")
      ->check(CLI::IsMember({"volunteer", "ci"}))
      ->capture_default_str();
  proving_.add_to(flags());
  cache_.add_to(flags());
  flags()
      .add_option("--max-cycles", limits_.max_cycles, "refuse programs that have not halted by then")
      ->type_name("N")
      ->capture_default_str();
  flags()
      .add_option("--max-memory", limits_.max_memory_bytes, "refuse programs that touch more, in bytes")
      ->type_name("N")
      ->capture_default_str();
  flags()
      .add_option("--estimate", estimate_, "cycles proved in a second, as told to the orchestrator; otherwise measured")
      ->type_name("HZ")
      ->check(CLI::PositiveNumber);
  flags()
      .add_option("--heartbeat-ms", heartbeat_ms_, "between two signs of life")
      ->check(CLI::Range(10u, 10'000u))
      ->capture_default_str();
  flags()
      .add_option("--progress-ms", progress_ms_, "between two reports of progress")
      ->check(CLI::Range(10u, 5'000u))
      ->capture_default_str();
  flags()
      .add_option("--reconnect-ms", reconnect_ms_, "before the first try to connect again; doubled up to a minute")
      ->check(CLI::Range(1u, 60'000u))
      ->capture_default_str();
  flags()
      .add_option("--health-file", health_file_,
                  "says `connected` or `disconnected`, and is written again every heartbeat")
      ->type_name("FILE");
  log_.add_to(flags());
}

Result<int> WorkerCommand::run() const {
  const log::Log log = log_.open();
  const auto environment = [](std::string kind, std::string message) {
    return tl::unexpected(CommandError{kEnvironment, std::move(kind), std::move(message)});
  };
  const auto credentials = rpc::client_credentials(
      orchestrator_.address, {.ca = orchestrator_.tls_ca, .cert = orchestrator_.tls_cert, .key = orchestrator_.tls_key},
      orchestrator_.plaintext);
  if (!credentials) return tl::unexpected(CommandError{kUnusableInput, "bad-connection", credentials.error()});
  auto state = worker::StateFolder::open(state_folder_);
  if (!state) return environment("bad-state-folder", state.error());
  const auto threads = proving_.limit_threads();
  const proving::ProofSystem::ProverOptions options{
      .cache = cache_.path(), .preset = proving_.params, .device = proving_.device, .limits = limits_};
  const auto prover = proof_system_.prover(options);
  if (!prover) return tl::unexpected(CommandError{kUnusableInput, "bad-prover", prover.error()});

  catch_interrupts();
  double hertz = estimate_;
  if (hertz == 0) {
    log.info("measuring how fast this machine proves");
    const auto measured = proof_system_.measure(options, [] { return !interrupted(); });
    if (interrupted()) return kDone;
    if (!measured) return environment("no-measurement", measured.error());
    hertz = *measured;
  }
  log.info("worker starts", {{"prover", state->prover_id()},
                             {"orchestrator", orchestrator_.address},
                             {"device", proving_.device},
                             {"hertz", hertz}});

  std::optional<worker::HealthFile> health;
  if (!health_file_.empty()) {
    auto opened = worker::HealthFile::open(health_file_);
    if (!opened) return environment("bad-health-file", opened.error());
    health = *std::move(opened);
  }
  rpc::ProverTransport transport(orchestrator_.address, *credentials);
  worker::Timing timing{.heartbeat = std::chrono::milliseconds(heartbeat_ms_),
                        .progress = std::chrono::milliseconds(progress_ms_)};
  timing.backoff.first = std::chrono::milliseconds(reconnect_ms_);
  worker::Worker worker({.type = type_ == "ci" ? worker::ProverType::kCi : worker::ProverType::kVolunteer,
                         .prover_id = state->prover_id(),
                         .cycles_per_second = hertz},
                        timing, transport, **prover, *state, log, [&health](bool connected) {
                          if (health) health->write(connected);
                        });
  // A signal handler can do no more than set a flag.
  std::atomic<bool> ended = false;
  std::thread watcher([&] {
    while (!interrupted() && !ended) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    worker.stop();
  });
  worker.run();
  ended = true;
  watcher.join();
  log.info("worker ends", {{"prover", state->prover_id()}});
  return kDone;
}

}  // namespace magnetar::host
