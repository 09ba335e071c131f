#include "engine/algebra/instruction_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace magnetar::algebra {
namespace {

using testing::HasSubstr;

TEST(InstructionSet, NamesAreChosenAsRequested) {
  for (const auto set : {InstructionSet::kPortable, InstructionSet::kAdx, InstructionSet::kIfma}) {
    const auto chosen = choose_instruction_set(name(set));
    if (is_supported(set)) {
      EXPECT_EQ(chosen, set);
    } else {
      ASSERT_FALSE(chosen.has_value());
      EXPECT_THAT(chosen.error(), HasSubstr("does not support"));
    }
  }
}

TEST(InstructionSet, TheBestSupportedIsTheDefault) {
  const auto best = choose_instruction_set("");
  ASSERT_TRUE(best.has_value());
  for (const auto set : {InstructionSet::kPortable, InstructionSet::kAdx, InstructionSet::kIfma}) {
    if (is_supported(set)) {
      EXPECT_GE(*best, set);
    }
  }
}

TEST(InstructionSet, UnknownNamesAreRefusedWithTheKnownOnes) {
  for (const auto* const requested : {"avx2", "IFMA", "portable ", "x"}) {
    const auto chosen = choose_instruction_set(requested);
    ASSERT_FALSE(chosen.has_value());
    EXPECT_THAT(chosen.error(), HasSubstr(requested));
    EXPECT_THAT(chosen.error(), HasSubstr("portable, adx and ifma"));
  }
}

TEST(InstructionSet, TheActiveOneFollowsTheEnvironment) {
  const char* const requested = std::getenv("MAGNETAR_CPU");
  EXPECT_EQ(active_instruction_set(), *choose_instruction_set(requested == nullptr ? "" : requested));
}

}  // namespace
}  // namespace magnetar::algebra
