#pragma once

#include <CLI/App.hpp>
#include <string>

#include "host/command.h"
#include "host/input.h"
#include "host/proving_flags.h"

namespace magnetar::host {

/// `magnetar verify PROOF --elf ELF`: whether a proof shows an execution of the program with the input.
class VerifyCommand final : public Command {
 public:
  explicit VerifyCommand(CLI::App& app);
  Result<int> run() const override;

 private:
  std::string proof_;
  std::string elf_;
  InputFlags input_;
  CacheFlag cache_;
  StepsFlag steps_;
  unsigned threads_ = 0;
};

}  // namespace magnetar::host
