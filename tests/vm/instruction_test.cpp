#include "vm/instruction.h"

#include <gtest/gtest.h>

#include <random>

#include "assembler.h"

namespace magnetar::vm {
namespace {

using enum Mnemonic;

// The instruction listings of the RISC-V Unprivileged ISA, chapter 24, as masks: a reference apart from decode().
struct Pattern {
  Mnemonic mnemonic;
  std::uint32_t mask;
  std::uint32_t match;
};
constexpr Pattern kPatterns[] = {
    {kLui, 0x7f, 0x37},
    {kAuipc, 0x7f, 0x17},
    {kJal, 0x7f, 0x6f},
    {kJalr, 0x707f, 0x67},
    {kBeq, 0x707f, 0x63},
    {kBne, 0x707f, 0x1063},
    {kBlt, 0x707f, 0x4063},
    {kBge, 0x707f, 0x5063},
    {kBltu, 0x707f, 0x6063},
    {kBgeu, 0x707f, 0x7063},
    {kLb, 0x707f, 0x03},
    {kLh, 0x707f, 0x1003},
    {kLw, 0x707f, 0x2003},
    {kLbu, 0x707f, 0x4003},
    {kLhu, 0x707f, 0x5003},
    {kSb, 0x707f, 0x23},
    {kSh, 0x707f, 0x1023},
    {kSw, 0x707f, 0x2023},
    {kAddi, 0x707f, 0x13},
    {kSlti, 0x707f, 0x2013},
    {kSltiu, 0x707f, 0x3013},
    {kXori, 0x707f, 0x4013},
    {kOri, 0x707f, 0x6013},
    {kAndi, 0x707f, 0x7013},
    {kSlli, 0xfe00707f, 0x1013},
    {kSrli, 0xfe00707f, 0x5013},
    {kSrai, 0xfe00707f, 0x40005013},
    {kAdd, 0xfe00707f, 0x33},
    {kSub, 0xfe00707f, 0x40000033},
    {kSll, 0xfe00707f, 0x1033},
    {kSlt, 0xfe00707f, 0x2033},
    {kSltu, 0xfe00707f, 0x3033},
    {kXor, 0xfe00707f, 0x4033},
    {kSrl, 0xfe00707f, 0x5033},
    {kSra, 0xfe00707f, 0x40005033},
    {kOr, 0xfe00707f, 0x6033},
    {kAnd, 0xfe00707f, 0x7033},
    {kFence, 0x707f, 0x0f},
    {kFence, 0x707f, 0x100f},
    {kEcall, 0xffffffff, 0x73},
    {kEbreak, 0xffffffff, 0x100073},
    {kHalt, 0xffffffff, 0xc0001073},
};

Mnemonic by_pattern(std::uint32_t word) {
  Mnemonic found = kIllegal;
  for (const Pattern& pattern : kPatterns) {
    if ((word & pattern.mask) != pattern.match) continue;
    EXPECT_EQ(found, kIllegal) << "two patterns match " << word;
    found = pattern.mnemonic;
  }
  return found;
}

TEST(Instruction, DecodesWhatTheListingsSay) {
  std::mt19937 random(1);
  for (int i = 0; i < 2'000'000; ++i) {
    auto word = static_cast<std::uint32_t>(random());
    if (i % 2 == 0) word = (word & ~0x7fU) | (kPatterns[random() % std::size(kPatterns)].match & 0x7f);
    if (i % 8 == 0) word &= 0x40ffffff;
    ASSERT_EQ(decode(word).mnemonic, by_pattern(word)) << std::hex << word;
  }
  for (const Pattern& pattern : kPatterns) EXPECT_EQ(decode(pattern.match).mnemonic, pattern.mnemonic);
}

TEST(Instruction, NeighboursOfSystemWordsAreIllegal) {
  for (const std::uint32_t word : {0x00000073U, 0x00100073U, 0xc0001073U}) {
    for (unsigned bit = 0; bit < 32; ++bit) {
      const std::uint32_t changed = word ^ (1U << bit);
      EXPECT_EQ(decode(changed).mnemonic, by_pattern(changed)) << std::hex << changed;
    }
  }
  EXPECT_EQ(decode(0xc0102573).mnemonic, kIllegal);  // rdtime a0
  EXPECT_EQ(decode(0x30200073).mnemonic, kIllegal);  // mret
  EXPECT_EQ(decode(0).mnemonic, kIllegal);
  EXPECT_EQ(decode(0xffffffff).mnemonic, kIllegal);
}

TEST(Instruction, FieldsAndImmediates) {
  using namespace testing;
  for (const std::int32_t immediate : {0, 1, -1, 2047, -2048, 5, -6}) {
    const auto value = static_cast<std::uint32_t>(immediate);
    EXPECT_EQ(decode(addi(3, 4, immediate)), (Instruction{kAddi, 3, 4, 0, value}));
    EXPECT_EQ(decode(jalr(31, 30, immediate)), (Instruction{kJalr, 31, 30, 0, value}));
    EXPECT_EQ(decode(lw(1, 2, immediate)), (Instruction{kLw, 1, 2, 0, value}));
    EXPECT_EQ(decode(sw(5, 6, immediate)), (Instruction{kSw, 0, 6, 5, value}));
  }
  for (const std::int32_t offset : {0, 2, -2, 4, -4, 4094, -4096, 2048, 1026}) {
    EXPECT_EQ(decode(beq(7, 8, offset)), (Instruction{kBeq, 0, 7, 8, static_cast<std::uint32_t>(offset)}));
  }
  for (const std::int32_t offset : {0, 2, -2, 1048574, -1048576, 2048, 4096, 0x54322}) {
    EXPECT_EQ(decode(jal(9, offset)), (Instruction{kJal, 9, 0, 0, static_cast<std::uint32_t>(offset)}));
  }
  EXPECT_EQ(decode(lui(17, 0xfffff)), (Instruction{kLui, 17, 0, 0, 0xfffff000}));
  EXPECT_EQ(decode(i_type(0x13, 5, 1, 2, 0x41f)), (Instruction{kSrai, 1, 2, 0, 31}));
  EXPECT_EQ(decode(0x8330000f), (Instruction{.mnemonic = kFence}));  // fence.tso
}

TEST(Instruction, Disassembly) {
  using namespace testing;
  EXPECT_EQ(disassemble(addi(sp, sp, -16), 0), "addi sp, sp, -16");
  EXPECT_EQ(disassemble(lui(a0, 0x12345), 0), "lui a0, 0x12345");
  EXPECT_EQ(disassemble(beq(a0, zero, -8), 0x24), "beq a0, zero, 0x1c");
  EXPECT_EQ(disassemble(jal(ra, 0x100), 0x1000), "jal ra, 0x1100");
  EXPECT_EQ(disassemble(jalr(zero, ra, 0), 0), "jalr zero, 0(ra)");
  EXPECT_EQ(disassemble(lw(a1, sp, 12), 0), "lw a1, 12(sp)");
  EXPECT_EQ(disassemble(sb(a1, sp, -1), 0), "sb a1, -1(sp)");
  EXPECT_EQ(disassemble(r_type(0x20, 5, a0, a1, a2), 0), "sra a0, a1, a2");
  EXPECT_EQ(disassemble(kEcallWord, 0), "ecall");
  EXPECT_EQ(disassemble(kHaltWord, 0), "unimp");
  EXPECT_EQ(disassemble(0, 0), ".word 0x00000000");
}

}  // namespace
}  // namespace magnetar::vm
