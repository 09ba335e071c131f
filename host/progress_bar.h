#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace magnetar::host {

/// A line on stderr that is drawn over and over, if stderr is a terminal; else nothing.
class ProgressBar {
 public:
  explicit ProgressBar(bool wanted);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// What is being done, how much of all is (0..1), and details. Redrawn a few times a second at most.
  void update(std::string_view stage, double fraction, std::string_view details);
  /// Erases the line.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  bool shown_;
  bool drawn_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_{};
  double start_fraction_ = -1;  // of the first update with a fraction: what a resumed job began with
};

/// "1:02:03" or "4:05".
std::string format_duration(double seconds);

}  // namespace magnetar::host
