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

tl::expected<OrchestratorIdentity, std::string> OrchestratorIdentity::open(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "orchestrator-id";
  const auto cannot = [&](std::string_view what) {
    return tl::unexpected(fmt::format("cannot {} {}: {}", what, path.string(), std::strerror(errno)));
  };
  OrchestratorIdentity identity;
  identity.lock_ = compile::Descriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  const int file = identity.lock_.number();
  if (!identity.lock_.is_open()) return cannot("open");
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return cannot("lock");
    return identity;
  }
  store::OrchestratorId id = store::new_orchestrator_id();
  const auto size = static_cast<ssize_t>(id.size());
  std::array<char, 64> text{};
  if (::pread(file, text.data(), text.size(), 0) == size) {
    id.assign(text.data(), id.size());
  } else if (::ftruncate(file, 0) != 0 || ::pwrite(file, id.data(), id.size(), 0) != size) {
    // A file that was being written when its process died holds no whole id; no store has seen it.
    return cannot("write");
  }
  identity.id_ = std::move(id);
  return identity;
}

}  // namespace magnetar::host
