#include "vm/trace.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <string>
#include <thread>

#include "assembler.h"
#include "replay.h"

namespace magnetar::vm {
namespace {

using namespace testing;

bool same(const Trace& a, std::span<const Row> rows) {
  return a.rows().size() == rows.size() && std::memcmp(a.rows().data(), rows.data(), rows.size_bytes()) == 0;
}

bool same(const std::vector<Refresh>& a, const std::vector<Refresh>& b) {
  return std::ranges::equal(a, b, [](const Refresh& x, const Refresh& y) {
    return x.address == y.address && x.value == y.value && x.old_time == y.old_time && x.new_time == y.new_time;
  });
}

// Every kind of system call, each at least once.
std::vector<std::uint32_t> all_calls() {
  std::vector<std::uint32_t> text = {lui(t0, 0x64636), addi(t0, t0, 0x261), sw(t0, zero, 0x400), addi(a1, zero, 0x401),
                                     addi(a2, zero, 3)};
  for (const std::int32_t number : {2, 3, 1, 2, 5, 2, 3}) {
    text.push_back(addi(s2, zero, number));
    text.push_back(kEcallWord);
  }
  text.push_back(kUnimp);
  return text;
}

// t0 counts down from `rounds`; t1, t2 and the word at 0x500 rest for the time of the loop, then are accessed again.
std::vector<std::uint32_t> long_rest(std::int32_t rounds_upper, std::int32_t rounds_lower) {
  return {addi(t1, zero, 77),         sw(t1, zero, 0x500),      lui(t0, static_cast<std::uint32_t>(rounds_upper)),
          addi(t0, t0, rounds_lower), addi(t0, t0, -1),         bne(t0, zero, -4),
          lw(a0, zero, 0x500),        r_type(0, 0, a0, a0, t1), kUnimp};
}

TEST(Trace, SystemCallsReplay) {
  for (const std::size_t piece : {1U, 2U, 7U, 4096U}) {
    EXPECT_EQ(replay_all(make_program(all_calls()), make_input("xy"), piece), std::nullopt);
  }
}

TEST(Trace, RowsAreAsDocumented) {
  const auto program = make_program({addi(t0, zero, 5), sw(t0, zero, 0x500), lw(a0, zero, 0x500), kUnimp});
  Machine machine(program, make_input());
  Trace trace(8);
  ASSERT_EQ(machine.trace(100, trace), Status::kHalted);
  ASSERT_EQ(trace.rows().size(), 3U);
  const Row& store = trace.rows()[1];
  EXPECT_EQ(program->pc_of(store.op), 4U);
  EXPECT_EQ(store.rs2_value, 5U);
  EXPECT_EQ(store.memory_value, 0U);
  EXPECT_EQ(store.result, 5U);
  EXPECT_EQ(store.gap[0], 8 - 4 - 1);   // x0, read at 4 and 8
  EXPECT_EQ(store.gap[1], 9 - 7 - 1);   // t0, written at 7, read at 9
  EXPECT_EQ(store.gap[2], 10 - 0 - 1);  // never accessed before
  const Row& load = trace.rows()[2];
  EXPECT_EQ(load.memory_value, 5U);
  EXPECT_EQ(load.gap[2], 14 - 10 - 1);
  EXPECT_EQ(load.gap[3], 15 - 0 - 1);
}

TEST(Trace, GapsAroundTheLimitNeedARefreshOnlyBeyondIt) {
  // x9's time after one row is 7; it is read as rs1 of row c at 4c. 4c - 7 is never 2^16; as rs2, 4c + 1 - 7 is not
  // either, so gaps of 2^16 - 1, 2^16 and 2^16 + 1 need three different slots: written in slot 3, read in slot 0
  // (gap ≡ 1), slot 1 (≡ 2), written again in slot 3 (≡ 0 mod 4).
  const auto gap_of = [](std::uint32_t reading, std::size_t rows_between) {
    std::vector<std::uint32_t> text = {addi(9, zero, 1)};
    for (std::size_t i = 0; i < rows_between; ++i) text.push_back(addi(5, 5, 0));
    text.push_back(reading);
    text.push_back(kUnimp);
    const auto program = make_program(text);
    const auto input = make_input();
    EXPECT_EQ(replay_all(program, input), std::nullopt);
    Machine machine(program, input);
    Trace trace(text.size());
    machine.trace(UINT64_MAX, trace);
    std::size_t of_x9 = 0;
    for (const Refresh& refresh : trace.refreshes()) of_x9 += refresh.address == Address::of_register(9) ? 1 : 0;
    return std::pair{trace.rows().back(), of_x9};
  };
  const std::uint32_t write = addi(9, 10, 1);
  const std::uint32_t read_rs1 = addi(10, 9, 0);
  constexpr std::size_t kRows = (1 << 16) / 4;
  {
    const auto [row, refreshes] = gap_of(write, kRows - 1);  // slot 3 to slot 3: exactly 2^16
    EXPECT_EQ(row.gap[3], 0xffff);
    EXPECT_EQ(refreshes, 0U);
  }
  {
    const auto [row, refreshes] = gap_of(read_rs1, kRows);  // 4·(kRows + 1) - 3 = 2^16 + 1
    EXPECT_EQ(row.gap[0], 0);
    EXPECT_EQ(refreshes, 1U);
  }
  {
    const auto [row, refreshes] = gap_of(read_rs1, kRows - 1);  // 2^16 - 3
    EXPECT_EQ(row.gap[0], 0xffff - 3);
    EXPECT_EQ(refreshes, 0U);
  }
  {
    const auto [row, refreshes] = gap_of(beq(10, 9, 4), kRows - 1);  // 2^16 - 2
    EXPECT_EQ(row.gap[1], 0xffff - 2);
    EXPECT_EQ(refreshes, 0U);
  }
}

TEST(Trace, LongRestsReplay) {
  EXPECT_EQ(replay_all(make_program(long_rest(8, 5)), make_input()), std::nullopt);
  EXPECT_EQ(replay_all(make_program(long_rest(100, 0)), make_input(), 1 << 16), std::nullopt);
}

TEST(Trace, TheReplayNoticesChanges) {
  const auto program = make_program(all_calls());
  const auto input = make_input("xy");
  Machine machine(program, input);
  Trace trace(1000);
  machine.trace(UINT64_MAX, trace);
  ASSERT_EQ(Replay(program, input).add(trace), std::nullopt);
  auto* rows = const_cast<Row*>(trace.rows().data());
  for (std::size_t i = 0; i < trace.rows().size(); ++i) {
    const Row good = rows[i];
    for (std::uint32_t* field : {&rows[i].op, &rows[i].rs1_value, &rows[i].rs2_value, &rows[i].memory_value,
                                 &rows[i].rd_value, &rows[i].result}) {
      *field ^= 1;
      EXPECT_NE(Replay(program, input).add(trace), std::nullopt) << "row " << i;
      rows[i] = good;
    }
    for (std::uint16_t& gap : rows[i].gap) {
      ++gap;
      EXPECT_NE(Replay(program, input).add(trace), std::nullopt) << "row " << i;
      rows[i] = good;
    }
  }
}

TEST(Trace, ExecutionAndTraceAgree) {
  const auto program = make_program(all_calls());
  Machine executed(program, make_input("xy"));
  Machine traced(program, make_input("xy"));
  Trace trace(1);
  while (traced.status() == Status::kRunning) {
    ASSERT_EQ(executed.pc(), traced.pc());
    for (std::uint8_t i = 0; i < kRegisterCount; ++i) ASSERT_EQ(executed.reg(i), traced.reg(i));
    ASSERT_EQ(executed.instructions(), traced.instructions());
    executed.execute(executed.cycle() + 1);
    traced.trace(UINT64_MAX, trace);
  }
  EXPECT_EQ(executed.status(), Status::kHalted);
  EXPECT_EQ(executed.output(), traced.output());
}

TEST(Checkpoint, RowsAfterAnyRowAreRegenerated) {
  // At every row, those of microcode included.
  for (const auto& text : {all_calls(), long_rest(8, 100)}) {
    const auto program = make_program(text);
    const auto input = make_input("xy");
    Machine whole(program, input);
    Trace all(100'000);
    ASSERT_EQ(whole.trace(UINT64_MAX, all), Status::kHalted);
    const std::size_t stride = all.rows().size() / 100 + 1;
    Machine machine(program, input);
    Trace piece(stride);
    Trace rest(100'000);
    std::size_t refreshes = 0;
    for (std::size_t row = 0; row < all.rows().size(); row += stride) {
      const Checkpoint checkpoint = machine.checkpoint();
      Machine resumed(program, input, checkpoint);
      EXPECT_EQ(resumed.cycle(), row);
      EXPECT_EQ(resumed.trace(UINT64_MAX, rest), Status::kHalted);
      EXPECT_EQ(rest.first_clock(), row + 1);
      ASSERT_TRUE(same(rest, all.rows().subspan(row))) << "from row " << row;
      ASSERT_TRUE(same(rest.refreshes(),
                       {all.refreshes().begin() + static_cast<std::ptrdiff_t>(refreshes), all.refreshes().end()}));
      EXPECT_EQ(resumed.exit_code(), whole.exit_code());
      EXPECT_EQ(resumed.instructions(), whole.instructions());
      machine.trace(UINT64_MAX, piece);
      refreshes += piece.refreshes().size();
    }
  }
}

TEST(Checkpoint, SharesWhatDoesNotChange) {
  // Writes one page, then another; a checkpoint in between must keep the first one's content as it was.
  const auto program = make_program({addi(t0, zero, 1), sw(t0, zero, 0x700), lui(t1, 1), sw(t0, t1, 0),
                                     addi(t0, zero, 2), sw(t0, zero, 0x700), kUnimp});
  Machine machine(program, make_input());
  machine.execute(2);
  const Checkpoint before = machine.checkpoint();
  machine.execute(4);
  const Checkpoint between = machine.checkpoint();
  machine.execute(100);
  const Checkpoint after = machine.checkpoint();
  EXPECT_EQ(before.word(0x1c0), 1U);
  EXPECT_EQ(before.word(0x400), 0U);
  EXPECT_EQ(between.word(0x400), 1U);
  EXPECT_EQ(between.word(0x1c0), 1U);
  EXPECT_EQ(after.word(0x1c0), 2U);
  EXPECT_EQ(before.memory.find(0), between.memory.find(0));
  EXPECT_EQ(between.memory.find(1), after.memory.find(1));
  EXPECT_NE(between.memory.find(0), after.memory.find(0));
}

TEST(Checkpoint, ThreadsProduceRangesSideBySide) {
  const auto program = make_program(long_rest(8, 0));
  const auto input = make_input();
  constexpr std::uint64_t kRange = 10'000;
  Machine machine(program, input);
  Trace piece(kRange);
  std::vector<Checkpoint> checkpoints;
  std::vector<Row> rows;
  while (machine.status() == Status::kRunning) {
    checkpoints.push_back(machine.checkpoint());
    machine.trace(UINT64_MAX, piece);
    rows.insert(rows.end(), piece.rows().begin(), piece.rows().end());
  }
  ASSERT_GE(checkpoints.size(), 4U);
  std::array<bool, 2> good{};
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < good.size(); ++t) {
    threads.emplace_back([&, t] {
      good[t] = true;
      for (std::size_t i = t; i < checkpoints.size(); i += good.size()) {
        Machine resumed(program, input, checkpoints[i]);
        Trace mine(kRange);
        resumed.trace(UINT64_MAX, mine);
        const std::size_t first = i * kRange;
        good[t] =
            good[t] && same(mine, std::span(rows).subspan(first, std::min<std::size_t>(kRange, rows.size() - first)));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(good[0] && good[1]);
}

TEST(Segment, StartsWithFreshTimesAfterExecution) {
  const auto program = make_program(all_calls());
  const auto input = make_input("xy");
  Machine counted(program, input);
  counted.execute(UINT64_MAX);
  // From every row on, microcode's included, a segment of its own.
  for (std::uint64_t start = 0; start < counted.cycle(); ++start) {
    Machine machine(program, input);
    Trace trace(1000);
    machine.trace(start / 2, trace);  // times of before must not survive
    machine.execute(start);
    EXPECT_EQ(machine.segment_start(), start);
    machine.for_each_touched([](Address, std::uint32_t, std::uint32_t) { FAIL(); });
    const Checkpoint checkpoint = machine.checkpoint();
    const std::size_t written = machine.output().size();
    Machine segment(program, input, checkpoint);
    Replay replay(program, input, segment.pc(), [&](Address address) {
      return address.is_register() ? checkpoint.registers[address.index()] : checkpoint.word(address.index());
    });
    ASSERT_EQ(segment.trace(UINT64_MAX, trace), Status::kHalted);
    EXPECT_EQ(trace.first_clock(), 1U);
    EXPECT_EQ(replay.add(trace), std::nullopt) << "from " << start;
    EXPECT_EQ(replay.compare(segment), std::nullopt) << "from " << start;
    EXPECT_EQ(segment.cycle(), counted.cycle());
    EXPECT_EQ(written + segment.output().size(), counted.output().size());
  }
}

}  // namespace
}  // namespace magnetar::vm
