#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "host/store/store.h"

namespace magnetar::scheduler {

/// What segments of a job may be.
struct SegmentBounds {
  std::uint64_t min_steps = 64;         ///< shorter ones are not worth a prover of their own
  std::uint64_t max_steps = 1'048'575;  ///< what the proof system can prove as one
  std::size_t max_segments = 4096;      ///< what a bundle can hold
};

/// Cuts `steps` protocol steps from `first_step` on into contiguous segments: one for each prover, in proportion to
/// its speed (any unit; positive), but none for provers whose part would be shorter than bounds.min_steps; parts
/// longer than bounds.max_steps are cut into equal ones, and where that would pass bounds.max_segments there are as
/// few as max_steps allows. At least one segment, also for 0 steps and for no provers. In the order of the execution;
/// the fastest prover's part first. The caller has checked that ceil(steps / max_steps) <= max_segments.
std::vector<store::SegmentRange> split(std::uint64_t first_step, std::uint64_t steps, std::span<const double> speeds,
                                       const SegmentBounds& bounds);

}  // namespace magnetar::scheduler
