#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <tl/expected.hpp>

#include "host/compile/compile_error.h"
#include "host/compile/toolchain.h"

namespace magnetar::compile {

/// What programs are compiled with: the compiled libraries of vm/guest/rust and its linker script.
struct GuestSdk {
  std::filesystem::path folder;
  std::string digest;  ///< of all of its files
};

/// Names the runtime's sources, which this program carries: changes with every change of them.
const std::string& runtime_digest();

/// The SDK for `toolchain` in `cache_folder`, every file of it checked against its manifest. What is not there is
/// built, some 30 s on two cores; what does not pass is built again, with a warning. Threads and processes may call
/// this at once: one of them builds.
tl::expected<GuestSdk, CompileError> open_sdk(const std::filesystem::path& cache_folder, const Toolchain& toolchain,
                                              const ToolchainIdentity& identity,
                                              const std::function<void(const std::string&)>& warn,
                                              const std::stop_token& stop);

}  // namespace magnetar::compile
