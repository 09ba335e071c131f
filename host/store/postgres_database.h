#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "host/store/database.h"

struct pg_conn;

namespace magnetar::store {

struct ClosePostgres {
  void operator()(pg_conn* connection) const;
};
using PostgresConnection = std::unique_ptr<pg_conn, ClosePostgres>;

/// A connection to PostgreSQL, in its default isolation (read committed).
class PostgresDatabase final : public Database {
 public:
  static Result<std::unique_ptr<PostgresDatabase>> open(const std::string& address);

  using Database::query;
  Result<std::vector<Row>> query(std::string_view sql, std::span<const Value> parameters) override;
  Result<void> begin(Durability durability) override;
  Result<void> commit() override;
  void rollback() override;
  bool recover() override;
  bool shared() const override { return true; }
  std::string translate(std::string_view sql) const override;
  Result<void> exclude_others(std::int64_t number) override;
  Result<void> notify(const std::string& payload) override;

 private:
  PostgresDatabase(std::string address, PostgresConnection connection);

  std::string address_;
  PostgresConnection connection_;
  bool worth_another_try_ = false;
};

/// Hears what Database::notify() says, on a connection and a thread of its own. Connects again by itself.
class PostgresListener {
 public:
  /// `heard` is called with each payload, and with none after times in which some may have been missed: when it has
  /// connected, and connected again.
  PostgresListener(std::string address, std::function<void(std::optional<std::string>)> heard);
  ~PostgresListener();
  PostgresListener(const PostgresListener&) = delete;
  PostgresListener& operator=(const PostgresListener&) = delete;

 private:
  void run();
  void listen(pg_conn* connection);
  bool wait(int socket, std::chrono::milliseconds at_most) const;

  std::string address_;
  std::function<void(std::optional<std::string>)> heard_;
  int stop_ = -1;  // an eventfd: readable when the thread is to end
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace magnetar::store
