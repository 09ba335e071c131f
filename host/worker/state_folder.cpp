#include "host/worker/state_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/rand.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

namespace magnetar::worker {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kMaxProvers = 1024;

std::string cannot(std::string_view what, const fs::path& path) {
  return fmt::format("cannot {} {}: {}", what, path.string(), std::strerror(errno));
}

// A UUID of version 4.
std::string random_id() {
  std::array<unsigned char, 16> b{};
  if (RAND_bytes(b.data(), static_cast<int>(b.size())) != 1) return {};
  b[6] = static_cast<unsigned char>((b[6] & 0x0f) | 0x40);
  b[8] = static_cast<unsigned char>((b[8] & 0x3f) | 0x80);
  std::string id;
  for (std::size_t i = 0; i < b.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) id += '-';
    fmt::format_to(std::back_inserter(id), "{:02x}", b[i]);
  }
  return id;
}

bool write_all(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

// Written beside its place, synced and renamed: whole or not there.
tl::expected<void, std::string> replace_file(const fs::path& path, std::string_view bytes) {
  const fs::path draft = fmt::format("{}.{}.draft", path.string(), ::getpid());
  const int file = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return tl::unexpected(cannot("create", draft));
  const bool written = write_all(file, bytes) && ::fsync(file) == 0;
  const int why = errno;
  ::close(file);
  if (!written || ::rename(draft.c_str(), path.c_str()) != 0) {
    if (!written) errno = why;
    std::string message = cannot("write", path);
    ::unlink(draft.c_str());
    return tl::unexpected(std::move(message));
  }
  const int folder = ::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    ::fsync(folder);
    ::close(folder);
  }
  return {};
}

std::optional<std::string> read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  if (file.bad()) return std::nullopt;
  return bytes;
}

// Names by time of writing, the oldest first; drafts of processes that were killed are no files of ours.
std::vector<std::string> by_age(const fs::path& folder) {
  std::vector<std::pair<fs::file_time_type, std::string>> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    std::error_code gone;
    const auto time = entry.last_write_time(gone);
    if (!gone && entry.path().extension() != ".draft") files.emplace_back(time, entry.path().filename().string());
  }
  std::sort(files.begin(), files.end());
  std::vector<std::string> names;
  names.reserve(files.size());
  for (auto& [time, name] : files) names.push_back(std::move(name));
  return names;
}

tl::expected<void, std::string> make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return tl::unexpected(fmt::format("cannot make the folder {}: {}", folder.string(), error.message()));
  return {};
}

}  // namespace

tl::expected<StateFolder, std::string> StateFolder::open(const fs::path& root) {
  for (unsigned number = 0; number < kMaxProvers; ++number) {
    const fs::path own = root / fmt::format("prover-{}", number);
    if (auto made = make_folder(own / "unsent"); !made) return tl::unexpected(std::move(made.error()));
    const int lock = ::open((own / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0) return tl::unexpected(cannot("open", own / "lock"));
    if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
      const bool held = errno == EWOULDBLOCK;
      std::string message = cannot("lock", own / "lock");
      ::close(lock);
      if (held) continue;
      return tl::unexpected(std::move(message));
    }
    StateFolder folder(own, root / "checkpoints", lock, read(own / "id").value_or(""));
    if (auto made = make_folder(folder.checkpoints_); !made) return tl::unexpected(std::move(made.error()));
    if (folder.prover_id_.empty()) {
      folder.prover_id_ = random_id();
      if (folder.prover_id_.empty()) return tl::unexpected(std::string("no random bytes for a prover id"));
      if (auto kept = replace_file(own / "id", folder.prover_id_); !kept) {
        return tl::unexpected(std::move(kept.error()));
      }
    }
    return folder;
  }
  return tl::unexpected(fmt::format("{} workers hold {} already", kMaxProvers, root.string()));
}

StateFolder::StateFolder(fs::path own, fs::path checkpoints, int lock, std::string prover_id)
    : own_(std::move(own)), checkpoints_(std::move(checkpoints)), lock_(lock), prover_id_(std::move(prover_id)) {}

StateFolder::StateFolder(StateFolder&& other) noexcept
    : own_(std::move(other.own_)),
      checkpoints_(std::move(other.checkpoints_)),
      lock_(std::exchange(other.lock_, -1)),
      prover_id_(std::move(other.prover_id_)) {}

StateFolder::~StateFolder() {
  if (lock_ >= 0) ::close(lock_);
}

tl::expected<void, std::string> StateFolder::keep_proof(const std::string& key, std::string_view bytes) {
  return replace_file(own_ / "unsent" / key, bytes);
}

std::vector<std::string> StateFolder::kept_proofs() const {
  return by_age(own_ / "unsent");
}

std::optional<std::string> StateFolder::proof(const std::string& key) const {
  return read(own_ / "unsent" / key);
}

void StateFolder::discard_proof(const std::string& key) {
  ::unlink((own_ / "unsent" / key).c_str());
}

tl::expected<void, std::string> StateFolder::save_checkpoint(const std::string& key, std::string_view bytes) {
  auto saved = replace_file(checkpoints_ / key, bytes);
  const std::vector<std::string> names = by_age(checkpoints_);
  for (std::size_t i = 0; i + kCheckpoints < names.size(); ++i) discard_checkpoint(names[i]);
  return saved;
}

std::optional<std::string> StateFolder::checkpoint(const std::string& key) const {
  return read(checkpoints_ / key);
}

void StateFolder::discard_checkpoint(const std::string& key) {
  ::unlink((checkpoints_ / key).c_str());
}

}  // namespace magnetar::worker
