#include "host/store/store.h"

#include <fmt/format.h>
#include <openssl/rand.h>

#include <array>
#include <cstdlib>
#include <optional>
#include <utility>

#include "host/store/database_blobs.h"
#include "host/store/migrations.h"
#include "host/store/postgres_database.h"
#include "host/store/sql_store.h"
#include "host/store/sqlite_database.h"

namespace magnetar::store {
namespace {

constexpr std::string_view kSqlite = "sqlite:";

Result<std::unique_ptr<Database>> open_database(const std::string& address) {
  if (address.starts_with(kSqlite)) return SqliteDatabase::open(address.substr(kSqlite.size()));
  return PostgresDatabase::open(address);
}

}  // namespace

std::string_view name(Code code) {
  switch (code) {
    case Code::kCancelled:
      return "CANCELLED";
    case Code::kInvalidArgument:
      return "INVALID_ARGUMENT";
    case Code::kDeadlineExceeded:
      return "DEADLINE_EXCEEDED";
    case Code::kNotFound:
      return "NOT_FOUND";
    case Code::kAlreadyExists:
      return "ALREADY_EXISTS";
    case Code::kPermissionDenied:
      return "PERMISSION_DENIED";
    case Code::kResourceExhausted:
      return "RESOURCE_EXHAUSTED";
    case Code::kFailedPrecondition:
      return "FAILED_PRECONDITION";
    case Code::kInternal:
      return "INTERNAL";
    case Code::kUnavailable:
      return "UNAVAILABLE";
  }
  return "INTERNAL";
}

std::string_view name(JobState state) {
  constexpr std::array<std::string_view, 6> kNames = {"accepted", "ready", "proving", "assembling", "done", "failed"};
  return kNames[static_cast<std::size_t>(state)];
}

OrchestratorId new_orchestrator_id() {
  std::array<unsigned char, 16> bytes{};
  // Without random numbers nothing that this process does is safe.
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) std::abort();
  OrchestratorId id;
  for (const unsigned char byte : bytes) id += fmt::format("{:02x}", byte);
  return id;
}

Result<std::unique_ptr<Store>> open_store(const std::string& address, const std::filesystem::path& blob_folder) {
  const bool sqlite = address.starts_with(kSqlite) && address.size() > kSqlite.size();
  if (!sqlite && !address.starts_with("postgres://") && !address.starts_with("postgresql://")) {
    return tl::unexpected(StoreError{
        StoreError::Kind::kConfiguration,
        "a store is sqlite:FILE or postgres://USER@HOST/DATABASE, not " + address.substr(0, address.find(':'))});
  }
  std::optional<FileLock> lock;
  if (sqlite) {
    auto taken = FileLock::take(address.substr(kSqlite.size()));
    if (!taken) return tl::unexpected(taken.error());
    lock.emplace(*std::move(taken));
  }
  auto database = open_database(address);
  if (!database) return tl::unexpected(database.error());
  if (auto migrated = migrate(**database, migrations()); !migrated) return tl::unexpected(migrated.error());

  std::unique_ptr<Blobs> blobs;
  if (blob_folder.empty()) {
    auto second = open_database(address);
    if (!second) return tl::unexpected(second.error());
    blobs = std::make_unique<DatabaseBlobs>(*std::move(second));
  } else {
    auto folder = DirectoryBlobs::open(blob_folder);
    if (!folder) return tl::unexpected(folder.error());
    blobs = *std::move(folder);
  }
  if (sqlite) {
    // Whoever had the file before is gone.
    if (auto gone = (*database)->query("DELETE FROM orchestrators"); !gone) return tl::unexpected(gone.error());
  }
  return std::make_unique<SqlStore>(*std::move(database), std::move(blobs), address, std::move(lock));
}

}  // namespace magnetar::store
