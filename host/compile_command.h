#pragma once

#include <CLI/App.hpp>
#include <string>

#include "host/command.h"
#include "host/network_flags.h"

namespace magnetar::host {

/// `magnetar compile FILE.rs`: compiles a program that is one Rust file to an ELF file, in a sandbox, here or by an
/// orchestrator. The compiler's warnings go to stderr; an orchestrator tells of errors alone.
class CompileCommand final : public Command {
 public:
  explicit CompileCommand(CLI::App& app);
  Result<int> run() const override;

 private:
  std::string source_;
  std::string out_;
  std::string cache_;
  bool local_ = false;
  OrchestratorFlags orchestrator_;
  std::string token_file_;
};

}  // namespace magnetar::host
