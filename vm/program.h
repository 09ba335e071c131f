#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "vm/elf.h"
#include "vm/microcode.h"
#include "vm/paged_store.h"
#include "vm/program_entry.h"

namespace magnetar::vm {

/// What the executor does for a pre-decoded word. Branches come in three kinds only: which of the two
/// ways belongs to which outcome is settled at pre-decode.
enum class Opcode : std::uint8_t {
  kAdd,
  kSub,
  kXor,
  kOr,
  kAnd,
  kShiftLeft,
  kShiftRight,
  kShiftRightArithmetic,
  kSetLess,
  kSetLessUnsigned,
  kAddImmediate,
  kXorImmediate,
  kOrImmediate,
  kAndImmediate,
  kShiftLeftImmediate,
  kShiftRightImmediate,
  kShiftRightArithmeticImmediate,
  kSetLessImmediate,
  kSetLessUnsignedImmediate,
  kLoadByte,
  kLoadHalf,
  kLoadWord,
  kLoadByteUnsigned,
  kLoadHalfUnsigned,
  kStoreByte,
  kStoreHalf,
  kStoreWord,
  kJump,           ///< rd = rs1 + immediate, on to `next`: JAL, and additions of microcode that jump
  kCall,           ///< kJump into microcode
  kJumpRegister,   ///< JALR
  kReturn,         ///< JALR from microcode to the guest
  kLogReturn,      ///< the same, having handed the guest's bytes to the log
  kProfileReturn,  ///< the same, to the profiler
  kBranchNotEqual,
  kBranchLess,
  kBranchLessUnsigned,  ///< to `next` if so, else to `other`
  kBranchMisaligned,    ///< any branch whose taken target is not a multiple of 4
  kJumpMisaligned,      ///< JAL to such a target
  kInput,
  kOutput,
  // No row: the machine stops here.
  kHalt,
  kIllegal,
  kOutsideText,
  kUnknownCall,
};

/// A pre-decoded word. `next` and `other` are indices of ops.
struct Op {
  Opcode code;
  RowType type;
  std::uint8_t rd;
  std::uint8_t rs1;
  std::uint8_t rs2;
  std::uint32_t immediate;  ///< operand, offset, shift amount; kBranchMisaligned: the Mnemonic
  std::uint32_t next;       ///< kBranchMisaligned: where it goes on if not taken
  std::uint32_t other;      ///< kJumpRegister and the returns: the value written to rd
};

/// A program, decoded once and immutable: any number of machines in any number of threads share it.
class Program {
 public:
  /// Takes memory in proportion to the size of `elf`: the sizes of segments in memory cost nothing.
  static tl::expected<std::shared_ptr<const Program>, ElfError> load(std::span<const std::byte> elf,
                                                                     std::size_t max_elf_bytes = kDefaultMaxElfBytes);
  /// `image` is one that read_elf gives.
  explicit Program(ElfImage image);

  std::uint32_t entry() const { return image_.entry; }
  const std::vector<Segment>& segments() const { return image_.segments; }

  /// Memory before the first row, in words.
  const PageTree& memory() const { return memory_; }

  /// Ops: first microcode's, in its order, kUnknownCallOp and kOutsideOp, then those of every word that can
  /// be fetched, then some that stand for pcs outside text to which static jumps lead.
  std::span<const Op> ops() const { return ops_; }

  /// Stands for kUnknownCallPc.
  static constexpr std::uint32_t kUnknownCallOp = kMicrocodeSize;
  /// Stands for any pc that no other op stands for.
  static constexpr std::uint32_t kOutsideOp = kMicrocodeSize + 1;
  static constexpr bool is_microcode(std::uint32_t op) { return op <= kUnknownCallOp; }

  /// The op that stands for `pc`.
  std::uint32_t op_at(std::uint64_t pc) const;
  /// The pc of an op other than kOutsideOp.
  std::uint64_t pc_of(std::uint32_t op) const;

  /// The word at `pc`, if it can be fetched: aligned and wholly inside the file part of an executable segment.
  std::optional<std::uint32_t> fetch(std::uint64_t pc) const;

  /// The PROG entry of an op; none where there is none (halt and illegal words, pcs outside text).
  std::optional<ProgramEntry> entry_of(std::uint32_t op) const;

  /// Whether [address, address + size) touches an executable segment, memory part included.
  bool is_text(std::uint32_t address, std::uint32_t size) const;

  /// [first, first + size) holds every executable segment: outside it, is_text is false. At most 2^32 bytes.
  std::uint32_t text_first() const { return text_first_; }
  std::uint64_t text_size() const { return text_size_; }

  /// A stretch of consecutive words that can be fetched, and the index of its first op. One op that stands
  /// for the pc behind it follows its last.
  struct Run {
    std::uint32_t pc;
    std::uint32_t first_op;
    std::vector<std::uint32_t> words;

    std::uint64_t end() const { return std::uint64_t{pc} + 4 * words.size(); }
  };
  const std::vector<Run>& runs() const { return runs_; }

 private:
  void find_runs();
  void decode_runs();
  Op decode_word(std::uint32_t pc, std::uint32_t word);
  Op from_entry(Opcode code, const ProgramEntry& entry);
  void build_memory();

  ElfImage image_;
  std::vector<Run> runs_;
  std::vector<Op> ops_;
  std::uint32_t first_outside_ = 0;     // index of the first op of outside_
  std::vector<std::uint32_t> outside_;  // pcs outside text that static jumps lead to, sorted
  std::uint32_t text_first_ = 0;
  std::uint64_t text_size_ = 0;
  PageTree memory_;
};

}  // namespace magnetar::vm
