#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "engine/hash/sha256.h"

namespace magnetar::store {

using Digest = hash::Sha256::Digest;
using Bytes = std::vector<std::byte>;

/// Wall-clock time as the store keeps it, in milliseconds since 1970.
using Time = std::chrono::sys_time<std::chrono::milliseconds>;
using Duration = std::chrono::milliseconds;

/// 64 lower-case hexadecimal digits.
std::string to_hex(const Digest& digest);

/// SHA-256 of the bytes: the name of a blob.
Digest digest_of(std::span<const std::byte> bytes);

/// Why the store could not do what it was asked.
struct StoreError {
  enum class Kind : std::uint8_t {
    kUnavailable,    ///< a connection, a lock or the disk; the same call may succeed later
    kConfiguration,  ///< an address that cannot be, a schema of a later version, a file in another orchestrator's hands
    kMissing,        ///< no such blob or row
    kCorrupt,        ///< what was read is not what was written
    kBug,            ///< a statement that the database refuses
  };
  Kind kind;
  std::string message;  ///< what was attempted, on what, and what the database or the system said
};
/// "unavailable" and so on.
std::string_view name(StoreError::Kind kind);

template <typename T>
using Result = tl::expected<T, StoreError>;

/// Immutable contents by their SHA-256. For use by several threads.
class Blobs {
 public:
  virtual ~Blobs() = default;

  /// Stores `bytes`. When it returns, they survive a crash of the process and of the machine. A blob that is there
  /// already is not written again, but counts as new for collect().
  virtual Result<Digest> put(std::span<const std::byte> bytes, Time now) = 0;

  /// The blob's bytes, after their digest was checked. kMissing, or kCorrupt if the digest is another one.
  virtual Result<Bytes> get(const Digest& digest) = 0;

  virtual Result<bool> contains(const Digest& digest) = 0;

  /// Removes the blobs that were last put before `older_than` and are not in `referenced` (sorted). Returns how many.
  virtual Result<std::size_t> collect(std::span<const Digest> referenced, Time older_than) = 0;
};

/// One file a blob: `folder`/ab/abcdef.... A file appears under its name only when it is complete and on the disk.
class DirectoryBlobs final : public Blobs {
 public:
  /// Makes the folder, and removes what a crash left of unfinished writes in it.
  static Result<std::unique_ptr<DirectoryBlobs>> open(std::filesystem::path folder);

  Result<Digest> put(std::span<const std::byte> bytes, Time now) override;
  Result<Bytes> get(const Digest& digest) override;
  Result<bool> contains(const Digest& digest) override;
  Result<std::size_t> collect(std::span<const Digest> referenced, Time older_than) override;

 private:
  explicit DirectoryBlobs(std::filesystem::path folder);
  std::filesystem::path path(const Digest& digest) const;

  std::filesystem::path folder_;
  std::filesystem::path unfinished_;
};

}  // namespace magnetar::store
