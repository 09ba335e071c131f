#include "host/compile/compile_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <tl/expected.hpp>
#include <utility>

#include "host/compile/files.h"

namespace magnetar::compile {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMagic = "MGNTRELF";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kKeyBytes = 64;
constexpr std::size_t kDigestBytes = 64;
constexpr std::size_t kHeaderBytes = 24 + kKeyBytes + kDigestBytes;
constexpr std::size_t kMaxEntryBytes = std::size_t{256} << 20;
constexpr std::string_view kExtension = ".elf";

std::string little_endian(std::uint64_t value, std::size_t size) {
  std::string bytes;
  for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(value >> (8 * i));
  return bytes;
}

// What stands before the key.
std::string front_of(std::size_t diagnostics_bytes, std::size_t elf_bytes) {
  return std::string(kMagic) + little_endian(kVersion, 4) + little_endian(diagnostics_bytes, 4) +
         little_endian(elf_bytes, 8);
}

std::uint64_t number_at(std::string_view bytes, std::size_t offset, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = (value << 8) | static_cast<unsigned char>(bytes[offset + i]);
  return value;
}

std::string digest(std::string_view front, std::string_view key, std::string_view diagnostics, std::string_view elf) {
  return digest_of(std::array{front, key, diagnostics, elf});
}

// An entry's parts, or what is wrong with it.
tl::expected<CompileCache::Entry, std::string> decode(std::string_view bytes, std::string_view key) {
  const auto refuse = [](const char* why) { return tl::unexpected(std::string(why)); };
  if (bytes.size() < kHeaderBytes) return refuse("truncated");
  if (!bytes.starts_with(kMagic)) return refuse("no compiled program");
  if (number_at(bytes, 8, 4) != kVersion) return refuse("of another version of the format");
  const std::uint64_t diagnostics_bytes = number_at(bytes, 12, 4);
  const std::uint64_t elf_bytes = number_at(bytes, 16, 8);
  const std::uint64_t rest = bytes.size() - kHeaderBytes;
  if (diagnostics_bytes > rest || elf_bytes != rest - diagnostics_bytes) return refuse("of a wrong size");
  if (bytes.substr(24, kKeyBytes) != key) return refuse("of another key");
  const std::string_view diagnostics = bytes.substr(kHeaderBytes, diagnostics_bytes);
  const std::string_view elf = bytes.substr(kHeaderBytes + diagnostics_bytes);
  if (bytes.substr(24 + kKeyBytes, kDigestBytes) != digest(bytes.substr(0, 24), key, diagnostics, elf)) {
    return refuse("does not match its digest");
  }
  const auto elf_bytes_view = std::as_bytes(std::span(elf));
  return CompileCache::Entry{std::string(diagnostics), {elf_bytes_view.begin(), elf_bytes_view.end()}};
}

}  // namespace

CompileCache::CompileCache(fs::path folder, std::uint64_t max_bytes, std::function<void(const std::string&)> warn)
    : folder_(std::move(folder)), max_bytes_(max_bytes), warn_(std::move(warn)) {}

std::optional<CompileCache::Entry> CompileCache::find(const std::string& key) const {
  const fs::path file = folder_ / (key + std::string(kExtension));
  const auto bytes = read_whole(file, kMaxEntryBytes);
  if (!bytes) {
    if (bytes.error() != ENOENT) {
      warn_(fmt::format("{}: {}; compiling again", file.string(), error_text(bytes.error())));
    }
    return std::nullopt;
  }
  auto entry = decode(*bytes, key);
  if (!entry) {
    warn_(fmt::format("{}: {}; compiling again", file.string(), entry.error()));
    return std::nullopt;
  }
  // Its time is when it was last used; that this fails where the folder cannot be written does no harm.
  static_cast<void>(::utimensat(AT_FDCWD, file.c_str(), nullptr, 0));
  return *std::move(entry);
}

void CompileCache::store(const std::string& key, std::string_view diagnostics, std::string_view elf) {
  const std::string front = front_of(diagnostics.size(), elf.size());
  const std::string sum = digest(front, key, diagnostics, elf);
  const fs::path file = folder_ / (key + std::string(kExtension));
  const std::array<std::string_view, 5> parts = {front, key, sum, diagnostics, elf};
  if (const auto written = replace_file(file, parts); !written) {
    warn_(fmt::format("cannot write {}: {}; the program is not cached", file.string(), error_text(written.error())));
    return;
  }
  make_room();
}

void CompileCache::make_room() {
  const std::lock_guard lock(making_room_);
  struct Found {
    fs::file_time_type used;
    std::uint64_t size;
    fs::path path;
  };
  std::vector<Found> found;
  std::uint64_t total = 0;
  std::error_code error;
  for (fs::directory_iterator entry(folder_, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path().extension() != kExtension) continue;
    // Another process may remove it meanwhile.
    std::error_code gone;
    const std::uint64_t size = entry->file_size(gone);
    if (gone) continue;
    found.push_back({entry->last_write_time(gone), size, entry->path()});
    total += size;
  }
  std::ranges::sort(found, {}, &Found::used);
  for (const Found& entry : found) {
    if (total <= max_bytes_) break;
    fs::remove(entry.path, error);
    total -= entry.size;
  }
}

}  // namespace magnetar::compile
