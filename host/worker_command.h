#pragma once

#include <CLI/App.hpp>
#include <string>

#include "host/command.h"
#include "host/network_flags.h"
#include "host/proving/proof_system.h"
#include "host/proving_flags.h"

namespace magnetar::host {

/// `magnetar worker --orchestrator HOST:PORT`: proves what an orchestrator gives it, until SIGTERM or SIGINT. On a host
/// with several GPUs it is a prover for each of them.
class WorkerCommand final : public Command {
 public:
  WorkerCommand(CLI::App& app, proving::ProofSystem& proof_system);
  Result<int> run() const override;

 private:
  proving::ProofSystem& proof_system_;
  OrchestratorFlags orchestrator_;
  LogFlags log_;
  ProvingFlags proving_;
  CacheFlag cache_;
  proving::ExecutionLimits limits_;
  std::string state_folder_;
  std::string http_;
  std::string type_ = "volunteer";
  double estimate_ = 0;
  unsigned heartbeat_ms_ = 10'000;
  unsigned progress_ms_ = 2'500;
  unsigned reconnect_ms_ = 500;
};

}  // namespace magnetar::host
