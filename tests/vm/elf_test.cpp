#include "vm/elf.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "assembler.h"

namespace magnetar::vm {
namespace {

using testing::addi;
using testing::bytes_of;
using testing::FileSegment;
using testing::kUnimp;
using testing::make_elf;
using enum ElfErrorKind;

const std::vector<std::uint32_t> kText = {addi(10, 0, 7), kUnimp};

FileSegment text(std::uint32_t address = 0x1000) {
  return {address, bytes_of(kText), 8, PF_R | PF_X};
}
FileSegment data(std::uint32_t address, std::uint32_t file_size, std::uint32_t memory_size) {
  return {address, std::vector<std::byte>(file_size, std::byte{0xab}), memory_size, PF_R | PF_W};
}

void expect_error(const std::vector<std::byte>& file, ElfErrorKind kind, std::size_t limit = kDefaultMaxElfBytes) {
  const auto image = read_elf(file, limit);
  ASSERT_FALSE(image) << "accepted; expected " << name(kind);
  EXPECT_EQ(name(image.error().kind), name(kind)) << image.error().message;
  EXPECT_FALSE(image.error().message.empty());
}

// A good file with its header, or its first program header, changed.
std::vector<std::byte> with_header(const std::function<void(Elf32_Ehdr&)>& change) {
  auto file = make_elf(0x1000, {text()});
  Elf32_Ehdr header;
  std::memcpy(&header, file.data(), sizeof(header));
  change(header);
  std::memcpy(file.data(), &header, sizeof(header));
  return file;
}
std::vector<std::byte> with_segment(const std::function<void(Elf32_Phdr&)>& change) {
  auto file = make_elf(0x1000, {text(), data(0x2000, 4, 8)});
  Elf32_Phdr header;
  std::memcpy(&header, file.data() + sizeof(Elf32_Ehdr) + sizeof(header), sizeof(header));
  change(header);
  std::memcpy(file.data() + sizeof(Elf32_Ehdr) + sizeof(header), &header, sizeof(header));
  return file;
}

TEST(Elf, ReadsSegmentsInOrder) {
  const auto image = read_elf(make_elf(0x1004, {data(0x3001, 3, 9), text()}));
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(image->entry, 0x1004U);
  ASSERT_EQ(image->segments.size(), 2U);
  EXPECT_EQ(image->segments[0].address, 0x1000U);
  EXPECT_TRUE(image->segments[0].executable);
  EXPECT_EQ(image->segments[0].file_bytes, bytes_of(kText));
  EXPECT_EQ(image->segments[1].address, 0x3001U);
  EXPECT_EQ(image->segments[1].memory_size, 9U);
  EXPECT_FALSE(image->segments[1].executable);
}

TEST(Elf, AcceptsTheEdges) {
  EXPECT_TRUE(read_elf(make_elf(0x1000, {text(), data(0x1008, 1, 1)})));            // adjacent
  EXPECT_TRUE(read_elf(make_elf(0x1000, {text(), data(0xfffffff0, 0x10, 0x10)})));  // up to 4 GiB
  EXPECT_TRUE(read_elf(make_elf(0x1000, {text(), data(0x2000, 0, 0xffffe000)})));   // a very large .bss
  EXPECT_TRUE(read_elf(make_elf(0x1000, {text(), data(0x1004, 0, 0)})));            // an empty segment is none
  EXPECT_TRUE(read_elf(with_segment([](Elf32_Phdr& h) {
    h.p_type = PT_NOTE;
    h.p_filesz = ~0U;
  })));                                                                                  // not PT_LOAD
  EXPECT_TRUE(read_elf(make_elf(0x1000, {text()}), make_elf(0x1000, {text()}).size()));  // exactly the limit
}

TEST(Elf, RefusesEachMalformationWithItsOwnError) {
  const auto good = make_elf(0x1000, {text()});
  expect_error(good, kTooLarge, good.size() - 1);
  expect_error({}, kNotElf);
  expect_error(bytes_of("#!/bin/sh\nexit 0\n"), kNotElf);
  expect_error({good.begin(), good.begin() + 4}, kNotElf);
  expect_error({good.begin(), good.begin() + 51}, kNotElf);
  expect_error(with_header([](Elf32_Ehdr& h) { h.e_ident[EI_CLASS] = ELFCLASS64; }), kNot32Bit);
  expect_error(with_header([](Elf32_Ehdr& h) { h.e_ident[EI_CLASS] = 7; }), kNotElf);
  expect_error(with_header([](Elf32_Ehdr& h) { h.e_ident[EI_DATA] = ELFDATA2MSB; }), kNotLittleEndian);
  expect_error(with_header([](Elf32_Ehdr& h) { h.e_machine = EM_X86_64; }), kNotRiscV);
  expect_error(with_header([](Elf32_Ehdr& h) { h.e_type = ET_DYN; }), kNotExecutable);
  expect_error(with_header([](Elf32_Ehdr& h) { h.e_type = ET_REL; }), kNotExecutable);
  expect_error(with_header([](Elf32_Ehdr& h) { h.e_flags = EF_RISCV_RVC; }), kCompressedAbi);
  expect_error(with_header([](Elf32_Ehdr& h) { h.e_flags = EF_RISCV_FLOAT_ABI_SINGLE; }), kFloatAbi);
  expect_error(with_header([](Elf32_Ehdr& h) { h.e_flags = EF_RISCV_FLOAT_ABI_DOUBLE; }), kFloatAbi);
  expect_error(with_header([](Elf32_Ehdr& h) { h.e_flags = 0x8; }), kUnsupportedFlags);  // RVE
  expect_error(with_header([](Elf32_Ehdr& h) { h.e_phoff = 0xfffffff0; }), kBadProgramHeaders);
  expect_error(with_header([](Elf32_Ehdr& h) { h.e_phnum = 1000; }), kBadProgramHeaders);
  expect_error(with_header([](Elf32_Ehdr& h) { h.e_phnum = 1025; }), kBadProgramHeaders);
  expect_error(with_header([](Elf32_Ehdr& h) { h.e_phentsize = 16; }), kBadProgramHeaders);
  expect_error(with_header([](Elf32_Ehdr& h) { h.e_phnum = 0; }), kEntryOutsideText);
  expect_error(with_segment([](Elf32_Phdr& h) { h.p_type = PT_DYNAMIC; }), kDynamic);
  expect_error(with_segment([](Elf32_Phdr& h) { h.p_type = PT_INTERP; }), kDynamic);
  expect_error(with_segment([](Elf32_Phdr& h) { h.p_offset = 0xffffffff; }), kSegmentOutsideFile);
  expect_error(with_segment([](Elf32_Phdr& h) { h.p_filesz = 5; }), kSegmentOutsideFile);
  expect_error(with_segment([](Elf32_Phdr& h) { h.p_memsz = 3; }), kSegmentSizes);
  expect_error(with_segment([](Elf32_Phdr& h) { h.p_vaddr = 0xfffffffc; }), kSegmentBeyondMemory);
  expect_error(make_elf(0x1000, {text(), data(0x1007, 1, 1)}), kOverlappingSegments);
  expect_error(make_elf(0x1000, {text(), text()}), kOverlappingSegments);
  expect_error(make_elf(0x1000, {data(0xff0, 0, 0x11), text()}), kOverlappingSegments);
  expect_error(make_elf(0x1008, {text()}), kEntryOutsideText);
  expect_error(make_elf(0x0ffc, {text()}), kEntryOutsideText);
  expect_error(make_elf(0x1002, {text()}), kEntryOutsideText);
  expect_error(make_elf(0x2000, {text(), data(0x2000, 8, 8)}), kEntryOutsideText);
  expect_error(make_elf(0x1004, {{0x1000, std::vector<std::byte>(6), 8, PF_X}}), kEntryOutsideText);
}

TEST(Elf, AnEntryAtTheLastWordOfMemoryIsRefused) {
  // pc + 4 would be 2^32: the word is never fetched, whether or not there are others.
  const FileSegment top = {0xfffffffc, bytes_of({kUnimp}), 4, PF_R | PF_X};
  expect_error(make_elf(0xfffffffc, {top}), kEntryOutsideText);
  expect_error(make_elf(0xfffffffc, {text(), top}), kEntryOutsideText);
  EXPECT_TRUE(read_elf(make_elf(0x1000, {text(), top})));
  EXPECT_TRUE(read_elf(make_elf(0xfffffff8, {{0xfffffff8, bytes_of(kText), 8, PF_X}})));
}

TEST(Elf, NoByteOfTheFileIsInTwoSegments) {
  // The text is 8 bytes at offset 116, the data 4 behind it.
  const auto data_at = [](std::uint32_t offset, std::uint32_t size) {
    return with_segment([=](Elf32_Phdr& h) {
      EXPECT_EQ(h.p_offset, 124U);
      h.p_offset = offset;
      h.p_filesz = size;
    });
  };
  expect_error(data_at(116, 8), kOverlappingFileParts);
  expect_error(data_at(118, 1), kOverlappingFileParts);
  expect_error(data_at(123, 4), kOverlappingFileParts);
  expect_error(data_at(113, 4), kOverlappingFileParts);
  EXPECT_TRUE(read_elf(data_at(124, 1)));
  EXPECT_TRUE(read_elf(data_at(112, 4)));  // a segment may hold headers
  EXPECT_TRUE(read_elf(data_at(118, 0)));  // no byte
}

TEST(Elf, ManySegmentsOfTheSameBytesAreRefused) {
  // 64 segments of one MiB: 64 MiB of memory for a file of one.
  constexpr std::uint32_t kSize = 1 << 20;
  std::vector<FileSegment> segments = {{0, std::vector<std::byte>(kSize), kSize, PF_R | PF_X}};
  for (std::uint32_t i = 1; i < 64; ++i) segments.push_back({2 * i * kSize, {}, kSize, PF_R});
  auto file = make_elf(0, segments);
  EXPECT_TRUE(read_elf(file));
  const std::size_t first = sizeof(Elf32_Ehdr);
  Elf32_Phdr shared;
  std::memcpy(&shared, file.data() + first, sizeof(shared));
  for (std::uint32_t i = 1; i < 64; ++i) {
    shared.p_vaddr = 2 * i * kSize;
    std::memcpy(file.data() + first + i * sizeof(shared), &shared, sizeof(shared));
  }
  expect_error(file, kOverlappingFileParts);
}

TEST(Elf, EveryTruncationIsRefused) {
  const auto good = make_elf(0x1000, {text(), data(0x2000, 4, 8)});
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(read_elf(std::span(good).first(size))) << size;
  }
}

TEST(Elf, SymbolsOfAStrippedFileAreNone) {
  const auto symbols = read_symbols(make_elf(0x1000, {text()}));
  ASSERT_TRUE(symbols);
  EXPECT_TRUE(symbols->empty());
}

// Sections .text, .strtab, .symtab and four symbols behind the program.
std::vector<std::byte> with_symbols(const std::function<void(Elf32_Shdr*, Elf32_Sym*)>& change) {
  auto file = make_elf(0x1000, {text()});
  const auto append = [&](const void* bytes, std::size_t size) {
    const auto offset = static_cast<std::uint32_t>(file.size());
    const auto* first = static_cast<const std::byte*>(bytes);
    file.insert(file.end(), first, first + size);
    return offset;
  };
  const char strings[] = "\0main\0local\0$x\0object";
  Elf32_Sym symbols[5] = {};
  symbols[1] = {6, 0x1000, 0, ELF32_ST_INFO(STB_LOCAL, STT_NOTYPE), 0, 1};
  symbols[2] = {1, 0x1000, 8, ELF32_ST_INFO(STB_GLOBAL, STT_FUNC), 0, 1};
  symbols[3] = {12, 0x1004, 0, ELF32_ST_INFO(STB_LOCAL, STT_NOTYPE), 0, 1};
  symbols[4] = {15, 0x1004, 4, ELF32_ST_INFO(STB_GLOBAL, STT_OBJECT), 0, 1};
  Elf32_Shdr sections[4] = {};
  sections[1].sh_type = SHT_PROGBITS;
  sections[1].sh_flags = SHF_ALLOC | SHF_EXECINSTR;
  sections[2].sh_type = SHT_STRTAB;
  sections[2].sh_size = sizeof(strings);
  sections[3].sh_type = SHT_SYMTAB;
  sections[3].sh_size = sizeof(symbols);
  sections[3].sh_entsize = sizeof(Elf32_Sym);
  sections[3].sh_link = 2;
  change(sections, symbols);
  sections[2].sh_offset = append(strings, sizeof(strings));
  while (file.size() % 4 != 0) file.push_back(std::byte{0});
  if (sections[3].sh_offset == 0) sections[3].sh_offset = append(symbols, sizeof(symbols));
  Elf32_Ehdr header;
  std::memcpy(&header, file.data(), sizeof(header));
  header.e_shoff = append(sections, sizeof(sections));
  header.e_shnum = 4;
  header.e_shstrndx = 2;
  std::memcpy(file.data(), &header, sizeof(header));
  return file;
}

TEST(Elf, SymbolsAreTheStrongestFunctionNames) {
  const auto symbols = read_symbols(with_symbols([](Elf32_Shdr*, Elf32_Sym*) {}));
  ASSERT_TRUE(symbols) << symbols.error().message;
  ASSERT_EQ(symbols->size(), 1U);
  EXPECT_EQ((*symbols)[0].name, "main");
  EXPECT_EQ((*symbols)[0].address, 0x1000U);
  EXPECT_EQ((*symbols)[0].size, 8U);
}

TEST(Elf, BadSymbolTablesAreRefused) {
  const auto expect_bad = [](const std::vector<std::byte>& file) {
    const auto symbols = read_symbols(file);
    ASSERT_FALSE(symbols);
    EXPECT_EQ(name(symbols.error().kind), name(kBadSymbolTable)) << symbols.error().message;
  };
  expect_bad(with_symbols([](Elf32_Shdr*, Elf32_Sym* s) { s[2].st_name = 1000; }));
  expect_bad(with_symbols([](Elf32_Shdr*, Elf32_Sym* s) { s[2].st_shndx = 9; }));
  expect_bad(with_symbols([](Elf32_Shdr* s, Elf32_Sym*) { s[3].sh_link = 1; }));
  expect_bad(with_symbols([](Elf32_Shdr* s, Elf32_Sym*) { s[3].sh_offset = 0x10000; }));
}

}  // namespace
}  // namespace magnetar::vm
