#include "engine/commit/generator_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <span>
#include <system_error>
#include <type_traits>
#include <utility>

#include "engine/commit/generators.h"
#include "engine/hash/sha256.h"

namespace magnetar::commit {

namespace {

using algebra::AffinePoint;
using hash::Sha256;
using Bytes = std::span<const std::uint8_t>;

constexpr std::string_view kMagic = "MGNTRGEN";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kPointBytes = 64;
/// Read and hashed at once, so that the hash finds in the cache what was read.
constexpr std::size_t kReadBytes = std::size_t{1} << 18;

/// A file descriptor that is closed at the end.
class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (is_open()) ::close(descriptor_);
  }

  bool is_open() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }

  /// Fills `bytes`; false, with errno 0 at the end of the file, if it cannot.
  bool read(std::span<std::uint8_t> bytes) const {
    while (!bytes.empty()) {
      const ssize_t done = ::read(descriptor_, bytes.data(), bytes.size());
      if (done < 0 && errno == EINTR) continue;
      if (done == 0) errno = 0;
      if (done <= 0) return false;
      bytes = bytes.subspan(static_cast<std::size_t>(done));
    }
    return true;
  }

  /// Writes all of `bytes`; false, with errno, if it cannot.
  bool write(Bytes bytes) const {
    while (!bytes.empty()) {
      const ssize_t done = ::write(descriptor_, bytes.data(), bytes.size());
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) return false;
      bytes = bytes.subspan(static_cast<std::size_t>(done));
    }
    return true;
  }

 private:
  int descriptor_;
};

/// What stands before the tag and the points.
struct Header {
  static constexpr std::size_t kBytes = 72;
  static constexpr std::size_t kDigestOffset = 40;

  std::array<std::uint8_t, kBytes> bytes{};

  Header() = default;
  Header(std::string_view curve, std::string_view tag, std::uint64_t count) {
    std::ranges::copy(kMagic, bytes.begin());
    put(8, kVersion, 4);
    put(12, tag.size(), 4);
    std::ranges::copy(curve, bytes.begin() + 16);
    put(32, count, 8);
  }

  void put(std::size_t offset, std::uint64_t value, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) bytes[offset + i] = static_cast<std::uint8_t>(value >> (8 * i));
  }
  std::uint64_t count() const {
    std::uint64_t value = 0;
    for (std::size_t i = 8; i-- > 0;) value = (value << 8) | bytes[32 + i];
    return value;
  }
  bool agrees(const Header& other, std::size_t begin, std::size_t size) const {
    return std::memcmp(bytes.data() + begin, other.bytes.data() + begin, size) == 0;
  }
  std::span<std::uint8_t> digest() { return std::span(bytes).subspan(kDigestOffset); }
  /// All that the digest covers.
  Bytes hashed() const { return Bytes(bytes).first(kDigestOffset); }
};

Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

template <class Point>
auto bytes_of(std::span<Point> points) {
  // What the file holds is what memory holds.
  static_assert(sizeof(Point) == kPointBytes && std::is_trivially_copyable_v<Point>);
  static_assert(std::endian::native == std::endian::little);
  using Byte = std::conditional_t<std::is_const_v<Point>, const std::uint8_t, std::uint8_t>;
  return std::span<Byte>(reinterpret_cast<Byte*>(points.data()), points.size_bytes());
}

std::string error_text(int error) {
  return std::error_code(error, std::generic_category()).message();
}

GeneratorCacheWarning unreadable(const std::filesystem::path& file, int error) {
  if (error == 0) return {GeneratorCacheFault::kTruncated, file.string() + ": became shorter while it was read"};
  return {GeneratorCacheFault::kUnreadable, file.string() + ": " + error_text(error)};
}

/// Derives a few of the points again; the index of one that is another. All of them would take as long as without a
/// file. The file's digest chooses, so that files differ in what is looked at but the answer for one does not change.
template <class C>
std::optional<std::uint64_t> first_wrong(std::string_view tag, std::span<const AffinePoint<C>> points, Bytes digest) {
  if (points.empty()) return std::nullopt;
  const auto chosen = [&](std::size_t part) {
    std::uint64_t number = 0;
    for (const std::uint8_t byte : digest.subspan(8 * part, 8)) number = (number << 8) | byte;
    return number % points.size();
  };
  for (const std::uint64_t index : {std::uint64_t{0}, chosen(0), chosen(1), std::uint64_t{points.size() - 1}}) {
    std::array<AffinePoint<C>, 1> derived;
    if (!derive_generators<C>(tag, index, derived) || derived[0] != points[index]) return index;
  }
  return std::nullopt;
}

