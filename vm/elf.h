#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace magnetar::vm {

/// Why a file is not a program of this machine. The names are stable: they are the `kind` of JSON errors.
enum class ElfErrorKind : std::uint8_t {
  kTooLarge,  ///< larger than the limit
  kNotElf,    ///< no ELF header, or a truncated one
  kNot32Bit,  ///< 64-bit
  kNotLittleEndian,
  kNotRiscV,
  kNotExecutable,      ///< an object file, a core dump, a shared or position-independent object
  kDynamic,            ///< asks for a dynamic linker
  kCompressedAbi,      ///< e_flags: RVC
  kFloatAbi,           ///< e_flags: a hardware floating-point ABI
  kUnsupportedFlags,   ///< e_flags: RVE, TSO, or unknown
  kBadProgramHeaders,  ///< the table lies outside the file, or is larger than any sane program's
  kSegmentOutsideFile,
  kSegmentSizes,         ///< larger in the file than in memory
  kSegmentBeyondMemory,  ///< ends beyond 4 GiB
  kOverlappingSegments,
  kOverlappingFileParts,  ///< a byte of the file is in two segments
  /// The entry point is not an aligned word, below kTextLimit, of an executable segment's file part.
  kEntryOutsideText,
  kBadSymbolTable,
};

/// "elf-not-32-bit" and so on.
std::string_view name(ElfErrorKind kind);

struct ElfError {
  ElfErrorKind kind;
  std::string message;  ///< what is wrong, where, and what would be right
};

/// A load segment: `file_bytes` at `address`, zeros from there to `memory_size`.
struct Segment {
  std::uint32_t address;
  std::uint32_t memory_size;
  bool executable;
  std::vector<std::byte> file_bytes;

  std::uint64_t end() const { return std::uint64_t{address} + memory_size; }
};

/// What is left of an ELF file once it is checked: segments that do not overlap, by increasing address,
/// none of them empty, and an entry that can be fetched.
struct ElfImage {
  std::uint32_t entry;
  std::vector<Segment> segments;
};

/// A function of the symbol table. Size 0: not stated.
struct Symbol {
  std::uint32_t address;
  std::uint32_t size;
  std::string name;
};

inline constexpr std::size_t kDefaultMaxElfBytes = std::size_t{64} << 20;

/// Reads a statically linked 32-bit little-endian RISC-V executable for the soft-float RV32I ABI. Segments
/// of other types than PT_LOAD, and sections, are not looked at. The segments' file parts do not overlap in the
/// file, so that the image takes no more bytes than `file`; what is only in memory takes none.
tl::expected<ElfImage, ElfError> read_elf(std::span<const std::byte> file, std::size_t max_bytes = kDefaultMaxElfBytes);

/// The function and untyped symbols inside executable segments, by address; the first of several at one
/// address that a linker would call the strongest (global before weak before local). Empty if the file is
/// stripped.
tl::expected<std::vector<Symbol>, ElfError> read_symbols(std::span<const std::byte> file);

}  // namespace magnetar::vm
