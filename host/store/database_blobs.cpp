#include "host/store/database_blobs.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace magnetar::store {
namespace {

// Long enough for speed, short enough that a few copies of it do not matter.
constexpr std::size_t kChunkBytes = std::size_t{4} << 20;

}  // namespace

Result<Digest> DatabaseBlobs::put(std::span<const std::byte> bytes, Time now) {
  const Digest digest = digest_of(bytes);
  const std::lock_guard lock(mutex_);
  return in_transaction(*database_, [&]() -> Result<Digest> {
    const auto there = database_->query("UPDATE blobs SET touched_at = $2 WHERE digest = $1 RETURNING size",
                                        {value_of(digest), value_of(now)});
    if (!there) return tl::unexpected(there.error());
    if (!there->empty()) return digest;
    const auto added = database_->query(
        "INSERT INTO blobs (digest, size, touched_at) VALUES ($1, $2, $3) ON CONFLICT (digest) DO NOTHING RETURNING "
        "size",
        {value_of(digest), static_cast<std::int64_t>(bytes.size()), value_of(now)});
    if (!added) return tl::unexpected(added.error());
    if (added->empty()) return digest;  // another process was first, and has committed
    for (std::int64_t position = 0; !bytes.empty(); ++position) {
      const auto chunk = bytes.first(std::min(bytes.size(), kChunkBytes));
      const auto stored = database_->query("INSERT INTO blob_chunks (digest, position, content) VALUES ($1, $2, $3)",
                                           {value_of(digest), position, Bytes(chunk.begin(), chunk.end())});
      if (!stored) return tl::unexpected(stored.error());
      bytes = bytes.subspan(chunk.size());
    }
    return digest;
  });
}

Result<Bytes> DatabaseBlobs::get(const Digest& digest) {
  const std::lock_guard lock(mutex_);
  return in_transaction(*database_, [&]() -> Result<Bytes> {
    const auto size = database_->query("SELECT size FROM blobs WHERE digest = $1", {value_of(digest)});
    if (!size) return tl::unexpected(size.error());
    if (size->empty()) {
      return tl::unexpected(StoreError{StoreError::Kind::kMissing, fmt::format("there is no blob {}", to_hex(digest))});
    }
    Bytes bytes;
    bytes.reserve(static_cast<std::size_t>(std::get<std::int64_t>((*size)[0][0])));
    for (std::int64_t position = 0;; ++position) {
      const auto chunk = database_->query("SELECT content FROM blob_chunks WHERE digest = $1 AND position = $2",
                                          {value_of(digest), position});
      if (!chunk) return tl::unexpected(chunk.error());
      if (chunk->empty()) break;
      const auto& content = std::get<Bytes>((*chunk)[0][0]);
      bytes.insert(bytes.end(), content.begin(), content.end());
    }
    if (digest_of(bytes) != digest) {
      return tl::unexpected(StoreError{StoreError::Kind::kCorrupt,
                                       fmt::format("blob {} is damaged: its SHA-256 is not its name", to_hex(digest))});
    }
    return bytes;
  });
}

Result<bool> DatabaseBlobs::contains(const Digest& digest) {
  const std::lock_guard lock(mutex_);
  return in_transaction(*database_, [&]() -> Result<bool> {
    return database_->query("SELECT 1 FROM blobs WHERE digest = $1", {value_of(digest)}).map([](const auto& rows) {
      return !rows.empty();
    });
  });
}

Result<std::size_t> DatabaseBlobs::collect(std::span<const Digest> referenced, Time older_than) {
  const std::lock_guard lock(mutex_);
  return in_transaction(*database_, [&]() -> Result<std::size_t> {
    const auto old = database_->query("SELECT digest FROM blobs WHERE touched_at < $1", {value_of(older_than)});
    if (!old) return tl::unexpected(old.error());
    std::size_t removed = 0;
    for (const Row& row : *old) {
      const auto kept = [&](const Digest& digest) { return value_of(digest) == row[0]; };
      if (std::any_of(referenced.begin(), referenced.end(), kept)) continue;
      // Somebody may have put it again since then.
      const auto gone = database_->query("DELETE FROM blobs WHERE digest = $1 AND touched_at < $2 RETURNING size",
                                         {row[0], value_of(older_than)});
      if (!gone) return tl::unexpected(gone.error());
      removed += gone->size();
    }
    return removed;
  });
}

}  // namespace magnetar::store
