#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace magnetar::host {

/// A bundled guest program and an input that keeps it busy.
struct BuiltinProgram {
  std::string_view name;
  std::span<const std::byte> elf;
  std::shared_ptr<const std::vector<std::byte>> input;
};

std::vector<BuiltinProgram> builtin_programs();

}  // namespace magnetar::host
