#include "vm/program_entry.h"

#include <array>

#include "vm/address.h"
#include "vm/instruction.h"
#include "vm/microcode.h"

namespace magnetar::vm {
namespace {

constexpr std::array<std::string_view, kRowTypeCount> kNames = {
    "ADD-I", "ADD-R", "JALR", "LOGIC-R",   "LOGIC-I",   "BEQ",     "BLTU",    "BLT", "SLTU-R", "SLTU-I", "SLT-R",
    "SLT-I", "LW",    "SW",   "SUBWORD-L", "SUBWORD-S", "SHIFT-I", "SHIFT-R", "IN",  "OUT",    "REFRESH"};

constexpr std::uint64_t kTwo32 = std::uint64_t{1} << 32;

}  // namespace

std::string_view name(RowType type) {
  return kNames[static_cast<std::size_t>(type)];
}

Slots slots(RowType type) {
  using enum RowType;
  switch (type) {
    case kAddI:
    case kJalr:
    case kLogicI:
    case kSetLessUnsignedI:
    case kSetLessI:
    case kShiftI:
    case kIn:
      return {.rs1 = true, .rs2 = false, .memory = false, .rd = true};
    case kAddR:
    case kLogicR:
    case kSetLessUnsignedR:
    case kSetLessR:
    case kShiftR:
      return {.rs1 = true, .rs2 = true, .memory = false, .rd = true};
    case kBranchEqual:
    case kBranchLessUnsigned:
    case kBranchLess:
    case kOut:
      return {.rs1 = true, .rs2 = true, .memory = false, .rd = false};
    case kLoadWord:
    case kLoadSubword:
      return {.rs1 = true, .rs2 = false, .memory = true, .rd = true};
    case kStoreWord:
    case kStoreSubword:
      return {.rs1 = true, .rs2 = true, .memory = true, .rd = false};
    case kRefresh:
      break;
  }
  return {};
}

std::optional<ProgramEntry> program_entry(std::uint32_t pc, std::uint32_t word) {
  using enum Mnemonic;
  if (pc % 4 != 0 || pc >= kTextLimit) return std::nullopt;
  const Instruction i = decode(word);
  const std::uint8_t rd = i.rd == kZero ? std::uint8_t{kSink} : i.rd;
  const std::uint32_t next = pc + 4;
  const std::uint32_t relative = pc + i.immediate;

  const auto add_immediate = [&](std::uint8_t rd_, std::uint8_t rs1, std::uint32_t immediate, std::uint64_t target) {
    return ProgramEntry{
        .pc = pc, .type = RowType::kAddI, .rd = rd_, .rs1 = rs1, .immediate = immediate, .target = target};
  };
  const auto registers = [&](RowType type, std::int64_t f1 = 0, std::int64_t f2 = 0) {
    return ProgramEntry{
        .pc = pc, .type = type, .rd = rd, .rs1 = i.rs1, .rs2 = i.rs2, .target = next, .f1 = f1, .f2 = f2};
  };
  const auto immediates = [&](RowType type, std::uint32_t immediate, std::int64_t f1 = 0, std::int64_t f2 = 0) {
    return ProgramEntry{
        .pc = pc, .type = type, .rd = rd, .rs1 = i.rs1, .immediate = immediate, .target = next, .f1 = f1, .f2 = f2};
  };
  const auto store = [&](RowType type, std::int64_t f1) {
    return ProgramEntry{
        .pc = pc, .type = type, .rs1 = i.rs1, .rs2 = i.rs2, .immediate = i.immediate, .target = next, .f1 = f1};
  };
  // The equality, or the order, is 0: next pc is `immediate`; it is 1: `target`.
  const auto branch = [&](RowType type, std::uint32_t if_0, std::uint32_t if_1) {
    return ProgramEntry{.pc = pc, .type = type, .rs1 = i.rs1, .rs2 = i.rs2, .immediate = if_0, .target = if_1};
  };
  const auto shift_left = [&] { return immediates(RowType::kShiftI, std::uint32_t{1} << i.immediate); };
  const auto shift_right = [&](bool arithmetic) {
    if (i.immediate == 0) return shift_left();
    const std::uint32_t factor = std::uint32_t{1} << (32 - i.immediate);
    return immediates(RowType::kShiftI, factor, 1, arithmetic ? static_cast<std::int64_t>(kTwo32 - factor) : 0);
  };

  switch (i.mnemonic) {
    case kLui:
      return add_immediate(rd, kZero, i.immediate, next);
    case kAuipc:
      return add_immediate(rd, kZero, relative, next);
    case kJal:
      return add_immediate(rd, kZero, next, relative);
    case kAddi:
      return add_immediate(rd, i.rs1, i.immediate, next);
    case kFence:
    case kEbreak:
      return add_immediate(kSink, kZero, 0, next);
    case kEcall:
      return add_immediate(kReturnAddress, kZero, next, kMicrocodeBase);
    case kJalr:
      return ProgramEntry{
          .pc = pc, .type = RowType::kJalr, .rd = rd, .rs1 = i.rs1, .immediate = i.immediate, .target = next};
    case kAdd:
      return registers(RowType::kAddR, 0);
    case kSub:
      return registers(RowType::kAddR, 1);
    case kAnd:
      return registers(RowType::kLogicR, 0, 1);
    case kOr:
      return registers(RowType::kLogicR, 1, -1);
    case kXor:
      return registers(RowType::kLogicR, 1, -2);
    case kAndi:
      return immediates(RowType::kLogicI, i.immediate, 0, 1);
    case kOri:
      return immediates(RowType::kLogicI, i.immediate, 1, -1);
    case kXori:
      return immediates(RowType::kLogicI, i.immediate, 1, -2);
    case kBeq:
      return branch(RowType::kBranchEqual, relative, next);
    case kBne:
      return branch(RowType::kBranchEqual, next, relative);
    case kBltu:
      return branch(RowType::kBranchLessUnsigned, next, relative);
    case kBgeu:
      return branch(RowType::kBranchLessUnsigned, relative, next);
    case kBlt:
      return branch(RowType::kBranchLess, next, relative);
    case kBge:
      return branch(RowType::kBranchLess, relative, next);
    case kSltu:
      return registers(RowType::kSetLessUnsignedR);
    case kSltiu:
      return immediates(RowType::kSetLessUnsignedI, i.immediate);
    case kSlt:
      return registers(RowType::kSetLessR);
    case kSlti:
      return immediates(RowType::kSetLessI, i.immediate ^ 0x80000000);
    case kLw:
      return immediates(RowType::kLoadWord, i.immediate);
    case kSw:
      return store(RowType::kStoreWord, 0);
    case kLb:
      return immediates(RowType::kLoadSubword, i.immediate, 0, static_cast<std::int64_t>(kTwo32 - 0x100));
    case kLbu:
      return immediates(RowType::kLoadSubword, i.immediate, 0, 0);
    case kLh:
      return immediates(RowType::kLoadSubword, i.immediate, 1, static_cast<std::int64_t>(kTwo32 - 0x10000));
    case kLhu:
      return immediates(RowType::kLoadSubword, i.immediate, 1, 0);
    case kSb:
      return store(RowType::kStoreSubword, 0);
    case kSh:
      return store(RowType::kStoreSubword, 1);
    case kSlli:
      return shift_left();
    case kSrli:
      return shift_right(false);
    case kSrai:
      return shift_right(true);
    case kSll:
      return registers(RowType::kShiftR, 0, 0);
    case kSrl:
      return registers(RowType::kShiftR, 1, 0);
    case kSra:
      return registers(RowType::kShiftR, 1, 1);
    case kHalt:
    case kIllegal:
      break;
  }
  return std::nullopt;
}

}  // namespace magnetar::vm
