#include "vm/microcode.h"

#include "vm/address.h"

namespace magnetar::vm {
namespace {

constexpr std::uint64_t row(std::size_t index) {
  return kMicrocodeBase + 4 * index;
}

// rd = rs1 + immediate, then on to `next`.
constexpr ProgramEntry add(std::size_t at, std::uint8_t rd, std::uint8_t rs1, std::uint32_t immediate,
                           std::size_t next) {
  return {.pc = row(at), .type = RowType::kAddI, .rd = rd, .rs1 = rs1, .immediate = immediate, .target = row(next)};
}

constexpr ProgramEntry if_equal(std::size_t at, std::uint8_t rs1, std::uint8_t rs2, std::size_t then,
                                std::size_t otherwise) {
  return {.pc = row(at),
          .type = RowType::kBranchEqual,
          .rs1 = rs1,
          .rs2 = rs2,
          .immediate = row(then),
          .target = row(otherwise)};
}

constexpr ProgramEntry if_less(std::size_t at, std::uint8_t rs1, std::uint8_t rs2, std::size_t then,
                               std::size_t otherwise) {
  return {.pc = row(at),
          .type = RowType::kBranchLessUnsigned,
          .rs1 = rs1,
          .rs2 = rs2,
          .immediate = row(otherwise),
          .target = row(then)};
}

// rd = result, back to the guest.
constexpr ProgramEntry give_back(std::size_t at, std::uint8_t rd, std::uint32_t result) {
  return {.pc = row(at), .type = RowType::kJalr, .rd = rd, .rs1 = kReturnAddress, .target = result};
}

constexpr std::uint32_t minus(std::uint32_t value) {
  return 0U - value;
}

constexpr std::size_t kRead = 8;
constexpr std::size_t kExhausted = 11;
constexpr std::size_t kOutput = 12;
constexpr std::size_t kOutputLoop = 14;
constexpr std::size_t kOutputDone = 18;

constexpr std::array<ProgramEntry, kMicrocodeSize> kRows = {{
    // Dispatch.
    add(0, kCall, kCallNumber, minus(2), 1),
    if_equal(1, kCall, kZero, kRead, 2),
    add(2, kCall, kCall, minus(1), 3),
    if_equal(3, kCall, kZero, kOutput, 4),
    add(4, kCall, kCall, minus(2), 5),
    if_equal(5, kCall, kZero, kMicrocodeProfile, 6),
    add(6, kCall, kCall, 4, 7),
    if_equal(7, kCall, kZero, kMicrocodeLog, kMicrocodeSize),
    // 2: the next input byte, or 0xffffffff.
    if_less(kRead, kInputIndex, kInputLength, kRead + 1, kExhausted),
    {.pc = row(kRead + 1), .type = RowType::kIn, .rd = kReturnValue, .rs1 = kInputIndex, .target = row(kRead + 2)},
    give_back(kRead + 2, kSink, 0),
    give_back(kExhausted, kReturnValue, 0xffffffff),
    // 3: a2 bytes at a1 to the output; addresses wrap at 2^32.
    add(kOutput, kPointer, kArgument1, 0, kOutput + 1),
    {.pc = row(kOutput + 1),
     .type = RowType::kAddR,
     .rd = kEnd,
     .rs1 = kArgument1,
     .rs2 = kArgument2,
     .target = row(kOutputLoop)},
    if_equal(kOutputLoop, kPointer, kEnd, kOutputDone, kOutputLoop + 1),
    {.pc = row(kOutputLoop + 1),
     .type = RowType::kLoadSubword,
     .rd = kByte,
     .rs1 = kPointer,
     .target = row(kOutputLoop + 2)},
    {.pc = row(kOutputLoop + 2),
     .type = RowType::kOut,
     .rs1 = kOutputIndex,
     .rs2 = kByte,
     .target = row(kOutputLoop + 3)},
    add(kOutputLoop + 3, kPointer, kPointer, 1, kOutputLoop),
    give_back(kOutputDone, kReturnValue, 0),
    // 5 and 1: a label, a log line; outside the statement.
    give_back(kMicrocodeProfile, kReturnValue, 5),
    give_back(kMicrocodeLog, kReturnValue, 0),
}};

// Each row is where its pc says; those that the executor steps over lead to the row behind them.
constexpr bool in_order() {
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    const RowType type = kRows[i].type;
    const bool jumps = type == RowType::kAddI || type == RowType::kJalr || type == RowType::kBranchEqual ||
                       type == RowType::kBranchLessUnsigned;
    if (kRows[i].pc != row(i) || (!jumps && kRows[i].target != row(i + 1))) return false;
  }
  return true;
}
static_assert(in_order());

}  // namespace

const std::array<ProgramEntry, kMicrocodeSize>& microcode() {
  return kRows;
}

}  // namespace magnetar::vm
