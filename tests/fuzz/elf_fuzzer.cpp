// Any bytes as an ELF file: an error value, or a program whose ops and entries agree.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "vm/program.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace magnetar::vm;
  const std::span file(reinterpret_cast<const std::byte*>(data), size);
  (void)read_symbols(file);
  const auto program = Program::load(file);
  if (!program) {
    if (program.error().message.empty()) std::abort();
    return 0;
  }
  const Program& p = **program;
  if (!p.fetch(p.entry())) std::abort();
  for (std::uint32_t op = 0; op < p.ops().size(); ++op) {
    if (p.ops()[op].next >= p.ops().size() && p.ops()[op].code != Opcode::kJumpRegister) std::abort();
    if (op == Program::kOutsideOp) continue;
    const auto entry = p.entry_of(op);
    if (entry && (entry->pc != p.pc_of(op) || p.op_at(entry->pc) != op)) std::abort();
  }
  return 0;
}
