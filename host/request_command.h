#pragma once

#include <CLI/App.hpp>
#include <string>

#include "host/command.h"
#include "host/input.h"
#include "host/network_flags.h"
#include "host/proving/proof_system.h"
#include "host/proving_flags.h"

namespace magnetar::host {

/// `magnetar request ELF --orchestrator HOST:PORT`: has an execution proved, and verifies the proof.
class RequestCommand final : public Command {
 public:
  RequestCommand(CLI::App& app, proving::ProofSystem& proof_system);
  Result<int> run() const override;

 private:
  Result<void> keep(const std::string& proof) const;

  proving::ProofSystem& proof_system_;
  OrchestratorFlags orchestrator_;
  std::string elf_;
  InputFlags input_;
  StepsFlag steps_;
  CacheFlag cache_;
  std::string out_;
  std::string token_file_;
  std::string patience_ = "60s";
  bool no_verify_ = false;
};

}  // namespace magnetar::host
