#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "vm/program.h"

namespace magnetar::bench {

/// A bundled guest with an input that keeps it busy: 16 KiB of text for those that read all of it, else none.
struct Guest {
  std::string name;
  std::vector<std::byte> elf;
  std::shared_ptr<const vm::Program> program;
  std::shared_ptr<const std::vector<std::byte>> input;
};

/// All bundled guests, by name.
std::vector<Guest> guests();

}  // namespace magnetar::bench
