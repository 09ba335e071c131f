#include "vm/elf.h"

#include <elf.h>
#include <fmt/format.h>
#include <gelf.h>
#include <libelf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <tuple>

#include "vm/program_entry.h"

namespace magnetar::vm {
namespace {

constexpr std::array<std::string_view, 18> kNames = {"elf-too-large",
                                                     "elf-not-elf",
                                                     "elf-not-32-bit",
                                                     "elf-not-little-endian",
                                                     "elf-not-risc-v",
                                                     "elf-not-executable",
                                                     "elf-dynamic",
                                                     "elf-compressed-abi",
                                                     "elf-float-abi",
                                                     "elf-unsupported-flags",
                                                     "elf-bad-program-headers",
                                                     "elf-segment-outside-file",
                                                     "elf-segment-sizes",
                                                     "elf-segment-beyond-memory",
                                                     "elf-overlapping-segments",
                                                     "elf-overlapping-file-parts",
                                                     "elf-entry-outside-text",
                                                     "elf-bad-symbol-table"};
static_assert(kNames.size() == static_cast<std::size_t>(ElfErrorKind::kBadSymbolTable) + 1);

// A linker writes a handful; thousands only make the checks slow.
constexpr std::size_t kMaxProgramHeaders = 1024;
constexpr std::uint64_t kMemoryEnd = std::uint64_t{1} << 32;

template <typename... Args>
tl::unexpected<ElfError> error(ElfErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected(ElfError{kind, fmt::format(format, std::forward<Args>(args)...)});
}

struct ElfEnd {
  void operator()(Elf* elf) const { elf_end(elf); }
};
using ElfHandle = std::unique_ptr<Elf, ElfEnd>;

struct OpenElf {
  ElfHandle handle;
  GElf_Ehdr header;
};

// The file as libelf sees it. libelf takes a pointer to non-const but with a memory image only reads. Headers
// are copied out through gelf, as the file may place them at any alignment.
tl::expected<OpenElf, ElfError> open(std::span<const std::byte> file) {
  using enum ElfErrorKind;
  [[maybe_unused]] static const unsigned version = elf_version(EV_CURRENT);
  if (file.size() < EI_NIDENT || std::memcmp(file.data(), ELFMAG, SELFMAG) != 0) {
    return error(kNotElf, "not an ELF file: it does not start with \\x7fELF");
  }
  const auto identity = [&](std::size_t i) { return std::to_integer<unsigned>(file[i]); };
  if (identity(EI_CLASS) == ELFCLASS64) return error(kNot32Bit, "a 64-bit ELF file: compile for riscv32");
  if (identity(EI_CLASS) != ELFCLASS32) return error(kNotElf, "unknown ELF class {}", identity(EI_CLASS));
  if (identity(EI_DATA) != ELFDATA2LSB) return error(kNotLittleEndian, "not a little-endian ELF file");
  if (file.size() < sizeof(Elf32_Ehdr))
    return error(kNotElf, "truncated: {} bytes cannot hold an ELF header", file.size());

  ElfHandle handle(elf_memory(reinterpret_cast<char*>(const_cast<std::byte*>(file.data())), file.size()));
  if (!handle) return error(kNotElf, "libelf: {}", elf_errmsg(-1));
  GElf_Ehdr header;
  if (gelf_getehdr(handle.get(), &header) == nullptr) return error(kNotElf, "ELF header: {}", elf_errmsg(-1));
  return OpenElf{std::move(handle), header};
}

tl::expected<void, ElfError> check_header(const GElf_Ehdr& header) {
  using enum ElfErrorKind;
  if (header.e_machine != EM_RISCV)
    return error(kNotRiscV, "for machine {}, not RISC-V ({})", header.e_machine, EM_RISCV);
  if (header.e_type != ET_EXEC) {
    return error(kNotExecutable,
                 "ELF type {}, not an executable with fixed addresses ({}): link statically, without -pie",
                 header.e_type, ET_EXEC);
  }
  if ((header.e_flags & EF_RISCV_RVC) != 0)
    return error(kCompressedAbi, "uses compressed instructions: compile with -march=rv32i");
  if ((header.e_flags & EF_RISCV_FLOAT_ABI) != EF_RISCV_FLOAT_ABI_SOFT) {
    return error(kFloatAbi, "uses a floating-point ABI: compile with -mabi=ilp32");
  }
  if (header.e_flags != 0) return error(kUnsupportedFlags, "unsupported e_flags {:#x}", header.e_flags);
  return {};
}

tl::expected<void, ElfError> check_segment(std::span<const std::byte> file, const GElf_Phdr& header,
                                           std::size_t index) {
  using enum ElfErrorKind;
  if (header.p_offset + header.p_filesz > file.size()) {
    return error(kSegmentOutsideFile, "segment {}: {} bytes at offset {} reach beyond the file's {} bytes", index,
                 header.p_filesz, header.p_offset, file.size());
  }
  if (header.p_filesz > header.p_memsz) {
    return error(kSegmentSizes, "segment {}: {} bytes in the file but {} in memory", index, header.p_filesz,
                 header.p_memsz);
  }
  if (header.p_vaddr + header.p_memsz > kMemoryEnd) {
    return error(kSegmentBeyondMemory, "segment {}: {} bytes at {:#x} end beyond 4 GiB", index, header.p_memsz,
                 header.p_vaddr);
  }
  return {};
}

// Each byte of the file is then in one segment at most, so that what a program takes of memory is in proportion to
// the size of its file.
tl::expected<void, ElfError> check_file_parts(std::vector<GElf_Phdr> headers) {
  std::erase_if(headers, [](const GElf_Phdr& h) { return h.p_filesz == 0; });
  std::ranges::sort(headers, {}, &GElf_Phdr::p_offset);
  const auto overlap = std::ranges::adjacent_find(
      headers, [](const GElf_Phdr& a, const GElf_Phdr& b) { return a.p_offset + a.p_filesz > b.p_offset; });
  if (overlap == headers.end()) return {};
  return error(ElfErrorKind::kOverlappingFileParts,
               "the segments at {:#x} and {:#x} share bytes of the file, from offset {}", overlap->p_vaddr,
               (overlap + 1)->p_vaddr, (overlap + 1)->p_offset);
}

Segment read_segment(std::span<const std::byte> file, const GElf_Phdr& header) {
  const auto bytes = file.subspan(header.p_offset, header.p_filesz);
  return Segment{.address = static_cast<std::uint32_t>(header.p_vaddr),
                 .memory_size = static_cast<std::uint32_t>(header.p_memsz),
                 .executable = (header.p_flags & PF_X) != 0,
                 .file_bytes = {bytes.begin(), bytes.end()}};
}

bool is_entry(const Segment& segment, std::uint32_t pc) {
  return segment.executable && pc >= segment.address && pc < kTextLimit &&
         std::uint64_t{pc} + 4 <= std::uint64_t{segment.address} + segment.file_bytes.size();
}

}  // namespace

std::string_view name(ElfErrorKind kind) {
  return kNames[static_cast<std::size_t>(kind)];
}

tl::expected<ElfImage, ElfError> read_elf(std::span<const std::byte> file, std::size_t max_bytes) {
  using enum ElfErrorKind;
  if (file.size() > max_bytes) return error(kTooLarge, "{} bytes; the limit is {}", file.size(), max_bytes);
  const auto elf = open(file);
  if (!elf) return tl::unexpected(elf.error());
  const GElf_Ehdr& header = elf->header;
  if (auto checked = check_header(header); !checked) return tl::unexpected(checked.error());

  std::size_t count = 0;
  if (elf_getphdrnum(elf->handle.get(), &count) != 0)
    return error(kBadProgramHeaders, "program headers: {}", elf_errmsg(-1));
  if (count > kMaxProgramHeaders)
    return error(kBadProgramHeaders, "{} program headers; at most {} are read", count, kMaxProgramHeaders);
  if (count != 0 &&
      (header.e_phentsize != sizeof(Elf32_Phdr) || header.e_phoff + count * sizeof(Elf32_Phdr) > file.size())) {
    return error(kBadProgramHeaders, "{} program headers of {} bytes at offset {} do not fit the file", count,
                 header.e_phentsize, header.e_phoff);
  }
  std::vector<GElf_Phdr> segment_headers;
  for (std::size_t i = 0; i < count; ++i) {
    GElf_Phdr segment_header;
    if (gelf_getphdr(elf->handle.get(), static_cast<int>(i), &segment_header) == nullptr) {
      return error(kBadProgramHeaders, "program header {}: {}", i, elf_errmsg(-1));
    }
    if (segment_header.p_type == PT_DYNAMIC || segment_header.p_type == PT_INTERP) {
      return error(kDynamic, "dynamically linked: link with -static, without -pie");
    }
    if (segment_header.p_type != PT_LOAD || segment_header.p_memsz == 0) continue;
    if (auto checked = check_segment(file, segment_header, i); !checked) return tl::unexpected(checked.error());
    segment_headers.push_back(segment_header);
  }
  if (auto checked = check_file_parts(segment_headers); !checked) return tl::unexpected(checked.error());

  ElfImage image{.entry = static_cast<std::uint32_t>(header.e_entry), .segments = {}};
  for (const GElf_Phdr& segment_header : segment_headers) {
    image.segments.push_back(read_segment(file, segment_header));
  }
  std::ranges::sort(image.segments, {}, &Segment::address);
  const auto overlap = std::ranges::adjacent_find(
      image.segments, [](const Segment& a, const Segment& b) { return a.end() > b.address; });
  if (overlap != image.segments.end()) {
    return error(kOverlappingSegments, "the segments at {:#x} and {:#x} overlap", overlap->address,
                 (overlap + 1)->address);
  }
  if (image.entry % 4 != 0 ||
      std::ranges::none_of(image.segments, [&](const Segment& s) { return is_entry(s, image.entry); })) {
    return error(kEntryOutsideText, "the entry point {:#x} is not an aligned word of an executable segment below {:#x}",
                 image.entry, kTextLimit);
  }
  return image;
}

tl::expected<std::vector<Symbol>, ElfError> read_symbols(std::span<const std::byte> file) {
  using enum ElfErrorKind;
  const auto elf = open(file);
  if (!elf) return tl::unexpected(elf.error());
  Elf* handle = elf->handle.get();

  struct Candidate {
    Symbol symbol;
    int rank;  // global, weak, local
  };
  std::vector<Candidate> candidates;
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(handle, section)) != nullptr;) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr) return error(kBadSymbolTable, "section header: {}", elf_errmsg(-1));
    if (header.sh_type != SHT_SYMTAB) continue;
    Elf_Data* data = elf_getdata(section, nullptr);
    if (data == nullptr || data->d_size % sizeof(Elf32_Sym) != 0) {
      return error(kBadSymbolTable, "the symbol table does not fit the file");
    }
    for (std::size_t i = 0; i < data->d_size / sizeof(Elf32_Sym); ++i) {
      GElf_Sym s;
      if (gelf_getsym(data, static_cast<int>(i), &s) == nullptr)
        return error(kBadSymbolTable, "symbol {}: {}", i, elf_errmsg(-1));
      const unsigned type = GELF_ST_TYPE(s.st_info);
      if ((type != STT_FUNC && type != STT_NOTYPE) || s.st_shndx == SHN_UNDEF || s.st_shndx >= SHN_LORESERVE) continue;
      GElf_Shdr home;
      if (gelf_getshdr(elf_getscn(handle, s.st_shndx), &home) == nullptr) {
        return error(kBadSymbolTable, "a symbol names section {}, which is not there", s.st_shndx);
      }
      if ((home.sh_flags & SHF_EXECINSTR) == 0) continue;
      const char* text = elf_strptr(handle, header.sh_link, s.st_name);
      if (text == nullptr) return error(kBadSymbolTable, "a symbol's name: {}", elf_errmsg(-1));
      const std::string_view symbol_name(text);
      // Mapping symbols ($x, $d) and the assembler's local labels are no functions.
      if (symbol_name.empty() || symbol_name.starts_with('$') || symbol_name.starts_with(".L")) continue;
      const unsigned bind = GELF_ST_BIND(s.st_info);
      const int rank = (type == STT_FUNC ? 0 : 3) + (bind == STB_GLOBAL ? 0 : bind == STB_WEAK ? 1 : 2);
      candidates.push_back(
          {{static_cast<std::uint32_t>(s.st_value), static_cast<std::uint32_t>(s.st_size), std::string(symbol_name)},
           rank});
    }
  }
  std::ranges::sort(candidates, {},
                    [](const Candidate& c) { return std::tie(c.symbol.address, c.rank, c.symbol.name); });
  std::vector<Symbol> symbols;
  for (Candidate& c : candidates) {
    if (symbols.empty() || symbols.back().address != c.symbol.address) symbols.push_back(std::move(c.symbol));
  }
  return symbols;
}

}  // namespace magnetar::vm
