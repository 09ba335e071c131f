#include "host/worker/backoff.h"

#include <algorithm>

namespace magnetar::worker {

std::chrono::milliseconds Backoff::next() {
  const auto ceiling = ceiling_.count();
  ceiling_ = std::min(2 * ceiling_, limits_.most);
  return std::chrono::milliseconds(
      std::uniform_int_distribution<std::chrono::milliseconds::rep>(ceiling / 2, ceiling)(random_));
}

}  // namespace magnetar::worker
