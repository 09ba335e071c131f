#include "host/compile_service.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <mutex>
#include <utility>

#include "host/compile/compiler.h"

namespace magnetar::host {
namespace {

store::Status to_status(const compile::CompileError& error) {
  using Kind = compile::CompileErrorKind;
  switch (error.kind) {
    case Kind::kSource:
    case Kind::kNotRv32i:
      return {store::Code::kInvalidArgument, error.message};
    case Kind::kLimit:
      return {store::Code::kResourceExhausted, error.message};
    case Kind::kCancelled:
      return {store::Code::kCancelled, "cancelled"};
    default:
      return {store::Code::kUnavailable, fmt::format("this orchestrator cannot compile: {}", error.message)};
  }
}

struct Shared {
  const std::filesystem::path cache;
  std::mutex mutex;
  std::shared_ptr<compile::Compiler> compiler;  // by mutex

  explicit Shared(std::filesystem::path folder) : cache(std::move(folder)) {}

  tl::expected<std::shared_ptr<compile::Compiler>, compile::CompileError> get() {
    const std::lock_guard lock(mutex);
    if (compiler == nullptr) {
      compile::CompilerOptions options{.cache_folder = cache};
      options.warn = [](const std::string& line) { fmt::print(stderr, "magnetar: {}\n", line); };
      auto opened = compile::Compiler::open(std::move(options));
      if (!opened) return tl::unexpected(std::move(opened.error()));
      compiler = *std::move(opened);
    }
    return compiler;
  }
};

}  // namespace

rpc::Compile compile_in_sandbox(const std::filesystem::path& cache) {
  return [shared = std::make_shared<Shared>(cache)](const std::string& source) -> store::Expected<std::string> {
    const auto compiler = shared->get();
    if (!compiler) return tl::unexpected(to_status(compiler.error()));
    const auto compiled = (*compiler)->compile(source);
    if (!compiled) return tl::unexpected(to_status(compiled.error()));
    return std::string(reinterpret_cast<const char*>(compiled->elf.data()), compiled->elf.size());
  };
}

}  // namespace magnetar::host
