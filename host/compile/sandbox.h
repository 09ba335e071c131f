#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "host/compile/process.h"

namespace magnetar::compile {

/// What a sandboxed program may use. Going over a limit ends it.
struct SandboxLimits {
  std::chrono::seconds cpu{15};  ///< of each process
  std::chrono::milliseconds wall{60'000};
  std::uint64_t address_space_bytes = std::uint64_t{1536} << 20;  ///< of each process; rustc needs half of it
  std::uint64_t file_bytes = std::uint64_t{16} << 20;
  std::uint64_t scratch_bytes = std::uint64_t{64} << 20;  ///< of /tmp
  unsigned processes = 64;                                ///< threads, too
  std::size_t result_bytes = std::size_t{16} << 20;
  std::size_t message_bytes = std::size_t{64} << 10;  ///< more are dropped
};

/// Where the programs lie that make a sandbox. All are in Debian's base system but bwrap, of package bubblewrap.
struct SandboxTools {
  std::string bwrap = "/usr/bin/bwrap";
  std::string setpriv = "/usr/bin/setpriv";
  std::string prlimit = "/usr/bin/prlimit";
  std::string shell = "/usr/bin/dash";
  std::string cat = "/usr/bin/cat";
};

/// A file or folder of the host that is seen in the sandbox at `inside`, and cannot be written there.
struct SandboxMount {
  std::string host;
  std::string inside;
};

struct SandboxJob {
  std::vector<std::string> arguments;  ///< the first is the executable's path inside
  std::vector<SandboxMount> mounts{};  ///< besides the system's shared libraries
  std::string_view data{};             ///< content of the file `data_path`
  std::string data_path;               ///< inside
  std::string result_path;             ///< inside, below /tmp: the file that the program leaves
};

struct SandboxResult {
  ProcessEnd end;
  int status;  ///< as a shell says it; only if end is kExited
  std::string result;
  std::string messages;  ///< what the program wrote to standard output and standard error
  std::uint64_t messages_dropped;
};

/// Runs `job` where it can reach nothing but what it is given: in namespaces of its own (users, processes, network,
/// mounts, IPC, host name), as nobody if this process is root, without capabilities or a way to gain any, in an empty
/// environment and file system of which /tmp alone can be written.
///
/// As root, all of `mounts` must be readable for everyone. The error says why the sandbox could not be made; the
/// program did not run then. Any number of threads may call this at once.
tl::expected<SandboxResult, std::string> run_sandboxed(const SandboxTools& tools, const SandboxLimits& limits,
                                                       const SandboxJob& job, const std::stop_token& stop);

}  // namespace magnetar::compile
