#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace magnetar::compile {

/// A program to run. It gets an empty standard input, no descriptor of this process but those named below, and a
/// process group of its own.
struct Process {
  static constexpr int kData = 3;    ///< descriptor to read `data` from
  static constexpr int kReport = 4;  ///< descriptor to write a short report to

  std::vector<std::string> arguments;  ///< the first is the executable's path
  std::vector<std::string> environment{};
  std::string_view data{};
};

struct ProcessLimits {
  std::chrono::milliseconds wall;
  std::size_t output_bytes;   ///< more end the process
  std::size_t message_bytes;  ///< more are dropped and counted
};

enum class ProcessEnd : std::uint8_t { kExited, kTimeLimit, kOutputLimit, kCancelled };

struct ProcessResult {
  ProcessEnd end;  ///< other than kExited: it was killed, with its group
  int status;      ///< as a shell says it: exit status, or 128 + signal
  std::string output;
  std::string messages;  ///< its standard error
  std::uint64_t messages_dropped;
  std::string report;
};

/// Runs `process` to its end, and until nobody holds its output open. Any number of threads may do so at once. The
/// error says why it could not be started.
tl::expected<ProcessResult, std::string> run_process(const Process& process, const ProcessLimits& limits,
                                                     const std::stop_token& stop);

}  // namespace magnetar::compile
