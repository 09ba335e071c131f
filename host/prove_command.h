#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <string>

#include "host/command.h"
#include "host/input.h"
#include "host/proving_flags.h"

namespace magnetar::host {

/// `magnetar prove ELF`: executes a program and writes a proof of the execution. An interrupted command leaves a
/// checkpoint beside the proof's file, from which the same command goes on.
class ProveCommand final : public Command {
 public:
  explicit ProveCommand(CLI::App& app);
  Result<int> run() const override;

 private:
  std::string elf_;
  InputFlags input_;
  ProvingFlags proving_;
  CacheFlag cache_;
  StepsFlag steps_;
  std::string out_;
  std::uint64_t segment_steps_ = 0;
  std::uint64_t max_cycles_ = 0;
  std::uint64_t checkpoint_seconds_ = 30;
};

}  // namespace magnetar::host
