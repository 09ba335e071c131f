#include "vm/profile.h"

#include <gtest/gtest.h>

#include <sstream>

#include "assembler.h"
#include "vm/machine.h"

namespace magnetar::vm {
namespace {

using namespace testing;

std::string folded(const std::vector<std::uint32_t>& text, std::vector<Symbol> symbols, std::size_t piece = 1000) {
  const auto program = make_program(text);
  Profiler profiler(program, std::move(symbols));
  Machine machine(program, make_input());
  Trace trace(piece);
  while (machine.status() == Status::kRunning) {
    machine.trace(UINT64_MAX, trace);
    profiler.add(trace);
  }
  std::ostringstream out;
  profiler.write_folded(out);
  return out.str();
}

TEST(Profiler, FollowsCallsReturnsAndTailCalls) {
  const std::vector<std::uint32_t> text = {
      jal(ra, 20),        // 0 start: call f
      jal(ra, 32),        // 4 start: call g
      addi(s2, zero, 2),  // 8
      kEcallWord,         // 12: five rows of microcode
      kUnimp,             // 16
      addi(5, ra, 0),     // 20 f
      jal(ra, 12),        // 24 f: call g
      addi(ra, 5, 0),     // 28 f
      jal(zero, 12),      // 32 f: tail call of h
      addi(a0, a0, 1),    // 36 g
      jalr(zero, ra, 0),  // 40 g
      addi(a0, a0, 2),    // 44 h
      jalr(zero, ra, 0),  // 48 h
  };
  const std::vector<Symbol> symbols = {{0, 20, "start"}, {20, 16, "f"}, {36, 8, "g"}, {44, 8, "h"}};
  const std::string expected = "start 4\nstart;f 4\nstart;f;g 2\nstart;h 2\nstart;g 2\nstart;[system call] 4\n";
  EXPECT_EQ(folded(text, symbols), expected);
  EXPECT_EQ(folded(text, symbols, 1), expected);
}

TEST(Profiler, WithoutSymbolsNamesFunctionsByAddress) {
  EXPECT_EQ(folded({jal(ra, 8), kUnimp, addi(a0, zero, 1), jalr(zero, ra, 0)}, {}), "0x0 1\n0x0;0x8 2\n");
}

TEST(Profiler, BoundsRecursion) {
  // Calls itself 5,000 times, without returning.
  const std::string out = folded({addi(t1, zero, 1250), r_type(0, 0, t1, t1, t1), r_type(0, 0, t1, t1, t1), jal(ra, 4),
                                  addi(t1, t1, -1), beq(t1, zero, 8), jal(ra, -8), kUnimp},
                                 {{0, 16, "start"}, {16, 16, "f"}});
  std::istringstream lines(out);
  std::size_t count = 0;
  std::uint64_t total = 0;
  for (std::string stack; std::getline(lines, stack); ++count) total += std::stoull(stack.substr(stack.rfind(' ')));
  EXPECT_EQ(count, 512U);
  EXPECT_EQ(total, 4U + 3U * 5000U - 1U);
}

TEST(LabelTimes, AddsUpSpans) {
  LabelTimes times;
  times.add("^#a", 10);
  times.add("^#b", 12);
  times.add("^#a", 15);
  times.add("$#a", 20);
  times.add("$#a", 40);
  times.add("$#never", 50);
  times.add("odd", 60);
  ASSERT_EQ(times.totals().size(), 1U);
  EXPECT_EQ(times.totals().at("a").spans, 2U);
  EXPECT_EQ(times.totals().at("a").cycles, 35U);
}

}  // namespace
}  // namespace magnetar::vm