/// Writes `points` to a new file that then takes the place of `file`. Returns what failed, and errno.
template <class C>
tl::expected<void, std::pair<const char*, int>> replace(const std::filesystem::path& file, std::string_view tag,
                                                        std::span<const AffinePoint<C>> points) {
  Header header(C::kName, tag, points.size());
  Sha256 hash;
  hash.update(header.hashed());
  hash.update(bytes_of(tag));
  hash.update(bytes_of(points));
  std::ranges::copy(hash.finish(), header.digest().begin());

  std::string temporary = file.string() + ".XXXXXX";
  const File output(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!output.is_open()) return tl::unexpected(std::pair{"cannot create a file beside it", errno});
  const auto fail = [&](const char* what) {
    const int error = errno;
    ::unlink(temporary.c_str());
    return tl::unexpected(std::pair{what, error});
  };
  // Anyone may read them; a program under another account may be meant to.
  if (::fchmod(output.descriptor(), 0644) != 0) return fail("cannot set its mode");
  if (!output.write(header.bytes) || !output.write(bytes_of(tag)) || !output.write(bytes_of(points))) {
    return fail("cannot write");
  }
  // On disk before it gets its name: after a crash the name stands for the old or the new content.
  if (::fsync(output.descriptor()) != 0) return fail("cannot write");
  if (std::rename(temporary.c_str(), file.c_str()) != 0) return fail("cannot rename to it");
  const File folder(::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // That the name is on disk matters for speed alone, so that a file system that cannot promise it is good enough.
  if (folder.is_open()) static_cast<void>(::fsync(folder.descriptor()));
  return {};
}

}  // namespace

std::string_view name(GeneratorCacheFault fault) {
  switch (fault) {
    case GeneratorCacheFault::kUnreadable:
      return "unreadable";
    case GeneratorCacheFault::kTruncated:
      return "truncated";
    case GeneratorCacheFault::kTrailingBytes:
      return "trailing-bytes";
    case GeneratorCacheFault::kWrongMagic:
      return "wrong-magic";
    case GeneratorCacheFault::kWrongVersion:
      return "wrong-version";
    case GeneratorCacheFault::kWrongCurve:
      return "wrong-curve";
    case GeneratorCacheFault::kWrongTag:
      return "wrong-tag";
    case GeneratorCacheFault::kWrongDigest:
      return "wrong-digest";
    case GeneratorCacheFault::kWrongPoint:
      return "wrong-point";
    case GeneratorCacheFault::kUnwritable:
      return "unwritable";
  }
  return "unknown";
}

template <class C>
std::filesystem::path generator_file(const std::filesystem::path& folder, std::string_view tag) {
  // A tag may hold anything, its digest fits a file name.
  const Sha256::Digest digest = Sha256::digest(bytes_of(tag));
  std::string id;
  for (std::size_t i = 0; i < 8; ++i) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    id += kDigits[digest[i] >> 4];
    id += kDigits[digest[i] & 15];
  }
  return folder / ("generators-" + std::string(C::kName) + "-" + id + ".bin");
}

