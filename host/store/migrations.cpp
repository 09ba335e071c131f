#include "host/store/migrations.h"

#include <fmt/format.h>

namespace magnetar::store {
namespace {

// Excludes other processes that migrate.
constexpr std::int64_t kMigrationLock = 0x6d61676e'00000001;

Result<std::size_t> version(Database& database) {
  auto rows = database.query("SELECT COALESCE(MAX(version), 0) FROM schema_versions");
  if (!rows) return tl::unexpected(rows.error());
  return static_cast<std::size_t>(std::get<std::int64_t>((*rows)[0][0]));
}

}  // namespace

std::span<const Migration> migrations() {
  static const std::vector<Migration> kMigrations = {{
      R"(CREATE TABLE orchestrators (
           id TEXT PRIMARY KEY,
           seen_at BIGINT NOT NULL))",
      // steps_asked is -1 for "to the end": NULLs would not be equal.
      R"(CREATE TABLE jobs (
           id {id},
           program {bytes} NOT NULL,
           input {bytes} NOT NULL,
           first_step BIGINT NOT NULL,
           steps_asked BIGINT NOT NULL,
           requester TEXT NOT NULL,
           state SMALLINT NOT NULL,
           owner TEXT NOT NULL,
           steps_in_trace BIGINT NOT NULL DEFAULT 0,
           steps BIGINT NOT NULL DEFAULT 0,
           created_at BIGINT NOT NULL,
           result {bytes},
           failure_code SMALLINT,
           failure TEXT,
           expires_at BIGINT))",
      "CREATE UNIQUE INDEX jobs_by_key ON jobs (program, input, first_step, steps_asked) WHERE state <> 5",
      "CREATE INDEX jobs_open ON jobs (id) WHERE state < 4",
      R"(CREATE TABLE segments (
           id {id},
           job BIGINT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
           position BIGINT NOT NULL,
           first_step BIGINT NOT NULL,
           steps BIGINT NOT NULL,
           verified SMALLINT NOT NULL DEFAULT 0,
           proof {bytes},
           prover TEXT NOT NULL DEFAULT '',
           UNIQUE (job, position)))",
      R"(CREATE TABLE leases (
           segment BIGINT NOT NULL REFERENCES segments (id) ON DELETE CASCADE,
           prover TEXT NOT NULL,
           orchestrator TEXT NOT NULL,
           granted_at BIGINT NOT NULL,
           released_at BIGINT,
           PRIMARY KEY (segment, prover)))",
      "CREATE INDEX leases_by_prover ON leases (prover)",
      R"(CREATE TABLE provers (
           id TEXT PRIMARY KEY,
           type SMALLINT NOT NULL,
           claimed_hertz DOUBLE PRECISION NOT NULL,
           observed_hertz DOUBLE PRECISION NOT NULL DEFAULT 0,
           orchestrator TEXT NOT NULL,
           seen_at BIGINT NOT NULL,
           accepted BIGINT NOT NULL DEFAULT 0,
           refused BIGINT NOT NULL DEFAULT 0,
           quarantined_until BIGINT,
           quarantine_reason TEXT NOT NULL DEFAULT ''))",
      R"(CREATE TABLE blobs (
           digest {bytes} PRIMARY KEY,
           size BIGINT NOT NULL,
           touched_at BIGINT NOT NULL))",
      R"(CREATE TABLE blob_chunks (
           digest {bytes} NOT NULL REFERENCES blobs (digest) ON DELETE CASCADE,
           position BIGINT NOT NULL,
           content {bytes} NOT NULL,
           PRIMARY KEY (digest, position)))",
  }};
  return kMigrations;
}

Result<void> migrate(Database& database, std::span<const Migration> steps) {
  auto prepared = in_transaction(database, [&]() -> Result<void> {
    if (auto alone = database.exclude_others(kMigrationLock); !alone) return alone;
    return database.query("CREATE TABLE IF NOT EXISTS schema_versions (version BIGINT PRIMARY KEY)")
        .map([](const auto&) {});
  });
  if (!prepared) return prepared;
  while (true) {
    const auto more = in_transaction(database, [&]() -> Result<bool> {
      if (auto alone = database.exclude_others(kMigrationLock); !alone) return tl::unexpected(alone.error());
      const auto now = version(database);
      if (!now) return tl::unexpected(now.error());
      if (*now > steps.size()) {
        return tl::unexpected(StoreError{
            StoreError::Kind::kConfiguration,
            fmt::format("the store has schema version {}, of a later release; this one knows {}", *now, steps.size())});
      }
      if (*now == steps.size()) return false;
      for (const std::string_view statement : steps[*now]) {
        if (auto done = database.query(database.translate(statement)); !done) return tl::unexpected(done.error());
      }
      const auto next = static_cast<std::int64_t>(*now + 1);
      if (auto done = database.query("INSERT INTO schema_versions (version) VALUES ($1)", {next}); !done) {
        return tl::unexpected(done.error());
      }
      return true;
    });
    if (!more) return tl::unexpected(more.error());
    if (!*more) return {};
  }
}

}  // namespace magnetar::store
