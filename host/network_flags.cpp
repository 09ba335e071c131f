#include "host/network_flags.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <limits>
#include <string_view>

namespace magnetar::host {
namespace {

// All of `text` as a number of 0 to 2^31 - 1.
std::optional<std::int32_t> parse_steps(std::string_view text) {
  std::int32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

}  // namespace

void LogFlags::add_to(CLI::App& command) {
  command.add_flag("--log-json", json, "log one JSON object a line, on standard error");
  command.add_option("--log-level", level, "the least that is logged")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str();
}

log::Log LogFlags::open() const {
  return log::Log(json ? log::Format::kJson : log::Format::kText, log::parse_level(level));
}

void OrchestratorFlags::add_to(CLI::App& command) {
  command.add_option("--orchestrator", address, "the orchestrator")->required()->type_name("HOST:PORT");
  command.add_option("--tls-ca", tls_ca, "whose certificates to trust, in PEM; otherwise the system's")
      ->type_name("FILE");
  command.add_option("--tls-cert", tls_cert, "a certificate to show, in PEM")->type_name("FILE");
  command.add_option("--tls-key", tls_key, "its key, in PEM")->type_name("FILE");
  command.add_flag("--plaintext", plaintext, "no TLS, whatever the address; loopback addresses need none");
}

void StepsFlag::add_to(CLI::App& command) {
  command.add_option("--steps", text, "only so many steps of 1,024 cycles from this one on; no count: all that follow")
      ->type_name("FROM:COUNT");
}

Result<std::optional<StepsFlag::Range>> StepsFlag::parse() const {
  if (text.empty()) return std::nullopt;
  const std::size_t colon = text.find(':');
  const auto first = parse_steps(std::string_view(text).substr(0, colon));
  const std::string_view rest = colon == std::string::npos ? "" : std::string_view(text).substr(colon + 1);
  const auto count = rest.empty() ? std::nullopt : parse_steps(rest);
  if (!first || (!rest.empty() && !count)) {
    return tl::unexpected(CommandError{
        kUnusableInput, "bad-steps",
        fmt::format("--steps {}: FROM and COUNT are whole numbers from 0 to {}", text,
                    std::numeric_limits<std::int32_t>::max())});
  }
  return Range{*first, count};
}

std::string default_state_folder() {
  if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state != '\0') {
    return std::string(state) + "/magnetar";
  }
  const char* home = std::getenv("HOME");
  return (home != nullptr && *home != '\0' ? std::string(home) : std::string(".")) + "/.local/state/magnetar";
}

}  // namespace magnetar::host
