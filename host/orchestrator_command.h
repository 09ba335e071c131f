#pragma once

#include <CLI/App.hpp>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "host/command.h"
#include "host/network_flags.h"
#include "host/proving/proof_system.h"
#include "host/proving_flags.h"
#include "host/rpc/server.h"

namespace magnetar::host {

/// `magnetar orchestrator`: serves requesters and provers, until SIGTERM or SIGINT; then lets work in hand end.
class OrchestratorCommand final : public Command {
 public:
  /// What compiles, with its cache in a folder.
  using MakeCompile = std::function<rpc::Compile(const std::filesystem::path& cache)>;

  OrchestratorCommand(CLI::App& app, proving::ProofSystem& proof_system, MakeCompile make_compile);
  Result<int> run() const override;

 private:
  proving::ProofSystem& proof_system_;
  MakeCompile make_compile_;
  LogFlags log_;
  CacheFlag cache_;
  std::string listen_ = "127.0.0.1:50051";
  std::string http_;
  std::string store_;
  std::string state_folder_;
  std::string compile_cache_;
  std::string tls_cert_, tls_key_, tls_client_ca_;
  std::string tokens_;
  bool plaintext_ = false;
  proving::ExecutionLimits limits_;
  std::size_t max_elf_bytes_;
  std::size_t max_input_bytes_;
  std::size_t max_jobs_;
  std::size_t max_requests_per_client_;
  std::uint64_t ci_max_steps_;
  std::string result_ttl_ = "24h";
  std::string unused_ttl_ = "1h";
  std::string job_ttl_ = "24h";
  std::string quarantine_ = "24h";
  std::string drain_ = "60s";
  std::string straggler_grace_ = "30s";
  std::size_t max_message_bytes_;
  std::uint64_t heartbeat_ms_;
  unsigned workers_ = 1;
};

}  // namespace magnetar::host
