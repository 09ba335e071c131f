#pragma once

#include <CLI/App.hpp>

#include "host/command.h"
#include "host/proving_flags.h"

namespace magnetar::host {

/// `magnetar bench`: how many cycles a second this machine proves, on built-in programs.
class BenchCommand final : public Command {
 public:
  explicit BenchCommand(CLI::App& app);
  Result<int> run() const override;

 private:
  ProvingFlags proving_;
  CacheFlag cache_;
  double seconds_ = 20;
};

}  // namespace magnetar::host
