#include "host/output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace magnetar::host {
namespace {

CommandError failed(const std::filesystem::path& path) {
  return {kEnvironment, errno == ENOSPC ? "disk-full" : "write-failed",
          fmt::format("cannot write {}: {}", path.string(), std::strerror(errno))};
}

bool write_all(int file, std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return ::fsync(file) == 0;
}

}  // namespace

Result<void> write_file(const std::filesystem::path& path, std::span<const std::uint8_t> bytes) {
  std::filesystem::path beside = path;
  beside += fmt::format(".{}.new", ::getpid());
  const int file = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) return tl::unexpected(failed(path));
  bool good = write_all(file, bytes);
  int error = errno;
  if (::close(file) != 0 && good) {
    good = false;
    error = errno;
  }
  if (good && std::rename(beside.c_str(), path.c_str()) == 0) return {};
  if (good) error = errno;
  std::remove(beside.c_str());
  errno = error;
  return tl::unexpected(failed(path));
}

}  // namespace magnetar::host
