#include "host/worker/health_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <system_error>
#include <utility>

namespace magnetar::worker {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kPause{1};

}  // namespace

tl::expected<HealthFile, std::string> HealthFile::open(fs::path path) {
  HealthFile file(std::move(path));
  errno = 0;
  if (file.replace(false)) return file;
  return tl::unexpected(fmt::format("cannot write {}: {}", file.path_.string(), std::strerror(errno)));
}

HealthFile::HealthFile(HealthFile&& other) noexcept
    : path_(std::exchange(other.path_, {})), connected_(other.connected_), written_(other.written_) {}

HealthFile& HealthFile::operator=(HealthFile&& other) noexcept {
  std::swap(path_, other.path_);
  connected_ = other.connected_;
  written_ = other.written_;
  return *this;
}

HealthFile::~HealthFile() {
  std::error_code error;
  if (!path_.empty()) fs::remove(path_, error);
}

void HealthFile::write(bool connected) {
  if (connected == connected_ && std::chrono::steady_clock::now() - written_ < kPause) return;
  replace(connected);
}

bool HealthFile::replace(bool connected) {
  fs::path draft = path_;
  draft += ".draft";
  std::ofstream file(draft, std::ios::trunc);
  file << (connected ? "connected\n" : "disconnected\n");
  file.close();
  if (file.fail() || std::rename(draft.c_str(), path_.c_str()) != 0) return false;
  connected_ = connected;
  written_ = std::chrono::steady_clock::now();
  return true;
}

}  // namespace magnetar::worker
