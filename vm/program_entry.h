#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace magnetar::vm {

/// The types of trace rows. Each instruction maps to one; kRefresh rows renew the time of an address
/// that has not been accessed for long and are not on the control-flow path.
enum class RowType : std::uint8_t {
  kAddI,
  kAddR,
  kJalr,
  kLogicR,
  kLogicI,
  kBranchEqual,
  kBranchLessUnsigned,
  kBranchLess,
  kSetLessUnsignedR,
  kSetLessUnsignedI,
  kSetLessR,
  kSetLessI,
  kLoadWord,
  kStoreWord,
  kLoadSubword,
  kStoreSubword,
  kShiftI,
  kShiftR,
  kIn,
  kOut,
  kRefresh,
};
inline constexpr std::size_t kRowTypeCount = 21;

/// The type's name in statistics and JSON: "ADD-I", "SUBWORD-L", ...
std::string_view name(RowType type);

/// Which accesses a row of this type makes. The access in slot j of the row with clock clk happens at
/// time 4·clk + j: rs1 in slot 0, rs2 in 1, memory in 2, rd in 3.
struct Slots {
  bool rs1, rs2, memory, rd;
};
Slots slots(RowType type);

/// One line of the public program, the content of a PROG tuple: an instruction or a word of microcode,
/// decoded so far that its row type's equations need nothing else. A field that the type does not use is 0.
///
/// | type | immediate | target | f1, f2 |
/// | --- | --- | --- | --- |
/// | ADD-I: addi, lui, auipc, jal, fence, ebreak, ecall | added to rs1 | next pc | |
/// | ADD-R: add, sub | | next pc | f1 = 1: sub |
/// | JALR | added to rs1 gives the next pc, bit 0 cleared | written to rd | |
/// | LOGIC-R, -I: f1·(a + b) + f2·(a and b) | second operand | next pc | and (0, 1), or (1, -1), xor (1, -2) |
/// | BEQ, BLTU, BLT (with BNE, BGEU, BGE) | next pc if rs1 = rs2, or not rs1 < rs2 | next pc otherwise | |
/// | SLTU-R, -I, SLT-R, -I | second operand; SLT-I: with its sign bit flipped | next pc | |
/// | LW, SW | address offset | next pc | |
/// | SUBWORD-L: lb, lh, lbu, lhu | address offset | next pc | f1 = 1: halfword; f2 = what a set sign bit adds: 0, 2^32
/// - 2^8 or 2^32 - 2^16 | | SUBWORD-S: sb, sh | address offset | next pc | f1 = 1: halfword | | SHIFT-I | factor μ:
/// 2^sh left, 2^(32 - sh) right | next pc | f1 = 1: right; f2 = 2^32 - μ for sra; right by 0 is written as left by 0 |
/// | SHIFT-R | | next pc | f1 = 1: right; f2 = 1: sra |
/// | IN, OUT | | next pc | |
struct ProgramEntry {
  std::uint64_t pc = 0;
  RowType type = RowType::kAddI;
  std::uint8_t rd = 0;
  std::uint8_t rs1 = 0;
  std::uint8_t rs2 = 0;
  std::uint64_t immediate = 0;
  std::uint64_t target = 0;
  std::int64_t f1 = 0;
  std::int64_t f2 = 0;

  friend bool operator==(const ProgramEntry&, const ProgramEntry&) = default;
};

/// Pcs of guest instructions lie below: pc + 4 stays below 2^32.
inline constexpr std::uint64_t kTextLimit = (std::uint64_t{1} << 32) - 4;

/// The entry of `word` at `pc`; none for halt and illegal words, or where pc is not a multiple of 4
/// below kTextLimit. Whether pc lies in executable memory is the caller's to know.
std::optional<ProgramEntry> program_entry(std::uint32_t pc, std::uint32_t word);

}  // namespace magnetar::vm
