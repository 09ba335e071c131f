#include "host/compile/compiler.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <utility>

#include "host/compile/files.h"
#include "vm/instruction.h"
#include "vm/program.h"

namespace magnetar::compile {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSourcePath = "/src/main.rs";
constexpr std::string_view kResultPath = "/tmp/program.elf";
constexpr std::string_view kRustcPath = "/usr/bin/rustc";
constexpr std::string_view kLinkerPath = "/usr/bin/ld.lld";
constexpr std::string_view kSdkPath = "/sdk";

// How a shell says that a signal ended a program.
constexpr int killed_by(int signal) {
  return 128 + signal;
}
constexpr int kNotExecutable = 126;
constexpr int kNotFound = 127;
constexpr int kInternalError = 101;

// Panic messages hold the path of the source, which is the same for all programs.
std::vector<std::string> rustc_arguments() {
  const std::string sdk(kSdkPath);
  return {std::string(kRustcPath), "--crate-name=program", "--crate-type=bin", "--edition=2021",
          "--target=riscv32i-unknown-none-elf", "--sysroot=" + sdk + "/sysroot", "-L" + sdk + "/lib",
          "--extern=nexus_rt", "--extern=serde", "--color=never", "-Copt-level=3", "-Cpanic=abort", "-Clto=fat",
          "-Ccodegen-units=1", "-Clinker=" + std::string(kLinkerPath), "-Clinker-flavor=ld.lld",
          "-Clink-arg=-T" + sdk + "/link.ld",
          // Without page alignment a small program is a small file.
          "-Clink-arg=-zmax-page-size=16", "-o", std::string(kResultPath), std::string(kSourcePath.substr(1))};
}

CompileError limit(std::string message) {
  return {CompileErrorKind::kLimit, std::move(message)};
}

std::string with_diagnostics(std::string_view what, const SandboxResult& result) {
  std::string text(what);
  if (!result.messages.empty()) text += ":\n" + result.messages;
  if (result.messages_dropped != 0) text += fmt::format("\n[{} bytes more]", result.messages_dropped);
  return text;
}

// Why the compiler failed, from how it ended and what it said. That a program can have the compiler say such things,
// by compile_error!, only changes the name of its own refusal.
CompileError explain(const SandboxResult& result, const SandboxLimits& limits) {
  const auto says = [&](std::string_view text) { return result.messages.find(text) != std::string::npos; };
  const std::string too_long = fmt::format("compiling takes more than {} s of processor time", limits.cpu.count());
  const std::string too_large =
      fmt::format("compiling takes more than {} MiB of memory", limits.address_space_bytes >> 20);
  switch (result.status) {
    case killed_by(SIGXCPU):
      return limit(too_long);
    case killed_by(SIGKILL):
      return limit("compiling was ended by the system: it takes too much memory or time");
    case killed_by(SIGXFSZ):
      return limit(fmt::format("compiling writes a file of more than {} MiB", limits.file_bytes >> 20));
    case killed_by(SIGABRT):
      if (says("memory allocation of") || says("out of memory")) return limit(too_large);
      break;
    case kNotExecutable:
    case kNotFound:
      return {CompileErrorKind::kToolchain, with_diagnostics("the compiler cannot be executed", result)};
    default:
      break;
  }
  if (says("SIGXCPU")) return limit(too_long);
  if (says("SIGXFSZ") || says("File too large") || says("No space left on device")) {
    return limit(fmt::format("compiling writes more than a file of {} MiB or {} MiB in all", limits.file_bytes >> 20,
                             limits.scratch_bytes >> 20));
  }
  if (says("LLVM ERROR: out of memory")) return limit(too_large);
  if (result.status > killed_by(0) || result.status == kInternalError) {
    // The compiler's own stack says nothing to the program's author.
    SandboxResult before = result;
    before.messages.resize(std::min(before.messages.size(), before.messages.find("error: rustc interrupted by")));
    return {CompileErrorKind::kSource,
            with_diagnostics("the program makes the compiler crash, as too deep nesting does", before)};
  }
  return {CompileErrorKind::kSource, with_diagnostics("the program does not compile", result)};
}

CompileError cancelled() {
  return {CompileErrorKind::kCancelled, "cancelled"};
}

}  // namespace

// One of the sandboxes that may run at once.
class Compiler::Slot {
 public:
  static std::optional<Slot> wait(Compiler& compiler, const std::stop_token& stop) {
    std::unique_lock lock(compiler.mutex_);
    if (!compiler.slot_free_.wait(lock, stop, [&] { return compiler.running_ < compiler.options_.max_parallel; })) {
      return std::nullopt;
    }
    ++compiler.running_;
    return Slot(compiler);
  }
  Slot(Slot&& other) noexcept : compiler_(std::exchange(other.compiler_, nullptr)) {}
  Slot& operator=(Slot&&) = delete;
  ~Slot() {
    if (compiler_ == nullptr) return;
    {
      const std::lock_guard lock(compiler_->mutex_);
      --compiler_->running_;
    }
    compiler_->slot_free_.notify_one();
  }

 private:
  explicit Slot(Compiler& compiler) : compiler_(&compiler) {}

  Compiler* compiler_;
};

