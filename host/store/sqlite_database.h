#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "host/store/database.h"

struct sqlite3;
struct sqlite3_stmt;

namespace magnetar::store {

/// That this process alone uses a database file.
class FileLock {
 public:
  /// kConfiguration if another process has it.
  static Result<FileLock> take(const std::filesystem::path& file);
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock();

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

/// A SQLite file in WAL mode.
class SqliteDatabase final : public Database {
 public:
  /// Makes the file, but not its folder.
  static Result<std::unique_ptr<SqliteDatabase>> open(const std::filesystem::path& file);
  ~SqliteDatabase() override;

  using Database::query;
  Result<std::vector<Row>> query(std::string_view sql, std::span<const Value> parameters) override;
  Result<void> begin(Durability durability) override;
  Result<void> commit() override;
  void rollback() override;
  bool recover() override;
  bool shared() const override { return false; }
  std::string translate(std::string_view sql) const override;
  Result<void> exclude_others(std::int64_t number) override;
  Result<void> notify(const std::string& payload) override;

 private:
  struct Close {
    void operator()(sqlite3* connection) const;
  };
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

  SqliteDatabase(std::string file, std::unique_ptr<sqlite3, Close> connection);
  StoreError error(std::string_view sql) const;
  Result<sqlite3_stmt*> prepare(std::string_view sql);

  std::string file_;
  std::unique_ptr<sqlite3, Close> connection_;
  Durability durability_ = Durability::kSynced;  // of the present or last transaction
  std::map<std::string, Statement, std::less<>> statements_;
};

}  // namespace magnetar::store
