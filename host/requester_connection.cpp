#include "host/requester_connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "host/input.h"
#include "host/rpc/credentials.h"

namespace magnetar::host {
namespace {

// "RESOURCE_EXHAUSTED" as "resource-exhausted".
std::string error_kind(std::string status) {
  std::transform(status.begin(), status.end(), status.begin(), [](char c) {
    return c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  });
  return status;
}

}  // namespace

Result<std::string> read_token(const std::string& file) {
  if (file.empty()) return std::string();
  const auto bytes = read_file(file, 4096);
  if (!bytes) return tl::unexpected(bytes.error());
  std::string text(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) text.pop_back();
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (!plain) {
    return tl::unexpected(CommandError{kUnusableInput, "bad-token", fmt::format("{} holds no token", file)});
  }
  return text;
}

Result<rpc::Requester> connect(const OrchestratorFlags& flags, std::string token) {
  auto credentials = rpc::client_credentials(
      flags.address, {.ca = flags.tls_ca, .cert = flags.tls_cert, .key = flags.tls_key}, flags.plaintext);
  if (!credentials) return tl::unexpected(CommandError{kUnusableInput, "bad-connection", credentials.error()});
  return rpc::Requester(flags.address, *std::move(credentials), std::move(token));
}

CommandError to_command_error(const rpc::CallError& error, const std::string& address) {
  if (error.interrupted) return {kInterrupted, "interrupted", "interrupted; the job goes on, ask again for its proof"};
  std::string message = fmt::format("{} says {}: {}", address, error.status, error.message);
  if (error.unreachable) return {kEnvironment, error_kind(error.status), std::move(message)};
  if (error.status == "INVALID_ARGUMENT") return {kUnusableInput, error_kind(error.status), std::move(message)};
  if (error.status == "FAILED_PRECONDITION") return {kGuestFaulted, error_kind(error.status), std::move(message)};
  return {kRefused, error_kind(error.status), std::move(message)};
}

}  // namespace magnetar::host
