#include "vm/machine.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <functional>
#include <ostream>
#include <string>

#include "assembler.h"

namespace magnetar::vm {
namespace {

using namespace testing;

Machine run(const std::vector<std::uint32_t>& text, std::string_view input = "", Limits limits = {}, Hooks hooks = {}) {
  Machine machine(make_program(text), make_input(input), limits, std::move(hooks));
  machine.execute(1'000'000);
  return machine;
}

std::string text_of(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(Machine, HaltsWithA0) {
  const Machine machine = run({addi(a0, zero, 42), kUnimp});
  EXPECT_EQ(machine.status(), Status::kHalted);
  EXPECT_EQ(machine.exit_code(), 42U);
  EXPECT_EQ(machine.cycle(), 1U);
  EXPECT_EQ(machine.instructions(), 2U);
  EXPECT_EQ(machine.pc(), 4U);
}

TEST(Machine, AProgramMayTakeNoCycle) {
  Machine machine(make_program({kUnimp}), make_input());
  EXPECT_EQ(machine.status(), Status::kHalted);
  EXPECT_EQ(machine.cycle(), 0U);
  Trace trace(8);
  EXPECT_EQ(machine.trace(100, trace), Status::kHalted);
  EXPECT_TRUE(trace.rows().empty());
}

TEST(Machine, HaltIsSeenAtTheLastAllowedCycle) {
  const std::vector<std::uint32_t> text = {addi(a0, zero, 1), addi(a0, a0, 1), kUnimp};
  EXPECT_EQ(run(text, "", {.max_cycles = 2}).status(), Status::kHalted);
  const Machine machine = run(text, "", {.max_cycles = 1});
  ASSERT_EQ(machine.status(), Status::kFaulted);
  EXPECT_EQ(machine.fault().kind, FaultKind::kCycleLimit);
  EXPECT_EQ(machine.cycle(), 1U);
}

TEST(Machine, X0StaysZero) {
  const Machine machine = run({addi(zero, zero, 5), jal(zero, 4), lui(zero, 1), addi(a0, zero, 0), kUnimp});
  EXPECT_EQ(machine.status(), Status::kHalted);
  EXPECT_EQ(machine.exit_code(), 0U);
  EXPECT_EQ(machine.reg(0), 0U);
}

TEST(Machine, FenceAndEbreakDoNothing) {
  const Machine machine = run({0x0ff0000f, 0x0000100f, 0x00100073, addi(a0, zero, 3), kUnimp});
  EXPECT_EQ(machine.status(), Status::kHalted);
  EXPECT_EQ(machine.cycle(), 4U);
}

TEST(Machine, LoadsReadTextAndDataOfTheImage) {
  const std::vector<std::uint32_t> code = {lui(t0, 2), lw(a0, t0, 1), lw(a1, zero, 0), kUnimp};
  auto program = Program::load(make_elf(0, {{0, bytes_of(code), 16, PF_R | PF_X},
                                            {0x2001, bytes_of("\x11\x22\x33"), 7, PF_R | PF_W},
                                            {0x2008, bytes_of("\x44"), 1, PF_R | PF_W}}));
  ASSERT_TRUE(program);
  Machine machine(*program, make_input());
  EXPECT_EQ(machine.word(0x800), 0x33221100U);
  EXPECT_EQ(machine.word(0x802), 0x44U);
  EXPECT_EQ(machine.word(0), code[0]);
  EXPECT_EQ(machine.execute(100), Status::kFaulted);  // 0x2001 is misaligned
  EXPECT_EQ(machine.fault().kind, FaultKind::kMisalignedAccess);
}

TEST(Machine, InputUntilExhausted) {
  const std::vector<std::uint32_t> text = {addi(s2, zero, 2), kEcallWord, addi(t0, a0, 0), kEcallWord,
                                           addi(t1, a0, 0),   kEcallWord, kUnimp};
  const Machine machine = run(text, "\xfe\x01");
  ASSERT_EQ(machine.status(), Status::kHalted);
  EXPECT_EQ(machine.reg(t0), 0xfeU);
  EXPECT_EQ(machine.reg(t1), 1U);
  EXPECT_EQ(machine.exit_code(), 0xffffffffU);
  EXPECT_EQ(machine.reg(kInputIndex), 2U);
  EXPECT_EQ(machine.instructions(), 7U);
  // ECALL, two rows of dispatch, three of reading; the last read only finds the end.
  EXPECT_EQ(machine.cycle(), 3U + 6U + 6U + 5U);
}

// Writes a2 bytes at a1 = 0x400 + a0's three lowest bits: at any alignment.
std::vector<std::uint32_t> call_with_text(std::uint32_t number, std::uint32_t offset, std::uint32_t size) {
  return {lui(t0, 0x64636),
          addi(t0, t0, 0x261),
          sw(t0, zero, 0x400),
          lui(t0, 0x68676),
          addi(t0, t0, 0x665),
          sw(t0, zero, 0x404),
          addi(s2, zero, static_cast<std::int32_t>(number)),
          addi(a1, zero, static_cast<std::int32_t>(0x400 + offset)),
          addi(a2, zero, static_cast<std::int32_t>(size)),
          kEcallWord,
          kUnimp};
}

TEST(Machine, OutputOfAnyAlignmentAndLength) {
  const std::string all = "abcdefgh";
  for (std::uint32_t offset = 0; offset < 5; ++offset) {
    for (std::uint32_t size = 0; size < 4; ++size) {
      const Machine machine = run(call_with_text(3, offset, size));
      ASSERT_EQ(machine.status(), Status::kHalted);
      EXPECT_EQ(text_of(machine.output()), all.substr(offset, size));
      EXPECT_EQ(machine.exit_code(), 0U);
      EXPECT_EQ(machine.reg(kOutputIndex), size);
      EXPECT_EQ(machine.cycle(), 10U + 4U + 4U + 4U * size) << size;  // dispatch, set-up and end, loop
    }
  }
}

TEST(Machine, OutputWrapsAroundTheEndOfMemory) {
  const Machine machine = run({addi(t0, zero, 'x'), sb(t0, zero, -1), addi(s2, zero, 3), addi(a1, zero, -1),
                               addi(a2, zero, 2), kEcallWord, kUnimp});
  ASSERT_EQ(machine.status(), Status::kHalted);
  EXPECT_EQ(text_of(machine.output()), "x\x93");  // byte 0 is the first instruction's
}

TEST(Machine, LogAndLabelsReachTheHooksOnly) {
  std::string log;
  std::vector<std::pair<std::string, std::uint64_t>> labels;
  const Hooks hooks = {
      .log =
          [&](std::string_view bytes, std::uint64_t dropped) {
            log += bytes;
            EXPECT_EQ(dropped, 0U);
          },
      .label = [&](std::string_view label, std::uint64_t cycle) { labels.emplace_back(label, cycle); }};
  const Machine logged = run(call_with_text(1, 1, 6), "", {}, hooks);
  ASSERT_EQ(logged.status(), Status::kHalted);
  EXPECT_EQ(log, "bcdefg");
  EXPECT_EQ(logged.exit_code(), 0U);
  EXPECT_TRUE(logged.output().empty());
  EXPECT_EQ(logged.cycle(), 10U + 9U);  // the dispatch and one row
  const Machine labelled = run(call_with_text(5, 0, 3), "", {}, hooks);
  EXPECT_EQ(labelled.exit_code(), 5U);
  ASSERT_EQ(labels.size(), 1U);
  EXPECT_EQ(labels[0].first, "abc");
  EXPECT_EQ(labels[0].second, 16U);
}

TEST(Machine, AHugeLogIsCutAndSaidSo) {
  std::uint64_t kept = 0;
  std::uint64_t dropped = 0;
  const Machine machine = run({addi(s2, zero, 1), addi(a2, zero, -1), kEcallWord, kUnimp}, "", {},
                              {.log = [&](std::string_view bytes, std::uint64_t more) {
                                kept += bytes.size();
                                dropped += more;
                              }});
  EXPECT_EQ(machine.status(), Status::kHalted);
  EXPECT_EQ(kept, kMaxLogBytes);
  EXPECT_EQ(kept + dropped, 0xffffffffU);
}

struct FaultCase {
  std::string name;
  std::vector<std::uint32_t> text;
  FaultKind kind;
  std::uint32_t pc;
  std::uint64_t cycle;
  std::string in_message;
};

// What GoogleTest shows of a case.
void PrintTo(const FaultCase& fault, std::ostream* out) {
  *out << fault.name;
}

class MachineFault : public ::testing::TestWithParam<FaultCase> {};

TEST_P(MachineFault, IsReportedAtItsInstruction) {
  const FaultCase& expected = GetParam();
  Machine executed(make_program(expected.text), make_input());
  Machine traced(make_program(expected.text), make_input());
  Trace trace(100);
  EXPECT_EQ(executed.execute(100), Status::kFaulted);
  EXPECT_EQ(traced.trace(100, trace), Status::kFaulted);
  EXPECT_EQ(trace.rows().size(), expected.cycle);
  for (const Machine* machine : {&executed, &traced}) {
    ASSERT_EQ(machine->status(), Status::kFaulted);
    const Fault& fault = machine->fault();
    EXPECT_EQ(name(fault.kind), name(expected.kind));
    EXPECT_EQ(fault.pc, expected.pc);
    EXPECT_EQ(fault.cycle, expected.cycle);
    EXPECT_EQ(machine->cycle(), expected.cycle);
    EXPECT_NE(fault.message().find(expected.in_message), std::string::npos) << fault.message();
    if (expected.pc / 4 < expected.text.size()) {
      EXPECT_EQ(fault.word, expected.text[expected.pc / 4]);
    } else {
      EXPECT_EQ(fault.word, std::nullopt);
    }
  }
  // A faulted machine stays where it is.
  EXPECT_EQ(executed.execute(200), Status::kFaulted);
  EXPECT_EQ(executed.cycle(), expected.cycle);
}

INSTANTIATE_TEST_SUITE_P(
    All, MachineFault,
    ::testing::Values(
        FaultCase{"Illegal",
                  {addi(a0, zero, 1), 0xffffffff},
                  FaultKind::kIllegalInstruction,
                  4,
                  1,
                  "ffffffff (.word 0xffffffff)"},
        FaultCase{"Csr", {0xc0102573}, FaultKind::kIllegalInstruction, 0, 0, "RV32I"},
        FaultCase{"LoadHalf", {lh(a0, zero, 0x101)}, FaultKind::kMisalignedAccess, 0, 0, "0x00000101"},
        FaultCase{"LoadWord", {lw(a0, zero, 0x102)}, FaultKind::kMisalignedAccess, 0, 0, "lw a0, 258(zero)"},
        FaultCase{"StoreHalf", {sh(a0, zero, 0x103)}, FaultKind::kMisalignedAccess, 0, 0, "0x00000103"},
        FaultCase{"StoreWord", {sw(a0, zero, 0x101)}, FaultKind::kMisalignedAccess, 0, 0, "0x00000101"},
        FaultCase{"Jal", {addi(a0, zero, 1), jal(ra, 6)}, FaultKind::kMisalignedJump, 4, 1, "0x0000000a"},
        FaultCase{"Jalr", {jalr(ra, zero, 0x103)}, FaultKind::kMisalignedJump, 0, 0, "0x00000102"},
        FaultCase{"Branch", {beq(zero, zero, -2)}, FaultKind::kMisalignedJump, 0, 0, "0xfffffffe"},
        FaultCase{"FallsOff", {addi(a0, zero, 1)}, FaultKind::kPcOutsideText, 4, 1, "executable"},
        FaultCase{"JalOutside", {jal(zero, 0x1000)}, FaultKind::kPcOutsideText, 0x1000, 1, "0x00001000"},
        FaultCase{"JalrOutside", {jalr(zero, zero, 0x100)}, FaultKind::kPcOutsideText, 0x100, 1, "0x00000100"},
        FaultCase{"JalrTop", {jalr(zero, zero, -4)}, FaultKind::kPcOutsideText, 0xfffffffc, 1, "0xfffffffc"},
        FaultCase{"BranchOutside", {beq(zero, zero, -8)}, FaultKind::kPcOutsideText, 0xfffffff8, 1, "executable"},
        FaultCase{"StoreText", {sb(a0, zero, 3)}, FaultKind::kStoreIntoText, 0, 0, "0x00000003"},
        FaultCase{
            "UnknownCall", {addi(s2, zero, 4), kEcallWord}, FaultKind::kUnknownSystemCall, 4, 10, "system call 4"},
        FaultCase{"CallZero", {kEcallWord}, FaultKind::kUnknownSystemCall, 0, 9, "system call 0"}),
    [](const auto& parameter) { return parameter.param.name; });

TEST(Machine, MisalignedBranchesFaultOnlyWhenTaken) {
  // Each kind once with an outcome that does not take it.
  const std::vector<std::uint32_t> text = {
      addi(t0, zero, -1),     b_type(0, t0, zero, 6), b_type(1, zero, zero, 6), b_type(4, zero, t0, 6),
      b_type(5, t0, zero, 6), b_type(6, t0, zero, 6), b_type(7, zero, t0, 6),   kUnimp};
  EXPECT_EQ(run(text).status(), Status::kHalted);
  for (const std::uint32_t taken : {b_type(0, zero, zero, 6), b_type(1, t0, zero, 6), b_type(4, t0, zero, 6),
                                    b_type(5, zero, t0, 6), b_type(6, zero, t0, 6), b_type(7, t0, zero, 6)}) {
    const Machine machine = run({addi(t0, zero, -1), taken, kUnimp});
    ASSERT_EQ(machine.status(), Status::kFaulted);
    EXPECT_EQ(machine.fault().kind, FaultKind::kMisalignedJump);
    EXPECT_EQ(machine.fault().pc, 4U);
  }
}

TEST(Machine, StoresIntoTextFaultToTheByte) {
  // Text [0x1002, 0x1010): a byte on either side may be written.
  std::vector<std::byte> bytes(2);
  const auto code = bytes_of({lui(t0, 1), sb(zero, t0, 0x1), sb(zero, t0, 0x18), kUnimp});
  bytes.insert(bytes.end(), code.begin(), code.end());
  const auto at = [&](std::int32_t first, std::int32_t second) {
    const auto words = bytes_of({lui(t0, 1), sb(zero, t0, first), sb(zero, t0, second), kUnimp});
    std::copy(words.begin(), words.end(), bytes.begin() + 2);
    auto program = Program::load(make_elf(0x1004, {{0x1002, bytes, 0x16, PF_R | PF_X}}));
    EXPECT_TRUE(program);
    Machine machine(*program, make_input());
    machine.execute(100);
    return machine;
  };
  EXPECT_EQ(at(0x1, 0x18).status(), Status::kHalted);
  EXPECT_EQ(at(0x1, 0x17).fault().kind, FaultKind::kStoreIntoText);  // memory part: not fetched, but of the segment
  EXPECT_EQ(at(0x2, 0x18).fault().kind, FaultKind::kStoreIntoText);
}

TEST(Machine, StoresIntoTextFaultThoughItSpansAllOfMemory) {
  // From 0 to 2^32, with a hole.
  const auto store_at = [](std::int32_t address) {
    auto program = Program::load(
        make_elf(0, {{0, bytes_of({lui(t0, 1), sw(zero, zero, address), sw(zero, t0, 0), kUnimp}), 16, PF_X},
                     {0xfffffff0, std::vector<std::byte>(16), 16, PF_X}}));
    EXPECT_TRUE(program);
    EXPECT_EQ((*program)->text_size(), std::uint64_t{1} << 32);
    Machine machine(*program, make_input());
    machine.execute(100);
    return machine;
  };
  for (const std::int32_t address : {0, 12, -16, -4}) {
    const Machine machine = store_at(address);
    ASSERT_EQ(machine.status(), Status::kFaulted) << address;
    EXPECT_EQ(machine.fault().kind, FaultKind::kStoreIntoText);
  }
  EXPECT_EQ(store_at(16).status(), Status::kHalted);
}

TEST(Machine, SizesInMemoryCostNothing) {
  auto program = Program::load(make_elf(0x1000, {{0x1000, bytes_of({kUnimp}), 0x7ffff000, PF_R | PF_X},
                                                 {0x80000000, bytes_of("x"), 0x80000000, PF_R | PF_W}}));
  ASSERT_TRUE(program);
  const Machine machine(*program, make_input());
  EXPECT_EQ(machine.memory_bytes(), 2 * sizeof(Page));
  EXPECT_EQ((*program)->ops().size(), kMicrocodeSize + 4);  // two for pcs without a word, the word, what is behind it
}

TEST(Machine, FetchNeedsAWholeWordInTheFilePart) {
  // The last word's upper half lies beyond the file part.
  auto bytes = bytes_of({addi(a0, zero, 1), addi(a0, zero, 2), kUnimp});
  bytes.resize(10);
  auto program = Program::load(make_elf(0, {{0, bytes, 12, PF_R | PF_X}}));
  ASSERT_TRUE(program);
  Machine machine(*program, make_input());
  EXPECT_EQ(machine.execute(100), Status::kFaulted);
  EXPECT_EQ(machine.fault().kind, FaultKind::kPcOutsideText);
  EXPECT_EQ(machine.fault().pc, 8U);
}

TEST(Machine, AdjacentAndDistantExecutableSegmentsAreOneProgram) {
  auto program = Program::load(make_elf(0x1000, {{0x1000, bytes_of({addi(t0, zero, 1)}), 4, PF_X},
                                                 {0x1004, bytes_of({lui(t1, 3), jalr(ra, t1, 0)}), 8, PF_X},
                                                 {0x3000, bytes_of({addi(a0, ra, 0), kUnimp}), 8, PF_X}}));
  ASSERT_TRUE(program);
  EXPECT_EQ((*program)->runs().size(), 2U);
  Machine machine(*program, make_input());
  EXPECT_EQ(machine.execute(100), Status::kHalted);
  EXPECT_EQ(machine.exit_code(), 0x100cU);
  for (std::uint32_t op = 0; op < (*program)->ops().size(); ++op) {
    if (op == Program::kOutsideOp) continue;
    if (const auto entry = (*program)->entry_of(op)) {
      EXPECT_EQ(entry->pc, (*program)->pc_of(op));
      EXPECT_EQ((*program)->op_at(entry->pc), op);
    }
  }
}

TEST(Machine, TheTopOfMemoryHasNoEntry) {
  // 0xfffffff8 is the last word that can be fetched: pc + 4 stays below 2^32.
  auto program = Program::load(
      make_elf(0xfffffff4, {{0xfffffff4, bytes_of({addi(a0, zero, 1), addi(a0, zero, 2), kUnimp}), 12, PF_X}}));
  ASSERT_TRUE(program);
  Machine machine(*program, make_input());
  EXPECT_EQ(machine.execute(100), Status::kFaulted);
  EXPECT_EQ(machine.fault().pc, 0xfffffffcU);
  EXPECT_EQ(machine.cycle(), 2U);
}

TEST(Machine, MemoryIsLimited) {
  // Touches a page more in every round, by loads.
  const std::vector<std::uint32_t> text = {lui(t1, 1), i_type(0x03, 4, a0, t0, 0), r_type(0, 0, t0, t0, t1),
                                           jal(zero, -8)};
  Machine machine(make_program(text), make_input(), {.max_memory_bytes = 64 * 4096});
  EXPECT_EQ(machine.execute(1'000'000), Status::kFaulted);
  EXPECT_EQ(machine.fault().kind, FaultKind::kMemoryLimit);
  EXPECT_EQ(machine.memory_bytes(), 64U * 4096U);
  Machine traced(make_program(text), make_input(), {.max_memory_bytes = 64 * 4096});
  Trace trace(100'000);
  EXPECT_EQ(traced.trace(1'000'000, trace), Status::kFaulted);
  EXPECT_EQ(traced.cycle(), machine.cycle());
}

TEST(Machine, OutputIsLimited) {
  const std::vector<std::uint32_t> text = {addi(s2, zero, 3), addi(a2, zero, 100), kEcallWord, kUnimp};
  const Machine machine = run(text, "", {.max_output_bytes = 99});
  ASSERT_EQ(machine.status(), Status::kFaulted);
  EXPECT_EQ(machine.fault().kind, FaultKind::kOutputLimit);
  EXPECT_EQ(machine.fault().pc, 8U);
  EXPECT_EQ(machine.output().size(), 99U);
  EXPECT_EQ(run(text, "", {.max_output_bytes = 100}).status(), Status::kHalted);
}

TEST(Machine, TheOutputIndexDoesNotWrap) {
  // As if 2^32 - 2 bytes had been put out before.
  const std::vector<std::uint32_t> text = {addi(s2, zero, 3), addi(a2, zero, 2), kEcallWord, kUnimp};
  const auto program = make_program(text);
  const auto input = make_input();
  Checkpoint checkpoint = Machine(program, input).checkpoint();
  checkpoint.registers[kOutputIndex] = 0xfffffffe;
  Machine machine(program, input, checkpoint, {.max_output_bytes = UINT64_MAX});
  EXPECT_EQ(machine.execute(100), Status::kFaulted);
  EXPECT_EQ(machine.fault().kind, FaultKind::kOutputLimit);
  EXPECT_NE(machine.fault().message().find("4294967295 bytes"), std::string::npos) << machine.fault().message();
  EXPECT_EQ(machine.output().size(), 1U);
  EXPECT_EQ(machine.reg(kOutputIndex), 0xffffffffU);
}

TEST(Machine, ACheckpointOfAnotherProgramOrInputIsABug) {
  // A checkpoint before the read of the one byte, and what else it might say. Without assertions nothing but the input
  // is read.
  const auto program = make_program({addi(s2, zero, 2), kEcallWord, kUnimp});
  const auto input = make_input("x");
  Machine before(program, input);
  while (program->ops()[program->op_at(before.pc())].code != Opcode::kInput) before.execute(before.cycle() + 1);
  const Checkpoint good = before.checkpoint();
  const auto go_on = [&](const std::function<void(Checkpoint&)>& change) {
    Checkpoint checkpoint = good;
    change(checkpoint);
    Machine machine(program, input, checkpoint);
    machine.execute(100);
    return machine.exit_code();
  };
  EXPECT_EQ(go_on([](Checkpoint&) {}), std::uint32_t{'x'});
  EXPECT_DEBUG_DEATH(go_on([](Checkpoint& c) { c.registers[kZero] = 1; }), "kZero");
  EXPECT_DEBUG_DEATH(go_on([](Checkpoint& c) { c.registers[kInputLength] = 2; }), "kInputLength");
  for (const std::uint32_t index : {1U, 0x7fffffffU, 0xffffffffU}) {
    EXPECT_DEBUG_DEATH(EXPECT_EQ(go_on([=](Checkpoint& c) { c.registers[kInputIndex] = index; }), 0U), "kInputIndex");
  }
  // At the end of the input no read is left to go wrong.
  EXPECT_EQ(go_on([](Checkpoint& c) {
              c.registers[kInputIndex] = 1;
              c.pc = kMicrocodeBase;
            }),
            0xffffffffU);
}

TEST(Machine, StopsAtAnyCycleAndGoesOn) {
  const auto text = call_with_text(3, 0, 5);
  const Machine whole = run(text);
  Machine stepped(make_program(text), make_input());
  while (stepped.status() == Status::kRunning) stepped.execute(stepped.cycle() + 1);
  EXPECT_EQ(stepped.cycle(), whole.cycle());
  EXPECT_EQ(stepped.instructions(), whole.instructions());
  EXPECT_EQ(stepped.output(), whole.output());
}

}  // namespace
}  // namespace magnetar::vm
