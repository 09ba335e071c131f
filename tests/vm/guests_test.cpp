// The bundled guests under the replay, and their rows regenerated from checkpoints.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <string>

#include "assembler.h"
#include "replay.h"
#include "vm/profile.h"

namespace magnetar::vm {
namespace {

using namespace testing;

std::vector<std::string> guests() {
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(MAGNETAR_SOURCE_DIR "/vm/guest/prebuilt")) {
    if (file.path().extension() == ".elf") names.push_back(file.path().stem());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::byte> elf_of(const std::string& guest) {
  return read_source_file("vm/guest/prebuilt/" + guest + ".elf");
}

std::shared_ptr<const Program> load(const std::string& guest) {
  auto program = Program::load(elf_of(guest));
  EXPECT_TRUE(program) << (program ? "" : program.error().message);
  return *program;
}

TEST(Guests, AreSeven) {
  EXPECT_EQ(guests().size(), 7U);
}

class Guest : public ::testing::TestWithParam<std::string> {};

TEST_P(Guest, Replays) {
  const auto program = load(GetParam());
  EXPECT_EQ(replay_all(program, make_input()), std::nullopt);
  EXPECT_EQ(replay_all(program, make_input("12 words of input, of no special form\n"), 1000), std::nullopt);
}

TEST_P(Guest, RowsComeAgainFromCheckpoints) {
  const auto program = load(GetParam());
  const auto input = make_input("some input");
  constexpr std::size_t kPiece = 5'003;
  Machine machine(program, input);
  Trace piece(kPiece);
  Trace again(kPiece);
  for (int i = 0; i < 50 && machine.status() == Status::kRunning; ++i) {
    const Checkpoint checkpoint = machine.checkpoint();
    machine.trace(UINT64_MAX, piece);
    Machine resumed(program, input, checkpoint);
    resumed.trace(UINT64_MAX, again);
    ASSERT_EQ(again.rows().size(), piece.rows().size());
    ASSERT_EQ(std::memcmp(again.rows().data(), piece.rows().data(), piece.rows().size_bytes()), 0);
    ASSERT_EQ(again.refreshes().size(), piece.refreshes().size());
  }
}

TEST_P(Guest, ExecutionEndsLikeTheTrace) {
  const auto program = load(GetParam());
  const auto input = make_input("7 8 9");
  Machine executed(program, input);
  Machine traced(program, input);
  Trace trace(1 << 12);
  executed.execute(UINT64_MAX);
  while (traced.status() == Status::kRunning) traced.trace(UINT64_MAX, trace);
  EXPECT_EQ(executed.status(), Status::kHalted);
  EXPECT_EQ(traced.cycle(), executed.cycle());
  EXPECT_EQ(traced.instructions(), executed.instructions());
  EXPECT_EQ(traced.output(), executed.output());
  EXPECT_EQ(traced.exit_code(), executed.exit_code());
}

TEST_P(Guest, ProfileCountsEveryCycleOnce) {
  const auto program = load(GetParam());
  auto symbols = read_symbols(elf_of(GetParam()));
  ASSERT_TRUE(symbols) << symbols.error().message;
  EXPECT_TRUE(std::any_of(symbols->begin(), symbols->end(), [](const Symbol& s) { return s.name == "main"; }));
  Profiler profiler(program, *std::move(symbols));
  Machine machine(program, make_input());
  Trace trace(1 << 12);
  while (machine.status() == Status::kRunning) {
    machine.trace(UINT64_MAX, trace);
    profiler.add(trace);
  }
  std::stringstream folded;
  profiler.write_folded(folded);
  std::uint64_t total = 0;
  bool in_main = false;
  for (std::string line; std::getline(folded, line);) {
    total += std::stoull(line.substr(line.rfind(' ')));
    in_main = in_main || line.find(";main") != std::string::npos;
  }
  EXPECT_EQ(total, machine.cycle());
  EXPECT_TRUE(in_main);
}

INSTANTIATE_TEST_SUITE_P(All, Guest, ::testing::ValuesIn(guests()),
                         [](const auto& parameter) { return parameter.param; });

}  // namespace
}  // namespace magnetar::vm
