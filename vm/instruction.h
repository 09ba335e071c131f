#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace magnetar::vm {

/// RV32I and the halt word. FENCE.I decodes as kFence; every word that is no instruction of this
/// machine, CSR accesses included, as kIllegal.
enum class Mnemonic : std::uint8_t {
  kLui,
  kAuipc,
  kJal,
  kJalr,
  kBeq,
  kBne,
  kBlt,
  kBge,
  kBltu,
  kBgeu,
  kLb,
  kLh,
  kLw,
  kLbu,
  kLhu,
  kSb,
  kSh,
  kSw,
  kAddi,
  kSlti,
  kSltiu,
  kXori,
  kOri,
  kAndi,
  kSlli,
  kSrli,
  kSrai,
  kAdd,
  kSub,
  kSll,
  kSlt,
  kSltu,
  kXor,
  kSrl,
  kSra,
  kOr,
  kAnd,
  kFence,
  kEcall,
  kEbreak,
  kHalt,
  kIllegal,
};

/// The word (`unimp`: csrrw x0, cycle, x0) at which a program ends; its exit code is a0.
inline constexpr std::uint32_t kHaltWord = 0xc0001073;

/// An instruction's fields; those its format lacks are 0.
struct Instruction {
  Mnemonic mnemonic = Mnemonic::kIllegal;
  std::uint8_t rd = 0;
  std::uint8_t rs1 = 0;
  std::uint8_t rs2 = 0;
  /// Sign-extended as the format says; LUI and AUIPC: already shifted left by 12; shifts: the amount, 0..31.
  std::uint32_t immediate = 0;

  friend bool operator==(const Instruction&, const Instruction&) = default;
};

/// Decodes one word after the RISC-V Unprivileged ISA (20191213), chapters 2 and 24. Fields that the
/// specification reserves in FENCE are ignored, as it demands; anywhere else they make the word illegal.
Instruction decode(std::uint32_t word);

std::string_view name(Mnemonic mnemonic);

/// The assembler text of `word` at `pc`, jump targets as absolute addresses: "beq a0, zero, 0x1c".
std::string disassemble(std::uint32_t word, std::uint32_t pc);

/// The ABI name of x0..x31.
std::string_view register_name(std::uint8_t index);

}  // namespace magnetar::vm
