#include "host/compile/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <system_error>
#include <thread>
#include <vector>

#include "engine/hash/sha256.h"

namespace magnetar::compile {
namespace {

namespace fs = std::filesystem;
using hash::Sha256;

constexpr std::chrono::milliseconds kLockPause{20};

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string to_hex(const Sha256::Digest& digest) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : digest) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

// Calls use(bytes) with the file's bytes, a piece after the other, as long as it returns true. Errno, or 0.
template <typename Use>
int for_each_piece(const fs::path& file, Use use) {
  const Descriptor input(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!input.is_open()) return errno;
  std::vector<char> piece(std::size_t{1} << 18);
  while (true) {
    const ssize_t size = ::read(input.number(), piece.data(), piece.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno;
    if (size == 0) return 0;
    if (!use(std::string_view(piece.data(), static_cast<std::size_t>(size)))) return EFBIG;
  }
}

bool write_all(const Descriptor& file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::write(file.number(), bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(done));
  }
  return true;
}

}  // namespace

tl::expected<std::string, int> read_whole(const fs::path& file, std::size_t max_bytes) {
  std::string content;
  const int error = for_each_piece(file, [&](std::string_view piece) {
    content += piece;
    return content.size() <= max_bytes;
  });
  if (error != 0) return tl::unexpected(error);
  return content;
}

tl::expected<void, int> replace_file(const fs::path& file, std::span<const std::string_view> parts) {
  std::string temporary = file.string() + ".XXXXXX";
  const Descriptor output(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!output.is_open()) return tl::unexpected(errno);
  const auto fail = [&] {
    const int error = errno;
    ::unlink(temporary.c_str());
    return tl::unexpected(error);
  };
  for (const std::string_view part : parts) {
    if (!write_all(output, part)) return fail();
  }
  // On disk before it gets its name: after a crash the name stands for the old or the new content.
  if (::fchmod(output.number(), 0644) != 0 || ::fsync(output.number()) != 0) return fail();
  if (std::rename(temporary.c_str(), file.c_str()) != 0) return fail();
  return {};
}

tl::expected<Descriptor, int> lock_file(const fs::path& file, const std::stop_token& stop) {
  Descriptor lock(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!lock.is_open()) return tl::unexpected(errno);
  while (::flock(lock.number(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return tl::unexpected(errno);
    if (stop.stop_requested()) return tl::unexpected(ECANCELED);
    std::this_thread::sleep_for(kLockPause);
  }
  return lock;
}

tl::expected<void, int> make_folder(const fs::path& folder) {
  std::error_code error;
  if (fs::is_directory(folder, error)) return {};
  if (folder.has_parent_path() && folder.parent_path() != folder) {
    if (auto parent = make_folder(folder.parent_path()); !parent) return parent;
  }
  if (::mkdir(folder.c_str(), 0755) != 0) {
    // Somebody else may have made it just now.
    if (errno != EEXIST) return tl::unexpected(errno);
    if (!fs::is_directory(folder, error)) return tl::unexpected(ENOTDIR);
    return {};
  }
  // Whatever this process's mask takes away.
  if (::chmod(folder.c_str(), 0755) != 0) return tl::unexpected(errno);
  return {};
}

std::string digest_of(std::span<const std::string_view> parts) {
  Sha256 hash;
  for (const std::string_view part : parts) {
    std::array<std::uint8_t, 8> length{};
    for (std::size_t i = 0; i < length.size(); ++i) length[i] = static_cast<std::uint8_t>(part.size() >> (8 * i));
    hash.update(length);
    hash.update(bytes_of(part));
  }
  return to_hex(hash.finish());
}

tl::expected<std::string, int> digest_of_file(const fs::path& file) {
  Sha256 hash;
  const int error = for_each_piece(file, [&](std::string_view piece) {
    hash.update(bytes_of(piece));
    return true;
  });
  if (error != 0) return tl::unexpected(error);
  return to_hex(hash.finish());
}

std::string error_text(int error) {
  return std::generic_category().message(error);
}

}  // namespace magnetar::compile
