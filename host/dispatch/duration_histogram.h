#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace magnetar::dispatch {

/// Durations, counted by how long they were.
struct DurationHistogram {
  /// The longest that counts in each bucket, in seconds. One more bucket has what is longer.
  static constexpr std::array<double, 16> kBounds = {0.05, 0.1, 0.25, 0.5, 1,    2.5,  5,     10,
                                                     30,   60,  180,  600, 1800, 3600, 21600, 86400};

  std::array<std::uint64_t, kBounds.size() + 1> counts{};
  double sum = 0;  ///< in seconds

  /// Clocks of several machines may make a duration negative, which counts as none.
  void add(double seconds) {
    seconds = std::max(seconds, 0.0);
    const auto* const bound = std::lower_bound(kBounds.begin(), kBounds.end(), seconds);
    ++counts[static_cast<std::size_t>(bound - kBounds.begin())];
    sum += seconds;
  }
};

}  // namespace magnetar::dispatch
