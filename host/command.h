#pragma once

#include <CLI/App.hpp>
#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <tl/expected.hpp>

namespace magnetar::host {

/// Exit codes of every command. `run` alone passes on the guest's own exit code when the guest halted.
enum ExitCode : int {
  kDone = 0,
  kRefused = 1,        ///< a proof, a request
  kUnusableInput = 2,  ///< or usage
  kGuestFaulted = 3,
  kEnvironment = 4,  ///< disk, memory, network, device
  kInterrupted = 130,
};

/// Why a command could not do its work. `kind` is a stable kebab-case name for scripts.
struct CommandError {
  ExitCode exit_code;
  std::string kind;
  std::string message;
};

template <typename T>
using Result = tl::expected<T, CommandError>;

/// A subcommand of `magnetar`.
class Command {
 public:
  explicit Command(CLI::App& flags) : flags_(flags) {}
  virtual ~Command() = default;
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  /// Whether it is the one that the command line names.
  bool parsed() const { return flags_.parsed(); }
  bool json() const { return json_; }

  /// The process's exit code.
  virtual Result<int> run() const = 0;

 protected:
  CLI::App& flags() { return flags_; }
  void add_json_flag(const std::string& description) { flags_.add_flag("--json", json_, description); }

 private:
  CLI::App& flags_;
  bool json_ = false;
};

/// Prints the message on stderr and, if `json`, `{"error": {"kind", "message"}}` on stdout.
/// Returns the process's exit code.
int report(const CommandError& error, bool json);

/// Prints `object` on stdout as one line.
Result<void> print_json(const nlohmann::json& object);

/// Writes all of `bytes` to stdout now.
Result<void> write_stdout(const void* bytes, std::size_t size);

}  // namespace magnetar::host
