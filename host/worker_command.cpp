#include "host/worker_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "host/http/http_server.h"
#include "host/http/worker_metrics.h"
#include "host/interrupt.h"
#include "host/rpc/credentials.h"
#include "host/rpc/prover_transport.h"
#include "host/worker/state_folder.h"
#include "host/worker/worker.h"

namespace magnetar::host {
namespace {

/// A device with a prover of its own: its id, its stream, its work.
class Lane {
 public:
  Lane(proving::ProofSystem::ProverOptions the_options, worker::StateFolder the_state,
       std::unique_ptr<worker::Prover> prover, const std::string& orchestrator,
       const std::shared_ptr<grpc::ChannelCredentials>& credentials)
      : options(std::move(the_options)),
        state(std::move(the_state)),
        prover_(std::move(prover)),
        transport_(orchestrator, credentials) {}

  void begin(worker::Registration registration, const worker::Timing& timing, const log::Log& log) {
    const std::lock_guard lock(mutex_);
    worker_ = std::make_unique<worker::Worker>(std::move(registration), timing, transport_, *prover_, state, log);
  }
  void run() { worker_->run(); }
  void stop() { worker_->stop(); }

  worker::Snapshot snapshot() const {
    const std::lock_guard lock(mutex_);
    if (worker_) return worker_->snapshot();
    return {.prover = state.prover_id(), .device = options.device, .turned_at = std::chrono::steady_clock::now()};
  }

  const proving::ProofSystem::ProverOptions options;
  worker::StateFolder state;

 private:
  std::unique_ptr<worker::Prover> prover_;
  rpc::ProverTransport transport_;
  mutable std::mutex mutex_;
  std::unique_ptr<worker::Worker> worker_;  // by mutex_, until it is there
};

/// Before their futures wait for them, however that comes about.
struct StopAtTheEnd {
  const std::vector<std::unique_ptr<Lane>>& lanes;

  void operator()() const {
    for (const auto& lane : lanes) lane->stop();
  }
  ~StopAtTheEnd() { (*this)(); }
};

}  // namespace

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
      .add_option("--http", http_, "for /metrics, /status.json, /healthz and /ready; not served otherwise")
      ->type_name("HOST:PORT");
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
  std::optional<rpc::Address> http_address;
  if (!http_.empty()) {
    auto parsed = rpc::parse_address(http_);
    if (!parsed) return tl::unexpected(CommandError{kUnusableInput, "bad-connection", "--http: " + parsed.error()});
    http_address = *std::move(parsed);
  }
  const auto threads = proving_.limit_threads();
  const auto devices = proof_system_.devices(proving_.device);
  if (!devices) return tl::unexpected(CommandError{kUnusableInput, "bad-prover", devices.error()});
  std::vector<std::unique_ptr<Lane>> lanes;
  for (const std::string& device : *devices) {
    auto state = worker::StateFolder::open(state_folder_);
    if (!state) return environment("bad-state-folder", state.error());
    const proving::ProofSystem::ProverOptions options{
        .cache = cache_.path(), .preset = proving_.params, .device = device, .limits = limits_};
    auto prover = proof_system_.prover(options);
    if (!prover) return tl::unexpected(CommandError{kUnusableInput, "bad-prover", prover.error()});
    lanes.push_back(
        std::make_unique<Lane>(options, *std::move(state), *std::move(prover), orchestrator_.address, *credentials));
  }

  catch_interrupts();
  const auto longest_turn = std::chrono::milliseconds(3 * heartbeat_ms_) + std::chrono::seconds(5);
  std::unique_ptr<http::HttpServer> http_server;
  if (http_address) {
    const auto snapshots = [&lanes] {
      std::vector<worker::Snapshot> all;
      all.reserve(lanes.size());
      for (const auto& lane : lanes) all.push_back(lane->snapshot());
      return all;
    };
    auto pages = http::Pages{
        .metrics = [=] { return http::worker_metrics(snapshots()); },
        .status = [=] { return http::worker_status(snapshots()); },
        .ready =
            [=] {
              const auto all = snapshots();
              return std::any_of(all.begin(), all.end(), [](const auto& s) { return s.connected; });
            },
        .healthy =
            [=] {
              const auto all = snapshots();
              const auto now = std::chrono::steady_clock::now();
              // Some may have ended while others still take their leave.
              return interrupted() || std::all_of(all.begin(), all.end(),
                                                  [&](const auto& s) { return now - s.turned_at < longest_turn; });
            },
        .page = false};
    auto running = http::HttpServer::start(http_address->host, std::stoi(http_address->port), std::move(pages));
    if (!running) return environment("cannot-listen", running.error());
    http_server = *std::move(running);
    const std::string line = fmt::format("http on {}:{}\n", http_.substr(0, http_.rfind(':')), http_server->port());
    if (auto written = write_stdout(line.data(), line.size()); !written) return tl::unexpected(written.error());
  }

  std::vector<double> hertz(lanes.size(), estimate_);
  if (estimate_ == 0) {
    log.info("measuring how fast this machine proves", {{"devices", devices->size()}});
    // All at the same time, as they will work.
    std::vector<std::future<tl::expected<double, std::string>>> measuring;
    measuring.reserve(lanes.size());
    for (const auto& lane : lanes) {
      measuring.push_back(std::async(std::launch::async, [&, lane = lane.get()] {
        return proof_system_.measure(lane->options, [] { return !interrupted(); });
      }));
    }
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      const auto measured = measuring[i].get();
      if (interrupted()) return kDone;
      if (!measured) return environment("no-measurement", measured.error());
      hertz[i] = *measured;
    }
  }

  worker::Timing timing{.heartbeat = std::chrono::milliseconds(heartbeat_ms_),
                        .progress = std::chrono::milliseconds(progress_ms_)};
  timing.backoff.first = std::chrono::milliseconds(reconnect_ms_);
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    Lane& lane = *lanes[i];
    log.info("worker starts", {{"prover", lane.state.prover_id()},
                               {"orchestrator", orchestrator_.address},
                               {"device", lane.options.device},
                               {"hertz", hertz[i]}});
    lane.begin({.type = type_ == "ci" ? worker::ProverType::kCi : worker::ProverType::kVolunteer,
                .prover_id = lane.state.prover_id(),
                .cycles_per_second = hertz[i]},
               timing, log);
  }
  // One that fails ends all: what it threw comes out of get(), once the others have ended in order.
  std::vector<std::future<void>> running;
  running.reserve(lanes.size());
  const StopAtTheEnd stop{lanes};
  for (const auto& lane : lanes) {
    running.push_back(std::async(std::launch::async, [lane = lane.get()] { lane->run(); }));
  }
  const auto has_ended = [](const std::future<void>& run) {
    return run.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  };
  // A signal handler can do no more than set a flag.
  while (!interrupted() && std::none_of(running.begin(), running.end(), has_ended)) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  stop();
  for (const std::future<void>& run : running) run.wait();
  for (std::future<void>& run : running) run.get();
  for (const auto& lane : lanes) log.info("worker ends", {{"prover", lane->state.prover_id()}});
  return kDone;
}

}  // namespace magnetar::host
