#include "host/store/sqlite_database.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace magnetar::store {
namespace {

// What an administrator's reader may hold up a commit for.
constexpr int kBusyMilliseconds = 5000;

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

int bind(sqlite3_stmt* statement, int index, const Value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return sqlite3_bind_int64(statement, index, *integer);
  if (const auto* number = std::get_if<double>(&value)) return sqlite3_bind_double(statement, index, *number);
  if (const auto* text = std::get_if<std::string>(&value))
    return sqlite3_bind_text64(statement, index, text->data(), text->size(), SQLITE_STATIC, SQLITE_UTF8);
  if (const auto* bytes = std::get_if<Bytes>(&value)) {
    // A null pointer would be NULL.
    return bytes->empty() ? sqlite3_bind_zeroblob(statement, index, 0)
                          : sqlite3_bind_blob64(statement, index, bytes->data(), bytes->size(), SQLITE_STATIC);
  }
  return sqlite3_bind_null(statement, index);
}

Value column(sqlite3_stmt* statement, int index) {
  switch (sqlite3_column_type(statement, index)) {
    case SQLITE_INTEGER:
      return std::int64_t{sqlite3_column_int64(statement, index)};
    case SQLITE_FLOAT:
      return sqlite3_column_double(statement, index);
    case SQLITE_TEXT: {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, index));
      return std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(statement, index)));
    }
    case SQLITE_BLOB: {
      const auto* bytes = static_cast<const std::byte*>(sqlite3_column_blob(statement, index));
      return Bytes(bytes, bytes + sqlite3_column_bytes(statement, index));
    }
    default:
      return std::monostate{};
  }
}

}  // namespace

Result<FileLock> FileLock::take(const std::filesystem::path& file) {
  const std::string path = file.string() + ".lock";
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    return tl::unexpected(
        StoreError{StoreError::Kind::kUnavailable, fmt::format("cannot open {}: {}", path, std::strerror(errno))});
  }
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    const int cause = errno;
    ::close(descriptor);
    if (cause == EWOULDBLOCK) {
      return tl::unexpected(StoreError{
          StoreError::Kind::kConfiguration,
          fmt::format("{} is in use by another orchestrator; several need a PostgreSQL store", file.string())});
    }
    return tl::unexpected(
        StoreError{StoreError::Kind::kUnavailable, fmt::format("cannot lock {}: {}", path, std::strerror(cause))});
  }
  return FileLock(descriptor);
}

FileLock::FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void SqliteDatabase::Close::operator()(sqlite3* connection) const {
  sqlite3_close_v2(connection);
}

void SqliteDatabase::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

SqliteDatabase::SqliteDatabase(std::string file, std::unique_ptr<sqlite3, Close> connection)
    : file_(std::move(file)), connection_(std::move(connection)) {}

SqliteDatabase::~SqliteDatabase() = default;

Result<std::unique_ptr<SqliteDatabase>> SqliteDatabase::open(const std::filesystem::path& file) {
  sqlite3* raw = nullptr;
  const int opened = sqlite3_open_v2(file.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  std::unique_ptr<SqliteDatabase> database(new SqliteDatabase(file.string(), std::unique_ptr<sqlite3, Close>(raw)));
  if (opened != SQLITE_OK) return tl::unexpected(database->error("opening"));
  sqlite3_busy_timeout(raw, kBusyMilliseconds);
  sqlite3_extended_result_codes(raw, 1);
  for (const std::string_view pragma :
       {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA foreign_keys = ON"}) {
    if (auto set = database->query(pragma); !set) return tl::unexpected(set.error());
  }
  return database;
}

StoreError SqliteDatabase::error(std::string_view sql) const {
  const int code = sqlite3_errcode(connection_.get()) & 0xff;
  StoreError::Kind kind = StoreError::Kind::kUnavailable;
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) kind = StoreError::Kind::kCorrupt;
  if (code == SQLITE_ERROR || code == SQLITE_MISUSE || code == SQLITE_CONSTRAINT || code == SQLITE_RANGE ||
      code == SQLITE_MISMATCH || code == SQLITE_TOOBIG) {
    kind = StoreError::Kind::kBug;
  }
  return {kind, fmt::format("SQLite file {}: {}: {}", file_, sqlite3_errmsg(connection_.get()), sql)};
}

Result<sqlite3_stmt*> SqliteDatabase::prepare(std::string_view sql) {
  if (const auto found = statements_.find(sql); found != statements_.end()) return found->second.get();
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(connection_.get(), sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                         &statement, nullptr) != SQLITE_OK) {
    return tl::unexpected(error(sql));
  }
  return statements_.emplace(sql, Statement(statement)).first->second.get();
}

Result<std::vector<Row>> SqliteDatabase::query(std::string_view sql, std::span<const Value> parameters) {
  const auto prepared = prepare(sql);
  if (!prepared) return tl::unexpected(prepared.error());
  sqlite3_stmt* statement = *prepared;
  const auto reset = [](sqlite3_stmt* used) {
    sqlite3_reset(used);
    sqlite3_clear_bindings(used);
  };
  const std::unique_ptr<sqlite3_stmt, decltype(reset)> used(statement, reset);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    // $1 is a name to SQLite; its index is where it first stands.
    const int index = sqlite3_bind_parameter_index(statement, fmt::format("${}", i + 1).c_str());
    if (index == 0 || bind(statement, index, parameters[i]) != SQLITE_OK) return tl::unexpected(error(sql));
  }
  std::vector<Row> rows;
  while (true) {
    const int stepped = sqlite3_step(statement);
    if (stepped == SQLITE_DONE) return rows;
    if (stepped != SQLITE_ROW) return tl::unexpected(error(sql));
    Row& row = rows.emplace_back();
    const int columns = sqlite3_column_count(statement);
    for (int i = 0; i < columns; ++i) row.push_back(column(statement, i));
  }
}

Result<void> SqliteDatabase::begin(Durability durability) {
  if (durability != durability_) {
    // A commit that syncs syncs all of the log before it. No prepared statement: this pragma acts when it is prepared.
    const char* const pragma =
        durability == Durability::kSynced ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL";
    if (sqlite3_exec(connection_.get(), pragma, nullptr, nullptr, nullptr) != SQLITE_OK) {
      return tl::unexpected(error(pragma));
    }
    durability_ = durability;
  }
  return query("BEGIN IMMEDIATE").map([](const auto&) {});
}

Result<void> SqliteDatabase::commit() {
  return query("COMMIT").map([](const auto&) {});
}

void SqliteDatabase::rollback() {
  // Some errors have ended the transaction already.
  if (sqlite3_get_autocommit(connection_.get()) == 0) static_cast<void>(query("ROLLBACK"));
}

bool SqliteDatabase::recover() {
  return false;  // the busy timeout has waited
}

std::string SqliteDatabase::translate(std::string_view sql) const {
  std::string text = replace_all(std::string(sql), "{id}", "INTEGER PRIMARY KEY AUTOINCREMENT");
  text = replace_all(std::move(text), "{bytes}", "BLOB");
  text = replace_all(std::move(text), "{lock}", "");
  return replace_all(std::move(text), "{lock or skip}", "");
}

Result<void> SqliteDatabase::exclude_others(std::int64_t /*number*/) {
  return {};  // BEGIN IMMEDIATE has
}

Result<void> SqliteDatabase::notify(const std::string& /*payload*/) {
  return {};  // nobody else is there
}

}  // namespace magnetar::store
