#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace magnetar::compile {

enum class CompileErrorKind : std::uint8_t {
  kSource,       ///< the program does not compile or link; the message holds the compiler's diagnostics
  kNotRv32i,     ///< it does, to something that the machine cannot execute
  kLimit,        ///< a limit on time, memory, disk or sizes was passed
  kToolchain,    ///< not installed, or unable to build the runtime
  kSandbox,      ///< no sandbox could be made, so that nothing was compiled
  kCacheFolder,  ///< cannot be written
  kCancelled,
};

/// "does-not-compile" and so on: stable names.
std::string_view name(CompileErrorKind kind);

struct CompileError {
  CompileErrorKind kind;
  std::string message;  ///< what is wrong, where, and what would be right; UTF-8 as far as the compiler's is
};

}  // namespace magnetar::compile