template <class C>
tl::expected<std::vector<AffinePoint<C>>, GeneratorCacheWarning> read_generators(const std::filesystem::path& file,
                                                                                 std::string_view tag,
                                                                                 std::size_t limit) {
  using Fault = GeneratorCacheFault;
  std::vector<AffinePoint<C>> points;
  const File input(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!input.is_open()) {
    if (errno == ENOENT) return points;
    return tl::unexpected(unreadable(file, errno));
  }
  struct stat status = {};
  if (::fstat(input.descriptor(), &status) != 0) return tl::unexpected(unreadable(file, errno));
  const auto refuse = [&](Fault fault, const std::string& reason) {
    return tl::unexpected(GeneratorCacheWarning{fault, file.string() + ": " + reason});
  };
  if (!S_ISREG(status.st_mode)) return refuse(Fault::kUnreadable, "not a regular file");
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size < Header::kBytes) {
    return refuse(Fault::kTruncated,
                  std::to_string(size) + " bytes are less than the header's " + std::to_string(Header::kBytes));
  }
  Header header;
  if (!input.read(header.bytes)) return tl::unexpected(unreadable(file, errno));
  const Header expected(C::kName, tag, header.count());
  if (!header.agrees(expected, 0, 8)) return refuse(Fault::kWrongMagic, "not a file of generators");
  if (!header.agrees(expected, 8, 4)) {
    return refuse(Fault::kWrongVersion, "not of format version " + std::to_string(kVersion));
  }
  if (!header.agrees(expected, 16, 16)) return refuse(Fault::kWrongCurve, "not of curve " + std::string(C::kName));
  if (!header.agrees(expected, 12, 4)) return refuse(Fault::kWrongTag, "generators under another tag");
  const std::uint64_t count = header.count();
  const std::uint64_t held = size - Header::kBytes;
  if (held < tag.size() || (held - tag.size()) / kPointBytes < count) {
    return refuse(Fault::kTruncated, std::to_string(size) + " bytes cannot hold a tag of " +
                                         std::to_string(tag.size()) + " bytes and " + std::to_string(count) +
                                         " generators");
  }
  if (held - tag.size() != count * kPointBytes) return refuse(Fault::kTrailingBytes, "bytes after the generators");
  std::vector<std::uint8_t> buffer(std::max(tag.size(), kReadBytes));
  const auto tag_bytes = std::span(buffer).first(tag.size());
  if (!input.read(tag_bytes)) return tl::unexpected(unreadable(file, errno));
  if (!std::ranges::equal(tag_bytes, bytes_of(tag))) return refuse(Fault::kWrongTag, "generators under another tag");

  Sha256 hash;
  hash.update(header.hashed());
  hash.update(tag_bytes);
  points.resize(std::min<std::uint64_t>(count, limit));
  auto wanted = bytes_of(std::span(points));
  for (std::uint64_t left = count * kPointBytes; left != 0;) {
    const auto part = std::span(buffer).first(std::min<std::uint64_t>(left, kReadBytes));
    if (!input.read(part)) return tl::unexpected(unreadable(file, errno));
    hash.update(part);
    const std::size_t kept = std::min(part.size(), wanted.size());
    std::copy_n(part.begin(), kept, wanted.begin());
    wanted = wanted.subspan(kept);
    left -= part.size();
  }
  if (!std::ranges::equal(hash.finish(), header.digest())) {
    return refuse(Fault::kWrongDigest, "the content does not match its SHA-256");
  }
  if (const auto index = first_wrong<C>(tag, std::span<const AffinePoint<C>>(points), header.digest())) {
    return refuse(Fault::kWrongPoint, "generator " + std::to_string(*index) + " is not the one derived from its tag");
  }
  return points;
}

template <class C>
tl::expected<CachedGenerators<C>, hash::ExpandMessageError> load_generators(const std::filesystem::path& folder,
                                                                            std::string_view tag, std::size_t count) {
  if (tag.empty()) return tl::unexpected(hash::ExpandMessageError::kEmptyTag);
  const std::filesystem::path file = generator_file<C>(folder, tag);
  CachedGenerators<C> result;
  if (auto read = read_generators<C>(file, tag, count)) {
    result.points = std::move(*read);
    result.loaded = result.points.size();
  } else {
    result.warnings.push_back(std::move(read.error()));
    result.warnings.back().message += "; the generators are derived again";
  }
  if (result.loaded == count) return result;

  result.points.resize(count);
  const auto missing = std::span(result.points).subspan(result.loaded);
  if (const auto derived = derive_generators<C>(tag, result.loaded, missing); !derived) {
    return tl::unexpected(derived.error());
  }
  const auto warn = [&](const char* what, const std::string& why) {
    result.warnings.push_back({GeneratorCacheFault::kUnwritable,
                               file.string() + ": " + what + ": " + why + "; the generators are not stored"});
  };
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    warn("cannot create its folder", error.message());
  } else if (const auto replaced = replace<C>(file, tag, result.points); !replaced) {
    warn(replaced.error().first, error_text(replaced.error().second));
  }
  return result;
}

#define MAGNETAR_INSTANTIATE(Curve)                                                                     \
  template std::filesystem::path generator_file<Curve>(const std::filesystem::path&, std::string_view); \
  template tl::expected<std::vector<AffinePoint<Curve>>, GeneratorCacheWarning> read_generators<Curve>( \
      const std::filesystem::path&, std::string_view, std::size_t);                                     \
  template tl::expected<CachedGenerators<Curve>, hash::ExpandMessageError> load_generators<Curve>(      \
      const std::filesystem::path&, std::string_view, std::size_t)

MAGNETAR_INSTANTIATE(algebra::Bn254);
MAGNETAR_INSTANTIATE(algebra::Grumpkin);

#undef MAGNETAR_INSTANTIATE

}  // namespace magnetar::commit
