#pragma once

#include <CLI/App.hpp>
#include <string>

#include "host/command.h"
#include "host/log/log.h"

namespace magnetar::host {

/// `--log-json` and `--log-level`.
struct LogFlags {
  bool json = false;
  std::string level = "info";

  void add_to(CLI::App& command);
  log::Log open() const;
};

/// How a command reaches an orchestrator.
struct OrchestratorFlags {
  std::string address;
  std::string tls_ca, tls_cert, tls_key;
  bool plaintext = false;

  void add_to(CLI::App& command, bool required = true);
};

/// The folder of what magnetar keeps for a user: $XDG_STATE_HOME/magnetar or ~/.local/state/magnetar.
std::string default_state_folder();

}  // namespace magnetar::host
