#pragma once

#include <memory>
#include <mutex>

#include "host/store/database.h"

namespace magnetar::store {

/// Blobs as rows of a database, in chunks.
class DatabaseBlobs final : public Blobs {
 public:
  /// The database has the present schema, and is used by nobody else.
  explicit DatabaseBlobs(std::unique_ptr<Database> database) : database_(std::move(database)) {}

  Result<Digest> put(std::span<const std::byte> bytes, Time now) override;
  Result<Bytes> get(const Digest& digest) override;
  Result<bool> contains(const Digest& digest) override;
  Result<std::size_t> collect(std::span<const Digest> referenced, Time older_than) override;

 private:
  std::mutex mutex_;
  std::unique_ptr<Database> database_;
};

}  // namespace magnetar::store
