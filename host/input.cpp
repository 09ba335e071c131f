#include "host/input.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include "vm/machine.h"

namespace magnetar::host {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const {
    if (file != stdin) std::fclose(file);
  }
};

CommandError unreadable(const std::string& path) {
  return {kUnusableInput, "unreadable-file", fmt::format("cannot read {}: {}", path, std::strerror(errno))};
}

}  // namespace

void InputFlags::add_to(CLI::App& command) {
  auto* from_file =
      command.add_option("--input", file, "the guest's input, from a file (-: standard input)")->type_name("FILE");
  command.add_option("--input-hex", hex, "the guest's input, as hexadecimal digits")
      ->type_name("HEX")
      ->excludes(from_file);
}

Result<std::shared_ptr<const Bytes>> InputFlags::read() const {
  Result<Bytes> bytes = file.empty() ? parse_hex(hex) : read_file(file, vm::kMaxInputBytes);
  if (!bytes) return tl::unexpected(std::move(bytes.error()));
  return std::make_shared<const Bytes>(*std::move(bytes));
}

Result<Bytes> read_file(const std::string& path, std::uint64_t max_bytes) {
  std::unique_ptr<std::FILE, CloseFile> file(path == "-" ? stdin : std::fopen(path.c_str(), "rb"));
  if (!file) return tl::unexpected(unreadable(path));
  Bytes bytes;
  std::array<std::byte, 1 << 16> chunk;
  while (const std::size_t size = std::fread(chunk.data(), 1, chunk.size(), file.get())) {
    bytes.insert(bytes.end(), chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(size));
    if (bytes.size() > max_bytes) {
      return tl::unexpected(
          CommandError{kUnusableInput, "file-too-large", fmt::format("{} has more than {} bytes", path, max_bytes)});
    }
  }
  if (std::ferror(file.get()) != 0) return tl::unexpected(unreadable(path));
  return bytes;
}

Result<Bytes> parse_hex(std::string_view text) {
  const auto refuse = [](std::string why) {
    return tl::unexpected(CommandError{kUnusableInput, "bad-hex", "--input-hex: " + std::move(why)});
  };
  if (text.size() % 2 != 0) return refuse(fmt::format("{} digits; two make a byte", text.size()));
  Bytes bytes(text.size() / 2);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::string_view pair = text.substr(2 * i, 2);
    unsigned value = 0;
    const auto [end, error] = std::from_chars(pair.data(), pair.data() + 2, value, 16);
    if (error != std::errc() || end != pair.data() + 2)
      return refuse(fmt::format("'{}' at position {} is not hexadecimal", pair, 2 * i));
    bytes[i] = static_cast<std::byte>(value);
  }
  return bytes;
}

std::string to_hex(const Bytes& bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const std::byte byte : bytes) {
    text += kDigits[std::to_integer<std::size_t>(byte >> 4)];
    text += kDigits[std::to_integer<std::size_t>(byte & std::byte{15})];
  }
  return text;
}

}  // namespace magnetar::host
