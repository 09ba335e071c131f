#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <tl/expected.hpp>

namespace magnetar::worker {

/// A file for health checks: its word is whether the worker is connected, its time when the worker last turned to its
/// work. It is replaced as a whole, so that a reader never finds it empty, and removed with this object.
class HealthFile {
 public:
  /// Writes the file once, as not connected. The error names file and reason.
  static tl::expected<HealthFile, std::string> open(std::filesystem::path path);

  HealthFile(HealthFile&& other) noexcept;
  HealthFile& operator=(HealthFile&& other) noexcept;
  ~HealthFile();

  /// At most once a second while nothing changes. A file that cannot be written grows old, which says enough.
  void write(bool connected);

 private:
  explicit HealthFile(std::filesystem::path path) : path_(std::move(path)) {}
  bool replace(bool connected);

  std::filesystem::path path_;  // empty: moved from
  bool connected_ = false;
  std::chrono::steady_clock::time_point written_{};
};

}  // namespace magnetar::worker
