#include "host/store/blobs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <optional>
#include <system_error>
#include <utility>

namespace magnetar::store {
namespace {

namespace fs = std::filesystem;

// Unfinished files of this age have no writer any more.
constexpr std::chrono::hours kAbandoned(1);

StoreError system_error(std::string_view attempt, const fs::path& path, int cause) {
  return {StoreError::Kind::kUnavailable,
          fmt::format("cannot {} {}: {}", attempt, path.string(), std::strerror(cause))};
}

class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int descriptor() const { return descriptor_; }
  bool is_open() const { return descriptor_ >= 0; }

 private:
  int descriptor_;
};

// Makes renamings in a folder last.
Result<void> sync_folder(const fs::path& folder) {
  const File file(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!file.is_open() || ::fsync(file.descriptor()) != 0) return tl::unexpected(system_error("sync", folder, errno));
  return {};
}

std::optional<Digest> parse_digest(std::string_view hex) {
  Digest digest{};
  if (hex.size() != 2 * digest.size()) return std::nullopt;
  for (std::size_t i = 0; i < hex.size(); ++i) {
    const char c = hex[i];
    unsigned digit = 0;
    if (c >= '0' && c <= '9') {
      digit = static_cast<unsigned>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<unsigned>(c - 'a') + 10;
    } else {
      return std::nullopt;
    }
    digest[i / 2] = static_cast<std::uint8_t>(unsigned{digest[i / 2]} << 4 | digit);
  }
  return digest;
}

timespec to_timespec(Time time) {
  const auto milliseconds = time.time_since_epoch().count();
  return {static_cast<time_t>(milliseconds / 1000), static_cast<long>(milliseconds % 1000 * 1'000'000)};
}

Time modified_at(const struct stat& status) {
  return Time(std::chrono::seconds(status.st_mtim.tv_sec) +
              std::chrono::milliseconds(status.st_mtim.tv_nsec / 1'000'000));
}

Result<void> make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return tl::unexpected(system_error("make the folder", folder, error.value()));
  return {};
}

void remove_abandoned(const fs::path& folder) {
  std::error_code error;
  const auto now = fs::file_time_type::clock::now();
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (now - entry.last_write_time(error) > kAbandoned && !error) fs::remove(entry.path(), error);
  }
}

}  // namespace

std::string to_hex(const Digest& digest) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * digest.size());
  for (const std::uint8_t byte : digest) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15U];
  }
  return text;
}

