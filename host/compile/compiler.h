#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "host/compile/compile_cache.h"
#include "host/compile/compile_error.h"
#include "host/compile/guest_sdk.h"
#include "host/compile/sandbox.h"
#include "host/compile/toolchain.h"

namespace magnetar::compile {

struct CompilerOptions {
  /// Made if need be. If this process is root, everyone must be able to read it: compiling is done as nobody.
  std::filesystem::path cache_folder;
  Toolchain toolchain{};
  SandboxLimits limits{};
  std::size_t max_source_bytes = std::size_t{1} << 20;
  std::uint64_t max_cache_bytes = std::uint64_t{256} << 20;
  unsigned max_parallel = 2;  ///< sandboxes at once; further calls wait
  /// Gets a line for everything that costs time but not the result. Called by any thread.
  std::function<void(const std::string&)> warn = [](const std::string&) {};
};

struct Compiled {
  std::vector<std::byte> elf;
  std::string diagnostics;  ///< the compiler's warnings
  bool cached;
};

/// Compiles programs that are one Rust file (edition 2021) with the runtime `nexus_rt` and with serde, in a sandbox.
/// The same source and packages give the same bytes.
///
/// Any number of threads may compile at once.
class Compiler {
 public:
  /// Checks that all that is needed is installed, and builds the runtime if it is not in the cache folder: some 30 s.
  static tl::expected<std::unique_ptr<Compiler>, CompileError> open(CompilerOptions options,
                                                                    const std::stop_token& stop = {});

  /// An ELF file that vm::Program loads and that holds RV32I instructions alone. A stop request ends the call within
  /// milliseconds.
  tl::expected<Compiled, CompileError> compile(std::string_view source, const std::stop_token& stop = {});

 private:
  class Slot;

  Compiler(CompilerOptions options, ToolchainIdentity identity, GuestSdk sdk);
  tl::expected<SandboxResult, CompileError> run(std::string_view source, const std::stop_token& stop);

  CompilerOptions options_;
  ToolchainIdentity identity_;
  GuestSdk sdk_;
  CompileCache cache_;
  std::mutex mutex_;
  std::condition_variable_any slot_free_;
  unsigned running_ = 0;
};

/// The default cache folder: $XDG_CACHE_HOME/magnetar or ~/.cache/magnetar; for root, whose home others cannot read,
/// /var/cache/magnetar.
std::filesystem::path default_cache_folder();

/// Whether `elf` is a program of the machine all of whose words in executable segments are RV32I instructions. If not,
/// the message says where.
tl::expected<void, std::string> check_rv32i(std::span<const std::byte> elf);

}  // namespace magnetar::compile
