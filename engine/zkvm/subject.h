#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <tl/expected.hpp>
#include <vector>

#include "engine/hash/sha256.h"
#include "vm/machine.h"
#include "vm/program.h"

namespace magnetar::zkvm {

/// What is executed and proved: a program and its input, with the digests by which statements name them.
struct Subject {
  std::shared_ptr<const vm::Program> program;
  hash::Sha256::Digest program_id;  ///< SHA-256 of the ELF file
  std::shared_ptr<const std::vector<std::byte>> input;
  hash::Sha256::Digest input_digest;

  /// `input` is at most vm::kMaxInputBytes long.
  static tl::expected<Subject, vm::ElfError> load(std::span<const std::byte> elf,
                                                  std::shared_ptr<const std::vector<std::byte>> input,
                                                  std::size_t max_elf_bytes = vm::kDefaultMaxElfBytes);
};

}  // namespace magnetar::zkvm
