#pragma once

#include <compare>
#include <cstdint>

namespace magnetar::vm {

/// The machine's registers beyond x0..x31. Only microcode reads or writes the hidden ones.
enum Register : std::uint8_t {
  kZero = 0,          ///< x0: always 0, never written
  kReturnValue = 10,  ///< a0: a system call's result; the exit code at the halt word
  kArgument1 = 11,    ///< a1
  kArgument2 = 12,    ///< a2
  kCallNumber = 18,   ///< s2: which system call
  kSink = 32,         ///< takes what an instruction writes to x0
  kReturnAddress,     ///< pc behind the ECALL that is being served
  kInputIndex,        ///< index of the next input byte
  kOutputIndex,       ///< index of the next output byte
  kInputLength,       ///< length of the input, set before the first row
  kCall,              ///< microcode temporary: the call number, counted down
  kPointer,           ///< microcode temporary: address of the next byte to output
  kEnd,               ///< microcode temporary: address behind the last byte to output
  kByte,              ///< microcode temporary: the byte to output
  kRegisterCount
};

/// A word of the one address space of registers and memory that traces and proofs use: a memory word
/// (index below 2^30) or a register.
class Address {
 public:
  static constexpr Address memory(std::uint32_t word_index) { return Address(word_index); }
  static constexpr Address of_register(std::uint8_t index) { return Address(kRegisterBit | index); }

  constexpr bool is_register() const { return (encoded_ & kRegisterBit) != 0; }
  constexpr std::uint32_t index() const { return encoded_ & ~kRegisterBit; }
  /// The address as a MEM tuple carries it: the word index, or 2^32 + the register's number. The gap
  /// between the two keeps a load or store from ever reaching a register.
  constexpr std::uint64_t bus() const { return is_register() ? (std::uint64_t{1} << 32) + index() : index(); }

  friend constexpr auto operator<=>(Address, Address) = default;

 private:
  static constexpr std::uint32_t kRegisterBit = 0x80000000;
  explicit constexpr Address(std::uint32_t encoded) : encoded_(encoded) {}
  std::uint32_t encoded_;
};

}  // namespace magnetar::vm
