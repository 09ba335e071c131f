#include "host/command.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

namespace magnetar::host {

int report(const CommandError& error, bool json) {
  std::fprintf(stderr, "magnetar: %s\n", error.message.c_str());
  if (json) {
    const auto printed = print_json({{"error", {{"kind", error.kind}, {"message", error.message}}}});
    if (!printed) std::fprintf(stderr, "magnetar: %s\n", printed.error().message.c_str());
  }
  return error.exit_code;
}

Result<void> print_json(const nlohmann::json& object) {
  // A guest may log what is no UTF-8.
  const std::string line = object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  return write_stdout(line.data(), line.size());
}

Result<void> write_stdout(const void* bytes, std::size_t size) {
  if (std::fwrite(bytes, 1, size, stdout) != size || std::fflush(stdout) != 0) {
    return tl::unexpected(CommandError{kEnvironment, "write-failed",
                                       std::string("cannot write to standard output: ") + std::strerror(errno)});
  }
  return {};
}

}  // namespace magnetar::host