Digest digest_of(std::span<const std::byte> bytes) {
  return hash::Sha256::digest({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

std::string_view name(StoreError::Kind kind) {
  constexpr std::array<std::string_view, 5> kNames = {"unavailable", "configuration", "missing", "corrupt", "bug"};
  return kNames[static_cast<std::size_t>(kind)];
}

DirectoryBlobs::DirectoryBlobs(fs::path folder) : folder_(std::move(folder)), unfinished_(folder_ / "unfinished") {}

Result<std::unique_ptr<DirectoryBlobs>> DirectoryBlobs::open(fs::path folder) {
  std::unique_ptr<DirectoryBlobs> blobs(new DirectoryBlobs(std::move(folder)));
  if (auto made = make_folder(blobs->unfinished_); !made) return tl::unexpected(made.error());
  remove_abandoned(blobs->unfinished_);
  return blobs;
}

fs::path DirectoryBlobs::path(const Digest& digest) const {
  const std::string hex = to_hex(digest);
  return folder_ / hex.substr(0, 2) / hex;
}

Result<Digest> DirectoryBlobs::put(std::span<const std::byte> bytes, Time now) {
  static std::atomic<std::uint64_t> count = 0;
  const Digest digest = digest_of(bytes);
  const fs::path target = path(digest);
  const std::array<timespec, 2> times = {to_timespec(now), to_timespec(now)};

  // Held while the age of a file decides whether it stays: here, and in collect().
  const auto touch = [&]() -> Result<bool> {
    const File lock(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!lock.is_open() || ::flock(lock.descriptor(), LOCK_SH) != 0)
      return tl::unexpected(system_error("lock", folder_, errno));
    struct stat status {};
    if (::stat(target.c_str(), &status) != 0) {
      if (errno == ENOENT) return false;
      return tl::unexpected(system_error("read", target, errno));
    }
    // What a failing disk left of it is written again.
    if (static_cast<std::uint64_t>(status.st_size) != bytes.size()) return false;
    if (::utimensat(AT_FDCWD, target.c_str(), times.data(), 0) != 0)
      return tl::unexpected(system_error("touch", target, errno));
    return true;
  };
  if (const auto touched = touch(); !touched || *touched) return touched.map([&](bool) { return digest; });

  if (auto made = make_folder(target.parent_path()); !made) return tl::unexpected(made.error());
  const fs::path unfinished = unfinished_ / fmt::format("{}-{}", ::getpid(), ++count);
  const auto write = [&]() -> Result<void> {
    const File file(::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file.is_open()) return tl::unexpected(system_error("make", unfinished, errno));
    for (std::span<const std::byte> rest = bytes; !rest.empty();) {
      const ssize_t written = ::write(file.descriptor(), rest.data(), rest.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return tl::unexpected(system_error("write", unfinished, errno));
      rest = rest.subspan(static_cast<std::size_t>(written));
    }
    if (::futimens(file.descriptor(), times.data()) != 0 || ::fsync(file.descriptor()) != 0) {
      return tl::unexpected(system_error("sync", unfinished, errno));
    }
    if (::rename(unfinished.c_str(), target.c_str()) != 0)
      return tl::unexpected(system_error("rename to", target, errno));
    return {};
  };
  if (auto written = write(); !written) {
    ::unlink(unfinished.c_str());
    return tl::unexpected(written.error());
  }
  if (auto synced = sync_folder(target.parent_path()); !synced) return tl::unexpected(synced.error());
  if (auto synced = sync_folder(folder_); !synced) return tl::unexpected(synced.error());
  return digest;
}

Result<Bytes> DirectoryBlobs::get(const Digest& digest) {
  const fs::path file_path = path(digest);
  const File file(::open(file_path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) {
    if (errno != ENOENT) return tl::unexpected(system_error("open", file_path, errno));
    return tl::unexpected(StoreError{StoreError::Kind::kMissing, fmt::format("there is no blob {}", to_hex(digest))});
  }
  struct stat status {};
  if (::fstat(file.descriptor(), &status) != 0) return tl::unexpected(system_error("read", file_path, errno));
  Bytes bytes(static_cast<std::size_t>(status.st_size));
  for (std::span<std::byte> rest = bytes; !rest.empty();) {
    const ssize_t size = ::read(file.descriptor(), rest.data(), rest.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return tl::unexpected(system_error("read", file_path, errno));
    if (size == 0) break;  // the digest tells
    rest = rest.subspan(static_cast<std::size_t>(size));
  }
  if (digest_of(bytes) != digest) {
    return tl::unexpected(StoreError{StoreError::Kind::kCorrupt,
                                     fmt::format("{} is damaged: its SHA-256 is not its name", file_path.string())});
  }
  return bytes;
}

Result<bool> DirectoryBlobs::contains(const Digest& digest) {
  const fs::path file_path = path(digest);
  if (::access(file_path.c_str(), R_OK) == 0) return true;
  if (errno == ENOENT) return false;
  return tl::unexpected(system_error("read", file_path, errno));
}

Result<std::size_t> DirectoryBlobs::collect(std::span<const Digest> referenced, Time older_than) {
  remove_abandoned(unfinished_);
  std::size_t removed = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder_, error), end; !error && entry != end; entry.increment(error)) {
    const auto digest = parse_digest(entry->path().filename().string());
    if (!digest || std::binary_search(referenced.begin(), referenced.end(), *digest)) continue;
    const File lock(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!lock.is_open() || ::flock(lock.descriptor(), LOCK_EX) != 0)
      return tl::unexpected(system_error("lock", folder_, errno));
    struct stat status {};
    if (::stat(entry->path().c_str(), &status) != 0 || modified_at(status) >= older_than) continue;
    if (::unlink(entry->path().c_str()) != 0) return tl::unexpected(system_error("remove", entry->path(), errno));
    ++removed;
  }
  if (error) return tl::unexpected(system_error("list", folder_, error.value()));
  return removed;
}

}  // namespace magnetar::store
