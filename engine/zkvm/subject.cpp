#include "engine/zkvm/subject.h"

#include <cassert>
#include <utility>

namespace magnetar::zkvm {
namespace {

hash::Sha256::Digest digest(std::span<const std::byte> bytes) {
  return hash::Sha256::digest({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

}  // namespace

tl::expected<Subject, vm::ElfError> Subject::load(std::span<const std::byte> elf,
                                                  std::shared_ptr<const std::vector<std::byte>> input,
                                                  std::size_t max_elf_bytes) {
  assert(input->size() <= vm::kMaxInputBytes);
  auto program = vm::Program::load(elf, max_elf_bytes);
  if (!program) return tl::unexpected(program.error());
  const auto input_digest = digest(*input);
  return Subject{*std::move(program), digest(elf), std::move(input), input_digest};
}

}  // namespace magnetar::zkvm
