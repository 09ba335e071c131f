#include "host/orchestrator_identity.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace magnetar::host {

void OrchestratorIdentity::CloseFile::operator()(const int* file) const {
  ::close(*file);
  delete file;
}

tl::expected<OrchestratorIdentity, std::string> OrchestratorIdentity::open(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "orchestrator-id";
  const auto cannot = [&](std::string_view what) {
    return tl::unexpected(fmt::format("cannot {} {}: {}", what, path.string(), std::strerror(errno)));
  };
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return cannot("open");
  OrchestratorIdentity identity;
  identity.lock_.reset(new int(file));
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return cannot("lock");
    return identity;
  }
  // A file that was being written when its process died holds no whole id; the store then notices by itself.
  std::array<char, 64> text{};
  const ssize_t size = ::pread(file, text.data(), text.size(), 0);
  if (size == static_cast<ssize_t>(identity.self_.size())) {
    identity.former_ = store::OrchestratorId(text.data(), static_cast<std::size_t>(size));
  }
  if (::pwrite(file, identity.self_.data(), identity.self_.size(), 0) != static_cast<ssize_t>(identity.self_.size()) ||
      ::ftruncate(file, static_cast<off_t>(identity.self_.size())) != 0) {
    return cannot("write");
  }
  return identity;
}

}  // namespace magnetar::host
