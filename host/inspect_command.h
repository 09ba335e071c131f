#pragma once

#include <CLI/App.hpp>
#include <string>

#include "host/command.h"

namespace magnetar::host {

/// `magnetar inspect PROOF`: what a proof says of itself. Nothing is verified.
class InspectCommand final : public Command {
 public:
  explicit InspectCommand(CLI::App& app);
  Result<int> run() const override;

 private:
  std::string proof_;
};

}  // namespace magnetar::host
