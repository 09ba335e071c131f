#include "host/compile/toolchain.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "host/compile/process.h"

namespace magnetar::compile {
namespace {

namespace fs = std::filesystem;

constexpr ProcessLimits kQuick = {std::chrono::minutes(2), std::size_t{1} << 16, std::size_t{1} << 12};

// Collects what is not there.
class Missing {
 public:
  void require(bool there, std::string_view what, std::string_view package) {
    if (there) return;
    add(what_, what);
    add(packages_, package);
  }
  bool any() const { return !what_.empty(); }
  CompileError error() const {
    return {CompileErrorKind::kToolchain, fmt::format("compiling needs {}; install Debian's {} (apt-get install {})",
                                                      listed(what_), listed(packages_), fmt::join(packages_, " "))};
  }

 private:
  static void add(std::vector<std::string>& list, std::string_view item) {
    if (list.empty() || list.back() != item) list.emplace_back(item);
  }
  static std::string listed(const std::vector<std::string>& list) { return fmt::format("{}", fmt::join(list, ", ")); }

  std::vector<std::string> what_;
  std::vector<std::string> packages_;
};

bool executable(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

// The folder of a crate's source, whatever its version.
std::optional<std::string> find_crate(const std::string& folder, std::string_view name) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string found = entry->path().filename().string();
    const std::string_view version = std::string_view(found).substr(std::min(name.size(), found.size()));
    if (found.starts_with(name) && version.size() > 1 && version[0] == '-' && version[1] >= '0' && version[1] <= '9') {
      return entry->path().string();
    }
  }
  return std::nullopt;
}

// Packages are replaced as a whole, with the times that their files had where they were made.
std::string stamp(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return fmt::format("{} missing\n", path);
  return fmt::format("{} {} {}\n", path, status.st_size, status.st_mtime);
}

tl::expected<std::string, CompileError> output_of(std::vector<std::string> arguments, const std::stop_token& stop) {
  const std::string program = arguments.front();
  auto run =
      run_process({.arguments = std::move(arguments), .environment = {"PATH=/usr/bin", "LC_ALL=C"}}, kQuick, stop);
  if (!run) return tl::unexpected(CompileError{CompileErrorKind::kToolchain, std::move(run.error())});
  if (run->end == ProcessEnd::kCancelled)
    return tl::unexpected(CompileError{CompileErrorKind::kCancelled, "cancelled"});
  if (run->end != ProcessEnd::kExited || run->status != 0) {
    return tl::unexpected(
        CompileError{CompileErrorKind::kToolchain, fmt::format("{} does not work: {}", program, run->messages)});
  }
  return std::move(run->output);
}

// The value of a line "key: value".
std::string_view value_of(std::string_view text, std::string_view key) {
  const std::size_t at = text.find(key);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = text.substr(at + key.size());
  return rest.substr(0, rest.find('\n'));
}

}  // namespace

tl::expected<ToolchainIdentity, CompileError> identify(const Toolchain& toolchain, const std::stop_token& stop) {
  Missing missing;
  missing.require(executable(toolchain.rustc), toolchain.rustc, "rustc-web");
  missing.require(executable(toolchain.linker), toolchain.linker, "lld-14");
  const auto serde = find_crate(toolchain.crates, "serde");
  const auto serde_derive = find_crate(toolchain.crates, "serde_derive");
  missing.require(serde.has_value(), toolchain.crates + "/serde", "librust-serde-dev");
  missing.require(serde_derive.has_value(), toolchain.crates + "/serde_derive", "librust-serde-derive-dev");
  missing.require(executable(toolchain.sandbox.bwrap), toolchain.sandbox.bwrap, "bubblewrap");
  missing.require(executable(toolchain.sandbox.setpriv), toolchain.sandbox.setpriv, "util-linux");
  missing.require(executable(toolchain.sandbox.prlimit), toolchain.sandbox.prlimit, "util-linux");
  missing.require(executable(toolchain.sandbox.shell), toolchain.sandbox.shell, "dash");
  missing.require(executable(toolchain.sandbox.cat), toolchain.sandbox.cat, "coreutils");
  missing.require(executable(toolchain.bash), toolchain.bash, "bash");
  if (missing.any()) return tl::unexpected(missing.error());

  const auto compiler = output_of({toolchain.rustc, "-vV"}, stop);
  if (!compiler) return tl::unexpected(compiler.error());
  const auto linker = output_of({toolchain.linker, "--version"}, stop);
  if (!linker) return tl::unexpected(linker.error());
  const std::string_view release = value_of(*compiler, "release: ");
  const std::string library = fmt::format("/usr/src/rustc-{}/library", release);
  missing.require(fs::exists(library + "/core/src/lib.rs"), library, "rust-web-src");
  if (missing.any()) return tl::unexpected(missing.error());

  std::string fingerprint = *compiler + *linker;
  for (const std::string& path :
       {toolchain.rustc, toolchain.linker, library + "/core/src/lib.rs", library + "/alloc/src/lib.rs",
        *serde + "/Cargo.toml", *serde_derive + "/Cargo.toml"}) {
    fingerprint += stamp(path);
  }
  return ToolchainIdentity{.version = compiler->substr(0, compiler->find('\n')), .fingerprint = std::move(fingerprint)};
}

}  // namespace magnetar::compile
