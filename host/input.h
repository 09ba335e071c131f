#pragma once

#include <CLI/App.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "host/command.h"

namespace magnetar::host {

using Bytes = std::vector<std::byte>;

/// The flags by which commands take a guest's input: `--input FILE` (`-`: standard input) or
/// `--input-hex HEX`; none: empty input.
struct InputFlags {
  std::string file;
  std::string hex;

  void add_to(CLI::App& command);
  Result<std::shared_ptr<const Bytes>> read() const;
};

/// The whole file, `-` for standard input; refused if it has more than `max_bytes`.
Result<Bytes> read_file(const std::string& path, std::uint64_t max_bytes);

/// Pairs of hexadecimal digits in either case.
Result<Bytes> parse_hex(std::string_view text);
std::string to_hex(const Bytes& bytes);

}  // namespace magnetar::host
