#pragma once

#include <CLI/App.hpp>
#include <string>

#include "host/command.h"
#include "host/proving_flags.h"

namespace magnetar::host {

/// `magnetar params make|list|check [NAME]`: the cached public parameters.
class ParamsCommand final : public Command {
 public:
  explicit ParamsCommand(CLI::App& app);
  Result<int> run() const override;

 private:
  std::string action_;
  std::string name_;
  CacheFlag cache_;
};

}  // namespace magnetar::host
