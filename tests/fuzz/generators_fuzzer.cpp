// Any bytes as a file of generators, as they are and with the digest that belongs to them: a fault with a reason, or
// the points that the file holds.

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "engine/commit/generator_cache.h"
#include "engine/hash/sha256.h"

namespace {

using namespace magnetar;

constexpr std::string_view kTag = "tag";
constexpr std::size_t kHeaderBytes = 72;
constexpr std::size_t kLimit = 4;

void require(bool condition) {
  if (!condition) std::abort();
}

/// A file in memory, with a name.
class MemoryFile {
 public:
  MemoryFile() : descriptor_(::memfd_create("generators", 0)) {
    if (descriptor_ < 0) {
      std::perror("memfd_create");
      std::exit(1);
    }
  }
  std::filesystem::path name() const { return "/proc/self/fd/" + std::to_string(descriptor_); }
  void set(std::span<const std::uint8_t> bytes) const {
    require(::ftruncate(descriptor_, 0) == 0);
    require(::pwrite(descriptor_, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  }

 private:
  int descriptor_;
};

void read(std::span<const std::uint8_t> bytes) {
  static const MemoryFile file;
  file.set(bytes);
  const auto points = commit::read_generators<algebra::Bn254>(file.name(), kTag, kLimit);
  if (!points) {
    require(points.error().message.size() > file.name().string().size());
    return;
  }
  require((bytes.size() - kHeaderBytes - kTag.size()) % 64 == 0);
  require(points->size() == std::min(kLimit, (bytes.size() - kHeaderBytes - kTag.size()) / 64));
  const auto* const held = bytes.data() + kHeaderBytes + kTag.size();
  require(points->empty() || std::memcmp(points->data(), held, points->size() * 64) == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::uint8_t> bytes(data, data + size);
  read(bytes);
  if (size < kHeaderBytes) return 0;
  hash::Sha256 hash;
  hash.update(std::span(bytes).first(40));
  hash.update(std::span(bytes).subspan(kHeaderBytes));
  const auto digest = hash.finish();
  std::copy(digest.begin(), digest.end(), bytes.begin() + 40);
  read(bytes);
  return 0;
}
