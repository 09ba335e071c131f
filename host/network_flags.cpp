#include "host/network_flags.h"

#include <cstdlib>

namespace magnetar::host {
void LogFlags::add_to(CLI::App& command) {
  command.add_flag("--log-json", json, "log one JSON object a line, on standard error");
  command.add_option("--log-level", level, "the least that is logged")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str();
}

log::Log LogFlags::open() const {
  return log::Log(json ? log::Format::kJson : log::Format::kText, log::parse_level(level));
}

void OrchestratorFlags::add_to(CLI::App& command, bool required) {
  command.add_option("--orchestrator", address, "the orchestrator")->required(required)->type_name("HOST:PORT");
  command.add_option("--tls-ca", tls_ca, "whose certificates to trust, in PEM; otherwise the system's")
      ->type_name("FILE");
  command.add_option("--tls-cert", tls_cert, "a certificate to show, in PEM")->type_name("FILE");
  command.add_option("--tls-key", tls_key, "its key, in PEM")->type_name("FILE");
  command.add_flag("--plaintext", plaintext, "no TLS, whatever the address; loopback addresses need none");
}

std::string default_state_folder() {
  if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state != '\0') {
    return std::string(state) + "/magnetar";
  }
  const char* home = std::getenv("HOME");
  return (home != nullptr && *home != '\0' ? std::string(home) : std::string(".")) + "/.local/state/magnetar";
}

}  // namespace magnetar::host
