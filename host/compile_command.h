#pragma once

#include <CLI/App.hpp>
#include <string>

#include "host/command.h"

namespace magnetar::host {

/// `magnetar compile FILE.rs`: compiles a program that is one Rust file to an ELF file, in a sandbox. The compiler's
/// warnings go to stderr.
class CompileCommand final : public Command {
 public:
  explicit CompileCommand(CLI::App& app);
  Result<int> run() const override;

 private:
  std::string source_;
  std::string out_;
  std::string cache_;
  bool local_ = false;
};

}  // namespace magnetar::host
