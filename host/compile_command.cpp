#include "host/compile_command.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <stop_token>
#include <string_view>
#include <thread>
#include <utility>

#include "host/compile/compiler.h"
#include "host/input.h"
#include "host/interrupt.h"
#include "host/output_file.h"
#include "host/requester_connection.h"

namespace magnetar::host {
namespace {

constexpr std::chrono::milliseconds kInterruptPause{20};

CommandError command_error(const compile::CompileError& error, const std::string& source) {
  using Kind = compile::CompileErrorKind;
  const std::string kind(compile::name(error.kind));
  switch (error.kind) {
    case Kind::kSource:
    case Kind::kNotRv32i:
    case Kind::kLimit:
      return {kUnusableInput, kind, fmt::format("{}: {}", source, error.message)};
    case Kind::kToolchain:
    case Kind::kSandbox:
    case Kind::kCacheFolder:
      return {kEnvironment, kind, error.message};
    case Kind::kCancelled:
      break;
  }
  return {kInterrupted, "interrupted", "interrupted"};
}

// Compiles on this machine.
tl::expected<compile::Compiled, compile::CompileError> compile_here(const Bytes& source, const std::string& cache) {
  catch_interrupts();
  const std::stop_source stop;
  const std::jthread watch([&stop](const std::stop_token& done) {
    while (!done.stop_requested()) {
      if (interrupted()) stop.request_stop();
      std::this_thread::sleep_for(kInterruptPause);
    }
  });
  compile::CompilerOptions options{.cache_folder = cache};
  options.warn = [](const std::string& line) { fmt::print(stderr, "magnetar: {}\n", line); };
  const auto compiler = compile::Compiler::open(std::move(options), stop.get_token());
  if (!compiler) return tl::unexpected(compiler.error());
  return (*compiler)->compile({reinterpret_cast<const char*>(source.data()), source.size()}, stop.get_token());
}

// Compiles by an orchestrator.
Result<compile::Compiled> compile_there(const Bytes& source, const OrchestratorFlags& orchestrator,
                                        const std::string& token_file) {
  auto token = read_token(token_file);
  if (!token) return tl::unexpected(token.error());
  const auto requester = connect(orchestrator, *std::move(token));
  if (!requester) return tl::unexpected(requester.error());
  catch_interrupts();
  const auto elf =
      requester->compile({reinterpret_cast<const char*>(source.data()), source.size()}, [] { return !interrupted(); });
  if (!elf) return tl::unexpected(to_command_error(elf.error(), orchestrator.address));
  const auto bytes = std::as_bytes(std::span(*elf));
  return compile::Compiled{.elf = {bytes.begin(), bytes.end()}, .diagnostics = {}, .cached = false};
}

}  // namespace

CompileCommand::CompileCommand(CLI::App& app)
    : Command(*app.add_subcommand("compile", "Compile a Rust program to an ELF file for the machine")),
      cache_(compile::default_cache_folder().string()) {
  flags()
      .add_option("source", source_, "the program: one Rust file that uses the runtime nexus_rt")
      ->required()
      ->type_name("FILE.rs");
  orchestrator_.add_to(flags(), false);
  flags().add_option("--token-file", token_file_, "a file that holds the bearer token to show")->type_name("FILE");
  flags()
      .add_flag("--local", local_, "compile on this machine, in a sandbox (the default without --orchestrator)")
      ->excludes("--orchestrator");
  flags()
      .add_option("--out", out_, "the ELF file (default: the program's name with .elf, in the current folder)")
      ->type_name("FILE");
  flags()
      .add_option("--cache", cache_, "folder of the compiled runtime and programs")
      ->type_name("DIR")
      ->envname("MAGNETAR_CACHE")
      ->capture_default_str();
  add_json_flag("print one JSON object; the compiler's warnings are in it");
}

Result<int> CompileCommand::run() const {
  const auto started = std::chrono::steady_clock::now();
  const auto source = read_file(source_, compile::CompilerOptions().max_source_bytes);
  if (!source) return tl::unexpected(source.error());
  const std::string out = out_.empty() ? std::filesystem::path(source_).stem().string() + ".elf" : out_;

  Result<compile::Compiled> compiled;
  if (orchestrator_.address.empty()) {
    auto here = compile_here(*source, cache_);
    if (!here) return tl::unexpected(command_error(here.error(), source_));
    compiled = *std::move(here);
  } else {
    compiled = compile_there(*source, orchestrator_, token_file_);
    if (!compiled) return tl::unexpected(compiled.error());
  }
  const auto* const elf = reinterpret_cast<const std::uint8_t*>(compiled->elf.data());
  if (const auto written = write_file(out, {elf, compiled->elf.size()}); !written) {
    return tl::unexpected(written.error());
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  if (json()) {
    if (auto printed = print_json({{"elf", out},
                                   {"elf_bytes", compiled->elf.size()},
                                   {"diagnostics", compiled->diagnostics},
                                   {"cached", compiled->cached},
                                   {"seconds", seconds}});
        !printed) {
      return tl::unexpected(printed.error());
    }
  } else {
    fmt::print(stderr, "{}{}: {} bytes, {} in {:.2f} s\n", compiled->diagnostics, out, compiled->elf.size(),
               compiled->cached ? "from the cache" : "compiled", seconds);
  }
  return kDone;
}

}  // namespace magnetar::host
