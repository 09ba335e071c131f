#pragma once

#include <chrono>
#include <cstdint>
#include <random>

namespace magnetar::worker {

/// Exponential backoff with jitter: the n-th wait is uniform between half of and the whole min(first * 2^n, most),
/// so that provers that lost an orchestrator at the same moment do not come back at the same moment.
class Backoff {
 public:
  struct Limits {
    std::chrono::milliseconds first{500};
    std::chrono::milliseconds most{60'000};
  };

  Backoff(Limits limits, std::uint64_t seed) : limits_(limits), ceiling_(limits.first), random_(seed) {}

  std::chrono::milliseconds next();
  void reset() { ceiling_ = limits_.first; }

 private:
  Limits limits_;
  std::chrono::milliseconds ceiling_;
  std::mt19937_64 random_;
};

}  // namespace magnetar::worker
