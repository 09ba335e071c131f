#include "host/scheduler/split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace magnetar::scheduler {
namespace {

using store::SegmentRange;
using testing::ElementsAre;

std::vector<SegmentRange> split(std::uint64_t first, std::uint64_t steps, std::vector<double> speeds,
                                SegmentBounds bounds = {.min_steps = 1, .max_steps = 1'000'000, .max_segments = 64}) {
  return scheduler::split(first, steps, speeds, bounds);
}

TEST(Split, IsInProportionToSpeeds) {
  EXPECT_THAT(split(10, 100, {1, 3}), ElementsAre(SegmentRange{10, 75}, SegmentRange{85, 25}));
  EXPECT_THAT(split(0, 9, {2, 2, 2}), ElementsAre(SegmentRange{0, 3}, SegmentRange{3, 3}, SegmentRange{6, 3}));
}

TEST(Split, GivesOneSegmentWhereThereIsNothingToDivide) {
  EXPECT_THAT(split(0, 100, {}), ElementsAre(SegmentRange{0, 100}));
  EXPECT_THAT(split(0, 100, {5}), ElementsAre(SegmentRange{0, 100}));
  EXPECT_THAT(split(0, 0, {5, 5}), ElementsAre(SegmentRange{0, 0}));
  EXPECT_THAT(split(7, 1, {5, 5}), ElementsAre(SegmentRange{7, 1}));
}

TEST(Split, LeavesOutProversWhosePartWouldBeTooShort) {
  const SegmentBounds bounds{.min_steps = 20, .max_steps = 1000, .max_segments = 64};
  EXPECT_THAT(split(0, 100, {10, 1, 10}, bounds), ElementsAre(SegmentRange{0, 50}, SegmentRange{50, 50}));
  EXPECT_THAT(split(0, 39, {1, 1}, bounds), ElementsAre(SegmentRange{0, 39}));
  EXPECT_THAT(split(0, 40, {1, 1}, bounds), ElementsAre(SegmentRange{0, 20}, SegmentRange{20, 20}));
}

TEST(Split, CutsWhatIsTooLong) {
  const SegmentBounds bounds{.min_steps = 1, .max_steps = 10, .max_segments = 64};
  EXPECT_THAT(split(0, 25, {1}, bounds), ElementsAre(SegmentRange{0, 9}, SegmentRange{9, 8}, SegmentRange{17, 8}));
}

TEST(Split, MakesNoMoreSegmentsThanABundleHolds) {
  const SegmentBounds bounds{.min_steps = 1, .max_steps = 10, .max_segments = 3};
  EXPECT_THAT(split(0, 9, {1, 1, 1, 1, 1}, bounds), testing::SizeIs(3));
  // By speed it would be four: 23 and 5 steps, the first in three.
  EXPECT_THAT(split(0, 28, {5, 1}, bounds), ElementsAre(SegmentRange{0, 10}, SegmentRange{10, 9}, SegmentRange{19, 9}));
}

TEST(Split, AlwaysCoversTheRangeWithinTheBounds) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 5'000; ++i) {
    SegmentBounds bounds;
    bounds.min_steps = random() % 100;
    bounds.max_steps = 1 + random() % 10'000;
    bounds.max_segments = 1 + random() % 100;
    const std::uint64_t first = random() % 1'000'000;
    const std::uint64_t steps = random() % (bounds.max_steps * bounds.max_segments + 1);
    std::vector<double> speeds(random() % 50);
    for (double& speed : speeds) speed = std::exp(static_cast<double>(random() % 4000) / 100 - 10);
    const auto segments = scheduler::split(first, steps, speeds, bounds);
    ASSERT_FALSE(segments.empty());
    ASSERT_LE(segments.size(), bounds.max_segments);
    std::uint64_t next = first;
    for (const SegmentRange& segment : segments) {
      ASSERT_EQ(segment.first_step, next);
      ASSERT_LE(segment.steps, bounds.max_steps);
      ASSERT_TRUE(segment.steps != 0 || steps == 0);
      next += segment.steps;
    }
    ASSERT_EQ(next, first + steps);
  }
}

}  // namespace
}  // namespace magnetar::scheduler
