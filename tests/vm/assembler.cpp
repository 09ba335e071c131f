#include "assembler.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

namespace magnetar::vm::testing {

std::vector<std::byte> make_elf(std::uint32_t entry, const std::vector<FileSegment>& segments) {
  Elf32_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS32;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_EXEC;
  header.e_machine = EM_RISCV;
  header.e_version = EV_CURRENT;
  header.e_entry = entry;
  header.e_phoff = sizeof(Elf32_Ehdr);
  header.e_ehsize = sizeof(Elf32_Ehdr);
  header.e_phentsize = sizeof(Elf32_Phdr);
  header.e_phnum = static_cast<Elf32_Half>(segments.size());
  header.e_shentsize = sizeof(Elf32_Shdr);

  std::vector<std::byte> file(sizeof(header) + segments.size() * sizeof(Elf32_Phdr));
  std::memcpy(file.data(), &header, sizeof(header));
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const FileSegment& segment = segments[i];
    Elf32_Phdr program_header{};
    program_header.p_type = PT_LOAD;
    program_header.p_offset = static_cast<Elf32_Off>(file.size());
    program_header.p_vaddr = segment.address;
    program_header.p_paddr = segment.address;
    program_header.p_filesz = static_cast<Elf32_Word>(segment.bytes.size());
    program_header.p_memsz = segment.memory_size;
    program_header.p_flags = segment.flags;
    program_header.p_align = 1;
    std::memcpy(file.data() + sizeof(header) + i * sizeof(program_header), &program_header, sizeof(program_header));
    file.insert(file.end(), segment.bytes.begin(), segment.bytes.end());
  }
  return file;
}

std::vector<std::byte> bytes_of(const std::vector<std::uint32_t>& words) {
  std::vector<std::byte> bytes(4 * words.size());
  std::memcpy(bytes.data(), words.data(), bytes.size());
  return bytes;
}

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto* data = reinterpret_cast<const std::byte*>(text.data());
  return {data, data + text.size()};
}

std::shared_ptr<const Program> make_program(const std::vector<std::uint32_t>& text, std::uint32_t address) {
  const auto size = static_cast<std::uint32_t>(4 * text.size());
  auto program = Program::load(make_elf(address, {{address, bytes_of(text), size, PF_R | PF_X}}));
  EXPECT_TRUE(program) << (program ? "" : program.error().message);
  return *program;
}

std::shared_ptr<const std::vector<std::byte>> make_input(std::string_view text) {
  return std::make_shared<const std::vector<std::byte>>(bytes_of(text));
}

std::vector<std::byte> read_source_file(std::string_view path) {
  std::ifstream file(std::string(MAGNETAR_SOURCE_DIR "/").append(path), std::ios::binary);
  EXPECT_TRUE(file) << "cannot open " << path;
  return bytes_of(std::string(std::istreambuf_iterator<char>(file), {}));
}

}  // namespace magnetar::vm::testing
