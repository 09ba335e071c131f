#include "host/compile/compile_error.h"

namespace magnetar::compile {

std::string_view name(CompileErrorKind kind) {
  switch (kind) {
    case CompileErrorKind::kSource:
      return "does-not-compile";
    case CompileErrorKind::kNotRv32i:
      return "not-rv32i";
    case CompileErrorKind::kLimit:
      return "compile-limit";
    case CompileErrorKind::kToolchain:
      return "toolchain-missing";
    case CompileErrorKind::kSandbox:
      return "sandbox-failed";
    case CompileErrorKind::kCacheFolder:
      return "cache-folder";
    case CompileErrorKind::kCancelled:
      return "cancelled";
  }
  return "unknown";
}

}  // namespace magnetar::compile
