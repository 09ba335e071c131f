#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "vm/program.h"

namespace magnetar::vm::testing {

// Encodings of RV32I by format, after the RISC-V Unprivileged ISA, chapter 24. Immediates are taken modulo
// their width.
constexpr std::uint32_t r_type(std::uint32_t funct7, std::uint32_t funct3, std::uint32_t rd, std::uint32_t rs1,
                               std::uint32_t rs2) {
  return funct7 << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | 0x33;
}
constexpr std::uint32_t i_type(std::uint32_t opcode, std::uint32_t funct3, std::uint32_t rd, std::uint32_t rs1,
                               std::int32_t immediate) {
  return static_cast<std::uint32_t>(immediate) << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode;
}
constexpr std::uint32_t s_type(std::uint32_t funct3, std::uint32_t rs2, std::uint32_t rs1, std::int32_t immediate) {
  const auto i = static_cast<std::uint32_t>(immediate);
  return (i >> 5 & 0x7f) << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | (i & 0x1f) << 7 | 0x23;
}
constexpr std::uint32_t b_type(std::uint32_t funct3, std::uint32_t rs1, std::uint32_t rs2, std::int32_t offset) {
  const auto i = static_cast<std::uint32_t>(offset);
  return (i >> 12 & 1) << 31 | (i >> 5 & 0x3f) << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | (i >> 1 & 0xf) << 8 |
         (i >> 11 & 1) << 7 | 0x63;
}
constexpr std::uint32_t addi(std::uint32_t rd, std::uint32_t rs1, std::int32_t i) {
  return i_type(0x13, 0, rd, rs1, i);
}
constexpr std::uint32_t lui(std::uint32_t rd, std::uint32_t upper) {
  return upper << 12 | rd << 7 | 0x37;
}
constexpr std::uint32_t jal(std::uint32_t rd, std::int32_t offset) {
  const auto i = static_cast<std::uint32_t>(offset);
  return (i >> 20 & 1) << 31 | (i >> 1 & 0x3ff) << 21 | (i >> 11 & 1) << 20 | (i >> 12 & 0xff) << 12 | rd << 7 | 0x6f;
}
constexpr std::uint32_t jalr(std::uint32_t rd, std::uint32_t rs1, std::int32_t i) {
  return i_type(0x67, 0, rd, rs1, i);
}
constexpr std::uint32_t lb(std::uint32_t rd, std::uint32_t rs1, std::int32_t i) {
  return i_type(0x03, 0, rd, rs1, i);
}
constexpr std::uint32_t lh(std::uint32_t rd, std::uint32_t rs1, std::int32_t i) {
  return i_type(0x03, 1, rd, rs1, i);
}
constexpr std::uint32_t lw(std::uint32_t rd, std::uint32_t rs1, std::int32_t i) {
  return i_type(0x03, 2, rd, rs1, i);
}
constexpr std::uint32_t sb(std::uint32_t rs2, std::uint32_t rs1, std::int32_t i) {
  return s_type(0, rs2, rs1, i);
}
constexpr std::uint32_t sh(std::uint32_t rs2, std::uint32_t rs1, std::int32_t i) {
  return s_type(1, rs2, rs1, i);
}
constexpr std::uint32_t sw(std::uint32_t rs2, std::uint32_t rs1, std::int32_t i) {
  return s_type(2, rs2, rs1, i);
}
constexpr std::uint32_t beq(std::uint32_t rs1, std::uint32_t rs2, std::int32_t offset) {
  return b_type(0, rs1, rs2, offset);
}
constexpr std::uint32_t bne(std::uint32_t rs1, std::uint32_t rs2, std::int32_t offset) {
  return b_type(1, rs1, rs2, offset);
}
constexpr std::uint32_t kEcallWord = 0x00000073;
constexpr std::uint32_t kUnimp = 0xc0001073;

enum : std::uint32_t { zero = 0, ra = 1, sp = 2, t0 = 5, t1 = 6, t2 = 7, a0 = 10, a1 = 11, a2 = 12, s2 = 18 };

/// A segment of an ELF file to be written.
struct FileSegment {
  std::uint32_t address;
  std::vector<std::byte> bytes;
  std::uint32_t memory_size;
  std::uint32_t flags;
};

/// A static riscv32 executable with these segments: ELF header, program headers, contents.
std::vector<std::byte> make_elf(std::uint32_t entry, const std::vector<FileSegment>& segments);

std::vector<std::byte> bytes_of(const std::vector<std::uint32_t>& words);
std::vector<std::byte> bytes_of(std::string_view text);

/// A program with this text at `address`, entered at its start.
std::shared_ptr<const Program> make_program(const std::vector<std::uint32_t>& text, std::uint32_t address = 0);

std::shared_ptr<const std::vector<std::byte>> make_input(std::string_view text = "");

/// The bytes of a file of the source tree; the test fails if it cannot be read.
std::vector<std::byte> read_source_file(std::string_view path);

}  // namespace magnetar::vm::testing
