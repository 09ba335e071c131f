#include "vm/instruction.h"

#include <fmt/format.h>

#include <array>
#include <cassert>

namespace magnetar::vm {
namespace {

using enum Mnemonic;

constexpr std::uint32_t bits(std::uint32_t word, unsigned high, unsigned low) {
  return (word >> low) & ((std::uint32_t{2} << (high - low)) - 1);
}

constexpr std::uint32_t sign_extend(std::uint32_t value, unsigned width) {
  const std::uint32_t sign = std::uint32_t{1} << (width - 1);
  return (value ^ sign) - sign;
}

constexpr std::uint32_t immediate_i(std::uint32_t word) {
  return sign_extend(bits(word, 31, 20), 12);
}
constexpr std::uint32_t immediate_s(std::uint32_t word) {
  return sign_extend(bits(word, 31, 25) << 5 | bits(word, 11, 7), 12);
}
constexpr std::uint32_t immediate_b(std::uint32_t word) {
  return sign_extend(
      bits(word, 31, 31) << 12 | bits(word, 7, 7) << 11 | bits(word, 30, 25) << 5 | bits(word, 11, 8) << 1, 13);
}
constexpr std::uint32_t immediate_u(std::uint32_t word) {
  return word & 0xfffff000;
}
constexpr std::uint32_t immediate_j(std::uint32_t word) {
  return sign_extend(
      bits(word, 31, 31) << 20 | bits(word, 19, 12) << 12 | bits(word, 20, 20) << 11 | bits(word, 30, 21) << 1, 21);
}

constexpr std::array kBranches = {kBeq, kBne, kIllegal, kIllegal, kBlt, kBge, kBltu, kBgeu};
constexpr std::array kLoads = {kLb, kLh, kLw, kIllegal, kLbu, kLhu, kIllegal, kIllegal};
constexpr std::array kStores = {kSb, kSh, kSw, kIllegal, kIllegal, kIllegal, kIllegal, kIllegal};
constexpr std::array kImmediates = {kAddi, kSlli, kSlti, kSltiu, kXori, kSrli, kOri, kAndi};
constexpr std::array kRegisters = {kAdd, kSll, kSlt, kSltu, kXor, kSrl, kOr, kAnd};

constexpr std::array<std::string_view, 42> kNames = {
    "lui", "auipc", "jal",  "jalr", "beq",   "bne",   "blt",    "bge",   "bltu",   "bgeu",  "lb",
    "lh",  "lw",    "lbu",  "lhu",  "sb",    "sh",    "sw",     "addi",  "slti",   "sltiu", "xori",
    "ori", "andi",  "slli", "srli", "srai",  "add",   "sub",    "sll",   "slt",    "sltu",  "xor",
    "srl", "sra",   "or",   "and",  "fence", "ecall", "ebreak", "unimp", "illegal"};
static_assert(kNames.size() == static_cast<std::size_t>(kIllegal) + 1);

constexpr std::array<std::string_view, 32> kRegisterNames = {
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0",  "a1",  "a2", "a3", "a4", "a5",
    "a6",   "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6"};

}  // namespace

Instruction decode(std::uint32_t word) {
  const std::uint32_t funct3 = bits(word, 14, 12);
  const std::uint32_t funct7 = bits(word, 31, 25);
  const auto rd = static_cast<std::uint8_t>(bits(word, 11, 7));
  const auto rs1 = static_cast<std::uint8_t>(bits(word, 19, 15));
  const auto rs2 = static_cast<std::uint8_t>(bits(word, 24, 20));
  const Instruction illegal;

  switch (bits(word, 6, 0)) {
    case 0b0110111:
      return {.mnemonic = kLui, .rd = rd, .immediate = immediate_u(word)};
    case 0b0010111:
      return {.mnemonic = kAuipc, .rd = rd, .immediate = immediate_u(word)};
    case 0b1101111:
      return {.mnemonic = kJal, .rd = rd, .immediate = immediate_j(word)};
    case 0b1100111:
      if (funct3 != 0) return illegal;
      return {.mnemonic = kJalr, .rd = rd, .rs1 = rs1, .immediate = immediate_i(word)};
    case 0b1100011:
      if (kBranches[funct3] == kIllegal) return illegal;
      return {.mnemonic = kBranches[funct3], .rs1 = rs1, .rs2 = rs2, .immediate = immediate_b(word)};
    case 0b0000011:
      if (kLoads[funct3] == kIllegal) return illegal;
      return {.mnemonic = kLoads[funct3], .rd = rd, .rs1 = rs1, .immediate = immediate_i(word)};
    case 0b0100011:
      if (kStores[funct3] == kIllegal) return illegal;
      return {.mnemonic = kStores[funct3], .rs1 = rs1, .rs2 = rs2, .immediate = immediate_s(word)};
    case 0b0010011: {
      Mnemonic mnemonic = kImmediates[funct3];
      if (mnemonic != kSlli && mnemonic != kSrli) {
        return {.mnemonic = mnemonic, .rd = rd, .rs1 = rs1, .immediate = immediate_i(word)};
      }
      if (mnemonic == kSrli && funct7 == 0b0100000) {
        mnemonic = kSrai;
      } else if (funct7 != 0) {
        return illegal;
      }
      return {.mnemonic = mnemonic, .rd = rd, .rs1 = rs1, .immediate = rs2};
    }
    case 0b0110011: {
      Mnemonic mnemonic = kRegisters[funct3];
      if (funct7 == 0b0100000 && mnemonic == kAdd) {
        mnemonic = kSub;
      } else if (funct7 == 0b0100000 && mnemonic == kSrl) {
        mnemonic = kSra;
      } else if (funct7 != 0) {
        return illegal;
      }
      return {.mnemonic = mnemonic, .rd = rd, .rs1 = rs1, .rs2 = rs2};
    }
    case 0b0001111:
      if (funct3 > 1) return illegal;
      return {.mnemonic = kFence};
    case 0b1110011:
      if (word == 0x00000073) return {.mnemonic = kEcall};
      if (word == 0x00100073) return {.mnemonic = kEbreak};
      if (word == kHaltWord) return {.mnemonic = kHalt};
      return illegal;
    default:
      return illegal;
  }
}

std::string_view name(Mnemonic mnemonic) {
  return kNames[static_cast<std::size_t>(mnemonic)];
}

std::string_view register_name(std::uint8_t index) {
  assert(index < kRegisterNames.size());
  return kRegisterNames[index];
}

std::string disassemble(std::uint32_t word, std::uint32_t pc) {
  const Instruction i = decode(word);
  const std::string_view op = name(i.mnemonic);
  const std::string_view rd = register_name(i.rd);
  const std::string_view rs1 = register_name(i.rs1);
  const std::string_view rs2 = register_name(i.rs2);
  const auto immediate = static_cast<std::int32_t>(i.immediate);
  switch (i.mnemonic) {
    case kLui:
    case kAuipc:
      return fmt::format("{} {}, {:#x}", op, rd, i.immediate >> 12);
    case kJal:
      return fmt::format("{} {}, {:#x}", op, rd, pc + i.immediate);
    case kBeq:
    case kBne:
    case kBlt:
    case kBge:
    case kBltu:
    case kBgeu:
      return fmt::format("{} {}, {}, {:#x}", op, rs1, rs2, pc + i.immediate);
    case kJalr:
    case kLb:
    case kLh:
    case kLw:
    case kLbu:
    case kLhu:
      return fmt::format("{} {}, {}({})", op, rd, immediate, rs1);
    case kSb:
    case kSh:
    case kSw:
      return fmt::format("{} {}, {}({})", op, rs2, immediate, rs1);
    case kAddi:
    case kSlti:
    case kSltiu:
    case kXori:
    case kOri:
    case kAndi:
    case kSlli:
    case kSrli:
    case kSrai:
      return fmt::format("{} {}, {}, {}", op, rd, rs1, immediate);
    case kAdd:
    case kSub:
    case kSll:
    case kSlt:
    case kSltu:
    case kXor:
    case kSrl:
    case kSra:
    case kOr:
    case kAnd:
      return fmt::format("{} {}, {}, {}", op, rd, rs1, rs2);
    case kFence:
    case kEcall:
    case kEbreak:
    case kHalt:
      return std::string(op);
    case kIllegal:
      break;
  }
  return fmt::format(".word {:#010x}", word);
}

}  // namespace magnetar::vm
