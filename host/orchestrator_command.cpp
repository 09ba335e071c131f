#include "host/orchestrator_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "host/compile/compiler.h"
#include "host/dispatch/dispatcher.h"
#include "host/duration.h"
#include "host/http/http_server.h"
#include "host/http/metrics.h"
#include "host/http/status.h"
#include "host/input.h"
#include "host/interrupt.h"
#include "host/orchestrator_identity.h"
#include "host/rpc/credentials.h"
#include "host/store/store.h"

namespace magnetar::host {
namespace {

tl::unexpected<CommandError> unusable(std::string kind, std::string message) {
  return tl::unexpected(CommandError{kUnusableInput, std::move(kind), std::move(message)});
}

tl::unexpected<CommandError> environment(std::string kind, std::string message) {
  return tl::unexpected(CommandError{kEnvironment, std::move(kind), std::move(message)});
}

void write_event(const log::Log& log, const dispatch::Event& event) {
  std::vector<log::Field> fields;
  if (event.job) fields.emplace_back("job", static_cast<std::int64_t>(*event.job));
  if (event.segment) fields.emplace_back("segment", static_cast<std::int64_t>(*event.segment));
  if (!event.prover.empty()) fields.emplace_back("prover", event.prover);
  const auto level = [&] {
    switch (event.severity) {
      case dispatch::Event::Severity::kWarning:
        return log::Level::kWarning;
      case dispatch::Event::Severity::kError:
        return log::Level::kError;
      default:
        return log::Level::kInfo;
    }
  };
  log.write(level(), event.message, fields);
}

// "HOST" of "HOST:PORT" as it was written, brackets and all.
std::string_view host_part(std::string_view address) {
  return address.substr(0, address.rfind(':'));
}

}  // namespace

OrchestratorCommand::OrchestratorCommand(CLI::App& app, proving::ProofSystem& proof_system, MakeCompile make_compile)
    : Command(*app.add_subcommand("orchestrator", "Serve requesters and provers, until stopped")),
      proof_system_(proof_system),
      make_compile_(std::move(make_compile)),
      state_folder_(default_state_folder() + "/orchestrator"),
      compile_cache_(compile::default_cache_folder().string()) {
  const dispatch::Options defaults;
  max_elf_bytes_ = defaults.max_elf_bytes;
  max_input_bytes_ = defaults.max_input_bytes;
  max_jobs_ = defaults.queue.jobs;
  max_message_bytes_ = rpc::ServerOptions().max_message_bytes;
  max_requests_per_client_ = rpc::ServerOptions().max_requests_per_client;
  ci_max_steps_ = defaults.policy.ci_max_steps;
  heartbeat_ms_ = static_cast<std::uint64_t>(defaults.policy.heartbeat_interval.count());

  flags()
      .add_option("--listen", listen_, "for gRPC; port 0: a free one, which is printed")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  flags().add_option("--http", http_, "for /metrics and the status page; not served otherwise")->type_name("HOST:PORT");
  flags()
      .add_option("--store", store_, "jobs and provers; otherwise sqlite:DIR/orchestrator.db in the state folder")
      ->type_name("sqlite:FILE|postgres://...");
  flags()
      .add_option("--state", state_folder_, "for the embedded store and proofs")
      ->type_name("DIR")
      ->capture_default_str();
  flags()
      .add_option("--compile-cache", compile_cache_, "for the compiled runtime and programs of the RPC Compile")
      ->type_name("DIR")
      ->capture_default_str();
  flags().add_option("--tls-cert", tls_cert_, "the server's certificate chain, in PEM")->type_name("FILE");
  flags().add_option("--tls-key", tls_key_, "its key, in PEM")->type_name("FILE");
  flags()
      .add_option("--tls-client-ca", tls_client_ca_, "provers must show a certificate of it, in PEM")
      ->type_name("FILE");
  flags()
      .add_option("--tokens", tokens_, "requesters must show one of these: lines NAME TOKEN [request] [compile]")
      ->type_name("FILE");
  flags().add_flag("--plaintext", plaintext_, "no TLS, whatever the address; loopback addresses need none");
  flags()
      .add_option("--max-cycles", limits_.max_cycles, "refuse programs that have not halted by then")
      ->type_name("N")
      ->capture_default_str();
  flags()
      .add_option("--max-memory", limits_.max_memory_bytes, "refuse programs that touch more, in bytes")
      ->type_name("N")
      ->capture_default_str();
  flags()
      .add_option("--max-elf-bytes", max_elf_bytes_, "refuse larger ELF files")
      ->type_name("N")
      ->capture_default_str();
  flags()
      .add_option("--max-input-bytes", max_input_bytes_, "refuse longer inputs")
      ->type_name("N")
      ->capture_default_str();
  flags()
      .add_option("--max-message-bytes", max_message_bytes_, "refuse longer messages of requesters and provers")
      ->type_name("N")
      ->check(CLI::Range(std::size_t{1024}, rpc::ServerOptions().max_message_bytes))
      ->capture_default_str();
  flags()
      .add_option("--max-jobs", max_jobs_, "refuse requests when so many jobs are open")
      ->type_name("N")
      ->capture_default_str();
  flags()
      .add_option("--max-requests-per-client", max_requests_per_client_, "that wait at the same time")
      ->type_name("N")
      ->capture_default_str();
  flags()
      .add_option("--ci-max-steps", ci_max_steps_, "provers of type ci get no longer executions")
      ->type_name("N")
      ->capture_default_str();
  const auto is_duration = [](const std::string& text) {
    return parse_duration(text) ? std::string() : "'" + text + "' is no duration, as 250ms, 90s, 5m, 24h or 7d";
  };
  flags()
      .add_option("--result-ttl", result_ttl_, "how long results stay available")
      ->type_name("TIME")
      ->check(is_duration)
      ->capture_default_str();
  flags()
      .add_option("--unused-ttl", unused_ttl_, "how long programs, inputs and proofs stay that no job has any more")
      ->type_name("TIME")
      ->check(is_duration)
      ->capture_default_str();
  flags()
      .add_option("--job-ttl", job_ttl_, "jobs that are not done by then fail")
      ->type_name("TIME")
      ->check(is_duration)
      ->capture_default_str();
  flags()
      .add_option("--quarantine", quarantine_, "for provers whose proof was invalid")
      ->type_name("TIME")
      ->check(is_duration)
      ->capture_default_str();
  flags()
      .add_option("--drain", drain_, "how long provers may go on after SIGTERM")
      ->type_name("TIME")
      ->check(is_duration)
      ->capture_default_str();
  flags()
      .add_option("--straggler-grace", straggler_grace_,
                  "a segment that takes this longer than twice its estimate goes to a second prover")
      ->type_name("TIME")
      ->check(is_duration)
      ->capture_default_str();
  flags()
      .add_option("--heartbeat-ms", heartbeat_ms_, "provers silent for three times as long have disappeared")
      ->type_name("N")
      ->check(CLI::Range(10u, 3'600'000u))
      ->capture_default_str();
  flags()
      .add_option("--workers", workers_, "threads that execute, verify and assemble")
      ->type_name("N")
      ->check(CLI::Range(1u, 1024u))
      ->capture_default_str();
  cache_.add_to(flags());
  log_.add_to(flags());
}

Result<int> OrchestratorCommand::run() const {
  const log::Log log = log_.open();
  const auto started = std::chrono::steady_clock::now();

  rpc::ServerOptions server_options;
  server_options.listen = listen_;
  const auto credentials =
      rpc::server_credentials(listen_, {.cert = tls_cert_, .key = tls_key_, .client_ca = tls_client_ca_}, plaintext_);
  if (!credentials) return unusable("bad-connection", credentials.error());
  server_options.credentials = *credentials;
  server_options.tls = !tls_cert_.empty();
  server_options.provers_authenticated = !tls_client_ca_.empty();
  server_options.registration_timeout = std::chrono::milliseconds(heartbeat_ms_);
  server_options.max_message_bytes = max_message_bytes_;
  server_options.max_requests_per_client = max_requests_per_client_;
  if (!tokens_.empty()) {
    const auto text = read_file(tokens_, std::uint64_t{16} << 20);
    if (!text) return tl::unexpected(text.error());
    auto tokens = rpc::Tokens::parse({reinterpret_cast<const char*>(text->data()), text->size()});
    if (!tokens) return unusable("bad-tokens", fmt::format("{}: {}", tokens_, tokens.error()));
    if (tokens->size() == 0) return unusable("bad-tokens", fmt::format("{}: no token, so nobody could ask", tokens_));
    server_options.tokens = *std::move(tokens);
  }
  std::optional<rpc::Address> http_address;
  if (!http_.empty()) {
    auto parsed = rpc::parse_address(http_);
    if (!parsed) return unusable("bad-connection", "--http: " + parsed.error());
    http_address = *std::move(parsed);
  }

  std::error_code error;
  std::filesystem::create_directories(state_folder_, error);
  if (error) {
    return environment("bad-state-folder",
                       fmt::format("cannot make the folder {}: {}", state_folder_, error.message()));
  }
  const std::filesystem::path folder(state_folder_);
  const auto identity = OrchestratorIdentity::open(folder);
  if (!identity) return environment("bad-state-folder", identity.error());
  const auto store = store::open_store(store_.empty() ? "sqlite:" + (folder / "orchestrator.db").string() : store_,
                                       store_.rfind("postgres", 0) == 0 ? std::filesystem::path() : folder / "blobs");
  if (!store) {
    return environment("store-" + std::string(store::name(store.error().kind)), store.error().message);
  }

  dispatch::Options options;
  options.policy.heartbeat_interval = std::chrono::milliseconds(heartbeat_ms_);
  options.policy.stale_connection = options.policy.heartbeat_interval * 3 / 2;
  options.policy.reconnect_grace = options.policy.heartbeat_interval / 2;
  options.policy.straggler_grace = *parse_duration(straggler_grace_);
  options.policy.ci_max_steps = ci_max_steps_;
  options.queue.jobs = max_jobs_;
  options.max_elf_bytes = max_elf_bytes_;
  options.max_input_bytes = max_input_bytes_;
  options.result_ttl = *parse_duration(result_ttl_);
  options.blob_grace = *parse_duration(unused_ttl_);
  // What has expired is not kept for long after.
  options.collect_interval = std::clamp<dispatch::Duration>(std::min(options.result_ttl, options.blob_grace),
                                                            std::chrono::seconds(1), options.collect_interval);
  options.max_job_age = *parse_duration(job_ttl_);
  options.quarantine = *parse_duration(quarantine_);
  options.max_bundle_bytes = max_message_bytes_;
  options.workers = workers_;
  options.policy.bounds.max_segments = proof_system_.max_segments();
  options.segment_proof_bytes = proof_system_.segment_proof_bytes();
  options.self = identity->id();
  const auto clock = options.clock;
  const std::unique_ptr<dispatch::ProofEngine> engine = proof_system_.engine(cache_.path(), limits_);
  const auto dispatcher = dispatch::Dispatcher::start(
      **store, *engine, std::move(options), [&log](const dispatch::Event& event) { write_event(log, event); });
  if (!dispatcher) {
    return environment("store-" + std::string(store::name(dispatcher.error().kind)), dispatcher.error().message);
  }

  const auto server = rpc::Server::start(std::move(server_options), **dispatcher, make_compile_(compile_cache_), log);
  if (!server) return environment("cannot-listen", server.error());

  std::unique_ptr<http::HttpServer> http_server;
  if (http_address) {
    auto pages = http::Pages{.metrics = [&] { return http::metrics((*dispatcher)->snapshot(), (*server)->counts()); },
                             .status =
                                 [&] {
                                   const auto uptime = std::chrono::duration_cast<std::chrono::seconds>(
                                       std::chrono::steady_clock::now() - started);
                                   return http::to_json((*dispatcher)->snapshot(), (*server)->counts(), clock(), uptime)
                                       .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
                                 },
                             .ready = [&] { return !(*dispatcher)->draining(); },
                             // It answers at all, and so does what all its work waits for.
                             .healthy =
                                 [&] {
                                   static_cast<void>((*dispatcher)->draining());
                                   return true;
                                 }};
    auto running = http::HttpServer::start(http_address->host, std::stoi(http_address->port), std::move(pages));
    if (!running) return environment("cannot-listen", running.error());
    http_server = *std::move(running);
  }

  catch_interrupts();
  std::string lines = fmt::format("listening on {}:{}\n", host_part(listen_), (*server)->port());
  if (http_server) lines += fmt::format("http on {}:{}\n", host_part(http_), http_server->port());
  if (auto written = write_stdout(lines.data(), lines.size()); !written) return tl::unexpected(written.error());
  log.info("orchestrator starts", {{"listen", listen_},
                                   {"port", (*server)->port()},
                                   {"tls", !tls_cert_.empty()},
                                   {"client_certificates", !tls_client_ca_.empty()},
                                   {"tokens", !tokens_.empty()}});

  while (!interrupted()) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  log.info("orchestrator drains", {{"at_most", drain_}});
  (*server)->drain();
  (*dispatcher)->drain();
  if (!(*dispatcher)->wait_drained(*parse_duration(drain_))) {
    log.warning("provers are still at work; their segments are given out again after the next start");
  }
  log.info("orchestrator ends");
  return kDone;
}

}  // namespace magnetar::host
