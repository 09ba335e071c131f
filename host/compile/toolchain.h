#pragma once

#include <stop_token>
#include <string>
#include <tl/expected.hpp>

#include "host/compile/compile_error.h"
#include "host/compile/sandbox.h"

namespace magnetar::compile {

/// Where the compiler and what it works with lie; the defaults are where Debian's packages put them.
struct Toolchain {
  std::string rustc = "/usr/bin/rustc";              ///< rustc-web
  std::string linker = "/usr/bin/ld.lld-14";         ///< lld-14
  std::string crates = "/usr/share/cargo/registry";  ///< librust-serde-dev, librust-serde-derive-dev
  std::string bash = "/usr/bin/bash";
  SandboxTools sandbox{};
};

/// What is known of an installed toolchain.
struct ToolchainIdentity {
  std::string version;  ///< the line that rustc -V prints
  /// Changes with every other version of what a compiled program depends on: compiler, linker, and the sources of the
  /// libraries.
  std::string fingerprint;
};

/// Looks whether all of `toolchain` is there. If something is not, the error (kToolchain) names it and the packages to
/// install.
tl::expected<ToolchainIdentity, CompileError> identify(const Toolchain& toolchain, const std::stop_token& stop);

}  // namespace magnetar::compile
