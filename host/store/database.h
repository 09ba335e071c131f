#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "host/store/blobs.h"

namespace magnetar::store {

using Value = std::variant<std::monostate, std::int64_t, double, std::string, Bytes>;
using Row = std::vector<Value>;

inline Value value_of(Time time) {
  return time.time_since_epoch().count();
}
inline Value value_of(const Digest& digest) {
  const auto bytes = std::as_bytes(std::span(digest));
  return Bytes(bytes.begin(), bytes.end());
}

/// What a transaction's commit promises.
enum class Durability : std::uint8_t {
  kSynced,   ///< it survives a crash of the machine
  kOrdered,  ///< it survives a crash of the process; one of the machine may undo the last ones of these, none before
             ///< a synced one. Waits for no disk.
};

/// A connection to a database, with the little in which SQLite's and PostgreSQL's SQL differ. For one thread at a time.
class Database {
 public:
  virtual ~Database() = default;

  /// Runs one statement with parameters $1, $2, ...: all of its rows, with numbers as std::int64_t or double.
  virtual Result<std::vector<Row>> query(std::string_view sql, std::span<const Value> parameters) = 0;
  Result<std::vector<Row>> query(std::string_view sql, std::initializer_list<Value> parameters = {}) {
    return query(sql, std::span(parameters.begin(), parameters.size()));
  }

  /// Starts a transaction that nothing which others do can make fail half-way, but for what recover() mends.
  virtual Result<void> begin(Durability durability) = 0;
  virtual Result<void> commit() = 0;
  virtual void rollback() = 0;

  /// After a transaction failed: connects again where the connection is lost. Whether another try is worth while now.
  virtual bool recover() = 0;

  /// Whether other processes may use the database at the same time.
  virtual bool shared() const = 0;

  /// Replaces {id} by the type of a primary key that counts by itself, {bytes} by that of byte strings, {lock} by what
  /// makes a SELECT lock its rows, and {lock or skip} by what makes it leave out those that others have locked.
  virtual std::string translate(std::string_view sql) const = 0;

  /// Until the transaction ends no other one that asks for the same number gets further than this.
  virtual Result<void> exclude_others(std::int64_t number) = 0;

  /// Tells all listeners when the transaction is committed.
  virtual Result<void> notify(const std::string& payload) = 0;
};

/// Calls `f` in a transaction, again where that may help: it must not have effects outside of the database. Commits if
/// it returns a value.
template <typename F>
auto in_transaction(Database& database, const F& f, Durability durability = Durability::kSynced) -> decltype(f()) {
  constexpr int kTries = 4;
  for (int tries = 1;; ++tries) {
    auto result = [&]() -> decltype(f()) {
      if (auto begun = database.begin(durability); !begun) {
        database.rollback();
        return tl::unexpected(begun.error());
      }
      auto done = f();
      if (!done) {
        database.rollback();
        return done;
      }
      if (auto committed = database.commit(); !committed) {
        database.rollback();
        return tl::unexpected(committed.error());
      }
      return done;
    }();
    if (result || result.error().kind != StoreError::Kind::kUnavailable || tries == kTries || !database.recover()) {
      return result;
    }
  }
}

}  // namespace magnetar::store
