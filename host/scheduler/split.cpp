#include "host/scheduler/split.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace magnetar::scheduler {
namespace {

// Cuts a range into `pieces` ones whose lengths differ by one at most.
void cut(const store::SegmentRange& range, std::uint64_t pieces, std::vector<store::SegmentRange>& into) {
  for (std::uint64_t i = 0, first = range.first_step; i < pieces; ++i) {
    const std::uint64_t length = range.steps / pieces + (i < range.steps % pieces ? 1 : 0);
    into.push_back({first, length});
    first += length;
  }
}

std::uint64_t pieces_of(std::uint64_t steps, std::uint64_t max_steps) {
  return std::max<std::uint64_t>(1, steps / max_steps + (steps % max_steps != 0 ? 1 : 0));
}

}  // namespace

std::vector<store::SegmentRange> split(std::uint64_t first_step, std::uint64_t steps, std::span<const double> speeds,
                                       const SegmentBounds& bounds) {
  std::vector<double> fastest(speeds.begin(), speeds.end());
  std::sort(fastest.begin(), fastest.end(), std::greater<>());
  fastest.resize(std::min(fastest.size(), bounds.max_segments));
  double sum = std::accumulate(fastest.begin(), fastest.end(), 0.0);
  const auto least = static_cast<double>(std::max<std::uint64_t>(1, bounds.min_steps));
  while (fastest.size() > 1 && static_cast<double>(steps) * fastest.back() < least * sum) {
    sum -= fastest.back();
    fastest.pop_back();
  }
  if (fastest.empty()) {
    fastest.push_back(1);
    sum = 1;
  }

  std::vector<store::SegmentRange> segments;
  std::uint64_t done = 0;
  double before = 0;
  for (std::size_t i = 0; i < fastest.size(); ++i) {
    before += fastest[i];
    // The last part ends at the end, whatever rounding says.
    const std::uint64_t end =
        i + 1 == fastest.size()
            ? steps
            : std::clamp(static_cast<std::uint64_t>(static_cast<double>(steps) * (before / sum)), done, steps);
    const store::SegmentRange part{first_step + done, end - done};
    if (part.steps != 0 || steps == 0) cut(part, pieces_of(part.steps, bounds.max_steps), segments);
    done = end;
  }
  if (segments.size() > bounds.max_segments) {
    segments.clear();
    cut({first_step, steps}, pieces_of(steps, bounds.max_steps), segments);
  }
  return segments;
}

}  // namespace magnetar::scheduler
