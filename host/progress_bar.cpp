#include "host/progress_bar.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace magnetar::host {

std::string format_duration(double seconds) {
  const auto whole = static_cast<std::uint64_t>(std::lround(std::max(0.0, seconds)));
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

ProgressBar::ProgressBar(bool wanted) : shown_(wanted && ::isatty(STDERR_FILENO) == 1) {}

ProgressBar::~ProgressBar() {
  clear();
}

void ProgressBar::update(std::string_view stage, double fraction, std::string_view details) {
  if (!shown_) return;
  const auto now = Clock::now();
  if (fraction > 0 && start_fraction_ < 0) {
    start_fraction_ = fraction;
    start_ = now;
  }
  if (drawn_ && now - last_ < std::chrono::milliseconds(150)) return;
  last_ = now;
  drawn_ = true;
  constexpr std::size_t kWidth = 30;
  const auto full = static_cast<std::size_t>(std::clamp(fraction, 0.0, 1.0) * kWidth);
  std::string left;
  if (start_fraction_ >= 0 && fraction - start_fraction_ > 0.01) {
    const double spent = std::chrono::duration<double>(now - start_).count();
    left = ", " + format_duration(spent / (fraction - start_fraction_) * (1 - fraction)) + " left";
  }
  fmt::print(stderr, "\r\x1b[K{:<8} [{:=<{}}{:{}}] {:3.0f} %  {}{}", stage, "", full, "", kWidth - full, 100 * fraction,
             details, left);
  std::fflush(stderr);
}

void ProgressBar::clear() {
  if (!drawn_) return;
  drawn_ = false;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
}

}  // namespace magnetar::host