tl::expected<std::unique_ptr<Compiler>, CompileError> Compiler::open(CompilerOptions options,
                                                                     const std::stop_token& stop) {
  auto identity = identify(options.toolchain, stop);
  if (!identity) return tl::unexpected(std::move(identity.error()));
  auto sdk = open_sdk(options.cache_folder, options.toolchain, *identity, options.warn, stop);
  if (!sdk) return tl::unexpected(std::move(sdk.error()));
  const fs::path programs = options.cache_folder / "programs";
  if (const auto made = make_folder(programs); !made) {
    return tl::unexpected(CompileError{CompileErrorKind::kCacheFolder,
                                       fmt::format("cannot make {}: {}", programs.string(), error_text(made.error()))});
  }
  return std::unique_ptr<Compiler>(new Compiler(std::move(options), *std::move(identity), *std::move(sdk)));
}

Compiler::Compiler(CompilerOptions options, ToolchainIdentity identity, GuestSdk sdk)
    : options_(std::move(options)),
      identity_(std::move(identity)),
      sdk_(std::move(sdk)),
      cache_(options_.cache_folder / "programs", options_.max_cache_bytes, options_.warn) {}

tl::expected<Compiled, CompileError> Compiler::compile(std::string_view source, const std::stop_token& stop) {
  if (source.size() > options_.max_source_bytes) {
    return tl::unexpected(limit(
        fmt::format("the source has {} bytes; at most {} are compiled", source.size(), options_.max_source_bytes)));
  }
  std::vector<std::string_view> parts = {identity_.fingerprint, sdk_.digest, source};
  const std::vector<std::string> arguments = rustc_arguments();
  parts.insert(parts.end(), arguments.begin(), arguments.end());
  const std::string key = digest_of(parts);
  if (auto entry = cache_.find(key)) {
    return Compiled{.elf = std::move(entry->elf), .diagnostics = std::move(entry->diagnostics), .cached = true};
  }

  auto result = run(source, stop);
  if (!result) return tl::unexpected(std::move(result.error()));
  const auto elf = std::as_bytes(std::span(result->result));
  if (auto checked = check_rv32i(elf); !checked) {
    return tl::unexpected(CompileError{CompileErrorKind::kNotRv32i, std::move(checked.error())});
  }
  if (result->messages_dropped != 0) {
    result->messages += fmt::format("\n[{} bytes more]", result->messages_dropped);
  }
  cache_.store(key, result->messages, result->result);
  return Compiled{.elf = {elf.begin(), elf.end()}, .diagnostics = std::move(result->messages), .cached = false};
}

tl::expected<SandboxResult, CompileError> Compiler::run(std::string_view source, const std::stop_token& stop) {
  const auto slot = Slot::wait(*this, stop);
  if (!slot) return tl::unexpected(cancelled());

  std::error_code error;
  const SandboxJob job{.arguments = rustc_arguments(),
                       .mounts = {{options_.toolchain.rustc, std::string(kRustcPath)},
                                  // The linker's driver goes by the name under which it is called.
                                  {fs::canonical(options_.toolchain.linker, error).string(), std::string(kLinkerPath)},
                                  {fs::absolute(sdk_.folder, error).string(), std::string(kSdkPath)}},
                       .data = source,
                       .data_path = std::string(kSourcePath),
                       .result_path = std::string(kResultPath)};
  auto result = run_sandboxed(options_.toolchain.sandbox, options_.limits, job, stop);
  if (!result) {
    std::string message = std::move(result.error());
    if (::geteuid() == 0) message += "; everyone must be able to read " + options_.cache_folder.string();
    return tl::unexpected(CompileError{CompileErrorKind::kSandbox, std::move(message)});
  }
  switch (result->end) {
    case ProcessEnd::kCancelled:
      return tl::unexpected(cancelled());
    case ProcessEnd::kTimeLimit:
      return tl::unexpected(limit(fmt::format("compiling takes more than {} s", options_.limits.wall.count() / 1000)));
    case ProcessEnd::kOutputLimit:
      return tl::unexpected(
          limit(fmt::format("the program's ELF file has more than {} bytes", options_.limits.result_bytes)));
    case ProcessEnd::kExited:
      break;
  }
  if (result->status != 0) return tl::unexpected(explain(*result, options_.limits));
  return *std::move(result);
}

fs::path default_cache_folder() {
  if (::geteuid() == 0) return "/var/cache/magnetar";
  const char* const cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && cache[0] == '/') return fs::path(cache) / "magnetar";
  const char* const home = std::getenv("HOME");
  return fs::path(home != nullptr ? home : "/") / ".cache" / "magnetar";
}

tl::expected<void, std::string> check_rv32i(std::span<const std::byte> elf) {
  const auto program = vm::Program::load(elf);
  if (!program) return tl::unexpected("the compiled program is not one of the machine: " + program.error().message);
  for (const vm::Program::Run& run : (*program)->runs()) {
    std::uint32_t pc = run.pc;
    for (const std::uint32_t word : run.words) {
      if (vm::decode(word).mnemonic == vm::Mnemonic::kIllegal) {
        return tl::unexpected(
            fmt::format("the program holds {:#010x} at {:#x}, which is no RV32I instruction", word, pc));
      }
      pc += 4;
    }
  }
  return {};
}

}  // namespace magnetar::compile
