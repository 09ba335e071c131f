#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <string>

#include "host/command.h"
#include "host/input.h"

namespace magnetar::host {

/// `magnetar run ELF`: executes a program without proving anything. The guest's output goes to stdout, its log
/// and the statistics to stderr.
class RunCommand final : public Command {
 public:
  explicit RunCommand(CLI::App& app);

  /// The process's exit code: the low byte of the guest's if it halted.
  Result<int> run() const override;

 private:
  std::string elf_;
  InputFlags input_;
  std::uint64_t max_cycles_ = 0;
  std::uint64_t max_memory_ = 0;
  bool trace_stats_ = false;
  std::string profile_;
};

}  // namespace magnetar::host
