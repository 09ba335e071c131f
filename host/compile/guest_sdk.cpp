#include "host/compile/guest_sdk.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "host/compile/files.h"
#include "host/compile/process.h"
#include "host/compile/runtime_sources.h"

namespace magnetar::compile {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kManifest = "manifest";
constexpr std::size_t kMaxManifestBytes = std::size_t{1} << 16;
constexpr std::size_t kDigestDigits = 64;
constexpr ProcessLimits kBuildLimits = {std::chrono::minutes(15), std::size_t{1} << 16, std::size_t{1} << 14};

CompileError cannot_write(const fs::path& path, int error) {
  if (error == ECANCELED) return {CompileErrorKind::kCancelled, "cancelled"};
  return {CompileErrorKind::kCacheFolder, fmt::format("cannot write {}: {}", path.string(), error_text(error))};
}

// The paths of all files below `folder` but the manifest, relative to it.
std::set<std::string> files_below(const fs::path& folder) {
  std::set<std::string> files;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->is_directory(error)) continue;
    files.insert(entry->path().lexically_relative(folder).string());
  }
  files.erase(std::string(kManifest));
  return files;
}

// The SDK's digest if every file is as the manifest says and no other is there; else what is wrong.
tl::expected<std::string, std::string> check(const fs::path& folder, const ToolchainIdentity& identity) {
  const auto manifest = read_whole(folder / kManifest, kMaxManifestBytes);
  if (!manifest) return tl::unexpected(fmt::format("{}: {}", kManifest, error_text(manifest.error())));
  std::set<std::string> files = files_below(folder);
  std::string_view rest = *manifest;
  bool first = true;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) return tl::unexpected(std::string("the manifest is truncated"));
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    if (std::exchange(first, false)) {
      if (line != identity.version) return tl::unexpected(fmt::format("it was built by {}", line));
      continue;
    }
    if (line.size() <= kDigestDigits + 2)
      return tl::unexpected(std::string("the manifest has a line that names no file"));
    const std::string path(line.substr(kDigestDigits + 2));
    const auto listed = files.find(path);
    if (listed == files.end()) return tl::unexpected(fmt::format("{} is missing", path));
    files.erase(listed);
    const auto digest = digest_of_file(folder / path);
    if (!digest) return tl::unexpected(fmt::format("{}: {}", path, error_text(digest.error())));
    if (*digest != line.substr(0, kDigestDigits)) return tl::unexpected(fmt::format("{} has changed", path));
  }
  if (first) return tl::unexpected(std::string("the manifest is empty"));
  if (!files.empty()) return tl::unexpected(fmt::format("{} is not in the manifest", *files.begin()));
  const std::string_view whole = *manifest;
  return digest_of(std::span(&whole, 1));
}

tl::expected<void, CompileError> write_sources(const fs::path& folder) {
  for (const RuntimeSource& source : runtime_sources()) {
    const fs::path file = folder / source.path;
    auto written = make_folder(file.parent_path());
    if (written) written = replace_file(file, std::span(&source.content, 1));
    if (!written) return tl::unexpected(cannot_write(file, written.error()));
  }
  return {};
}

tl::expected<void, CompileError> build(const fs::path& work, const fs::path& folder, const Toolchain& toolchain,
                                       const std::stop_token& stop) {
  if (auto written = write_sources(work / "source"); !written) return written;
  const auto run =
      run_process({.arguments = {toolchain.bash, (work / "source" / "build-sysroot.sh").string(), "--rustc",
                                 toolchain.rustc, "--crates", toolchain.crates, (work / "sdk").string()},
                   .environment = {"PATH=/usr/bin", "LC_ALL=C.UTF-8", "TMPDIR=" + work.string()}},
                  kBuildLimits, stop);
  if (!run) return tl::unexpected(CompileError{CompileErrorKind::kToolchain, run.error()});
  if (run->end == ProcessEnd::kCancelled)
    return tl::unexpected(CompileError{CompileErrorKind::kCancelled, "cancelled"});
  if (run->end != ProcessEnd::kExited || run->status != 0) {
    return tl::unexpected(CompileError{
        CompileErrorKind::kToolchain,
        fmt::format("the runtime of Rust programs cannot be built with {}: {}", toolchain.rustc, run->messages)});
  }
  if (::rename((work / "sdk").c_str(), folder.c_str()) != 0) return tl::unexpected(cannot_write(folder, errno));
  return {};
}

// A folder for work in progress, removed with all that is in it.
class WorkFolder {
 public:
  explicit WorkFolder(const fs::path& beside) : path_(beside.string() + ".XXXXXX") {
    made_ = ::mkdtemp(path_.data()) != nullptr;
  }
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  ~WorkFolder() {
    std::error_code error;
    if (made_) fs::remove_all(path_, error);
  }

  bool made() const { return made_; }
  fs::path path() const { return path_; }

 private:
  std::string path_;
  bool made_;
};

// Work folders of builds that were killed: whoever holds the lock knows that nobody uses them.
void remove_abandoned(const fs::path& cache_folder) {
  std::error_code error;
  std::vector<fs::path> abandoned;
  for (fs::directory_iterator entry(cache_folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string file = entry->path().filename().string();
    if (file.starts_with("sdk-") && file.find('.') != std::string::npos) abandoned.push_back(entry->path());
  }
  for (const fs::path& path : abandoned) fs::remove_all(path, error);
}

}  // namespace

const std::string& runtime_digest() {
  static const std::string digest = [] {
    std::vector<std::string_view> parts;
    for (const RuntimeSource& source : runtime_sources()) parts.insert(parts.end(), {source.path, source.content});
    return digest_of(parts);
  }();
  return digest;
}

tl::expected<GuestSdk, CompileError> open_sdk(const fs::path& cache_folder, const Toolchain& toolchain,
                                              const ToolchainIdentity& identity,
                                              const std::function<void(const std::string&)>& warn,
                                              const std::stop_token& stop) {
  const std::array<std::string_view, 2> named = {identity.fingerprint, runtime_digest()};
  const fs::path folder = cache_folder / ("sdk-" + digest_of(named).substr(0, 16));
  if (auto made = make_folder(cache_folder); !made) return tl::unexpected(cannot_write(cache_folder, made.error()));
  const fs::path lock_path = cache_folder / "sdk.lock";
  const auto lock = lock_file(lock_path, stop);
  if (!lock) return tl::unexpected(cannot_write(lock_path, lock.error()));

  std::error_code error;
  if (fs::exists(folder, error)) {
    auto digest = check(folder, identity);
    if (digest) return GuestSdk{folder, *std::move(digest)};
    warn(fmt::format("{}: {}; building it again", folder.string(), digest.error()));
    fs::remove_all(folder, error);
  }
  remove_abandoned(cache_folder);
  const WorkFolder work(folder);
  if (!work.made()) return tl::unexpected(cannot_write(folder, errno));
  if (auto built = build(work.path(), folder, toolchain, stop); !built) return tl::unexpected(built.error());
  auto digest = check(folder, identity);
  if (!digest) {
    return tl::unexpected(
        CompileError{CompileErrorKind::kCacheFolder,
                     fmt::format("{} was built and is not as it was written: {}", folder.string(), digest.error())});
  }
  return GuestSdk{folder, *std::move(digest)};
}

}  // namespace magnetar::compile
