#include "host/store/postgres_database.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <chrono>
#include <cstring>
#include <utility>

namespace magnetar::store {
namespace {

constexpr const char* kChannel = "magnetar";

// Object ids of built-in types, from PostgreSQL's pg_type.dat.
constexpr Oid kBool = 16, kByteArray = 17, kInt8 = 20, kInt2 = 21, kInt4 = 23, kFloat8 = 701;

struct ClearResult {
  void operator()(PGresult* result) const { PQclear(result); }
};
using PostgresResult = std::unique_ptr<PGresult, ClearResult>;

std::string trimmed(const char* text) {
  std::string line = text == nullptr ? "" : text;
  while (!line.empty() && (line.back() == '\n' || line.back() == ' ')) line.pop_back();
  return line;
}

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

// Binary results are big-endian.
std::uint64_t big_endian(const char* bytes, int size) {
  std::uint64_t number = 0;
  for (int i = 0; i < size; ++i) number = number << 8 | static_cast<unsigned char>(bytes[i]);
  return number;
}

Value column(const PGresult* result, int row, int index) {
  if (PQgetisnull(result, row, index) != 0) return std::monostate{};
  const char* bytes = PQgetvalue(result, row, index);
  const int size = PQgetlength(result, row, index);
  switch (PQftype(result, index)) {
    case kInt8:
      return static_cast<std::int64_t>(big_endian(bytes, size));
    case kInt4:
      return std::int64_t{static_cast<std::int32_t>(big_endian(bytes, size))};
    case kInt2:
      return std::int64_t{static_cast<std::int16_t>(big_endian(bytes, size))};
    case kBool:
      return std::int64_t{bytes[0] != 0};
    case kFloat8:
      return std::bit_cast<double>(big_endian(bytes, size));
    case kByteArray: {
      const auto* first = reinterpret_cast<const std::byte*>(bytes);
      return Bytes(first, first + size);
    }
    default:
      return std::string(bytes, static_cast<std::size_t>(size));
  }
}

// An address may hold a password.
std::string without_password(const std::string& address) {
  const std::size_t host = address.find('@');
  const std::size_t scheme = address.find("://");
  if (host == std::string::npos || scheme == std::string::npos) return address.substr(0, address.find('?'));
  return (address.substr(0, scheme + 3) + address.substr(host + 1)).substr(0, address.find('?'));
}

Result<PostgresConnection> connect(const std::string& address) {
  // Dead peers are noticed in half a minute, not in two hours.
  const std::array<const char*, 8> keys = {"dbname",
                                           "connect_timeout",
                                           "keepalives_idle",
                                           "keepalives_count",
                                           "keepalives_interval",
                                           "application_name",
                                           "client_encoding",
                                           nullptr};
  const std::array<const char*, 8> values = {address.c_str(), "10", "10", "3", "5", "magnetar", "UTF8", nullptr};
  PostgresConnection connection(PQconnectdbParams(keys.data(), values.data(), 1));
  if (PQstatus(connection.get()) != CONNECTION_OK) {
    return tl::unexpected(StoreError{
        StoreError::Kind::kUnavailable,
        fmt::format("cannot connect to {}: {}", without_password(address), trimmed(PQerrorMessage(connection.get())))});
  }
  // What is there already is no news.
  PQsetNoticeProcessor(
      connection.get(), [](void*, const char*) {}, nullptr);
  return connection;
}

}  // namespace

void ClosePostgres::operator()(pg_conn* connection) const {
  PQfinish(connection);
}

PostgresDatabase::PostgresDatabase(std::string address, PostgresConnection connection)
    : address_(std::move(address)), connection_(std::move(connection)) {}

Result<std::unique_ptr<PostgresDatabase>> PostgresDatabase::open(const std::string& address) {
  auto connection = connect(address);
  if (!connection) return tl::unexpected(connection.error());
  return std::unique_ptr<PostgresDatabase>(new PostgresDatabase(address, *std::move(connection)));
}

Result<std::vector<Row>> PostgresDatabase::query(std::string_view sql, std::span<const Value> parameters) {
  std::vector<std::string> texts(parameters.size());
  std::vector<const char*> values(parameters.size());
  std::vector<int> lengths(parameters.size());
  std::vector<int> formats(parameters.size());
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Value& value = parameters[i];
    if (const auto* integer = std::get_if<std::int64_t>(&value)) texts[i] = fmt::format("{}", *integer);
    if (const auto* number = std::get_if<double>(&value)) texts[i] = fmt::format("{}", *number);
    if (const auto* text = std::get_if<std::string>(&value)) texts[i] = *text;
    if (const auto* bytes = std::get_if<Bytes>(&value)) {
      // A null pointer would be NULL.
      values[i] = bytes->empty() ? "" : reinterpret_cast<const char*>(bytes->data());
      lengths[i] = static_cast<int>(bytes->size());
      formats[i] = 1;
    } else if (!std::holds_alternative<std::monostate>(value)) {
      values[i] = texts[i].c_str();
    }
  }
  const std::string statement(sql);
  const PostgresResult result(PQexecParams(connection_.get(), statement.c_str(), static_cast<int>(parameters.size()),
                                           nullptr, values.data(), lengths.data(), formats.data(), 1));
  const ExecStatusType status = PQresultStatus(result.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
    const char* code_or_none = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
    const std::string code = code_or_none == nullptr ? "" : code_or_none;
    // Serialization failures and deadlocks are settled by trying again, lost connections by connecting again.
    const bool collision = code == "40001" || code == "40P01";
    const bool lost = PQstatus(connection_.get()) != CONNECTION_OK || code.starts_with("08") || code.starts_with("57P");
    worth_another_try_ = collision || lost;
    const bool resources = code.starts_with("53") || code.starts_with("55") || code.starts_with("58");
    return tl::unexpected(StoreError{
        worth_another_try_ || resources ? StoreError::Kind::kUnavailable : StoreError::Kind::kBug,
        fmt::format("{}: {}: {}", without_password(address_), trimmed(PQerrorMessage(connection_.get())), sql)});
  }
  std::vector<Row> rows(static_cast<std::size_t>(PQntuples(result.get())));
  const int columns = PQnfields(result.get());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    for (int i = 0; i < columns; ++i) rows[row].push_back(column(result.get(), static_cast<int>(row), i));
  }
  return rows;
}

Result<void> PostgresDatabase::begin(Durability durability) {
  auto begun = query("BEGIN");
  if (begun && durability == Durability::kOrdered) begun = query("SET LOCAL synchronous_commit = off");
  return begun.map([](const auto&) {});
}

Result<void> PostgresDatabase::commit() {
  return query("COMMIT").map([](const auto&) {});
}

void PostgresDatabase::rollback() {
  if (PQtransactionStatus(connection_.get()) == PQTRANS_IDLE || PQstatus(connection_.get()) != CONNECTION_OK) return;
  const bool worth_another_try = worth_another_try_;
  static_cast<void>(query("ROLLBACK"));
  worth_another_try_ = worth_another_try_ || worth_another_try;
}

bool PostgresDatabase::recover() {
  if (!std::exchange(worth_another_try_, false)) return false;
  if (PQstatus(connection_.get()) == CONNECTION_OK) return true;
  auto connection = connect(address_);
  if (!connection) {
    worth_another_try_ = true;  // so that the next transaction's failure leads here again
    return false;
  }
  connection_ = *std::move(connection);
  return true;
}

std::string PostgresDatabase::translate(std::string_view sql) const {
  std::string text = replace_all(std::string(sql), "{id}", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY");
  text = replace_all(std::move(text), "{bytes}", "BYTEA");
  text = replace_all(std::move(text), "{lock}", "FOR UPDATE");
  return replace_all(std::move(text), "{lock or skip}", "FOR UPDATE SKIP LOCKED");
}

Result<void> PostgresDatabase::exclude_others(std::int64_t number) {
  return query("SELECT pg_advisory_xact_lock($1)", {number}).map([](const auto&) {});
}

Result<void> PostgresDatabase::notify(const std::string& payload) {
  return query("SELECT pg_notify($1, $2)", {std::string(kChannel), payload}).map([](const auto&) {});
}

PostgresListener::PostgresListener(std::string address, std::function<void(std::optional<std::string>)> heard)
    : address_(std::move(address)),
      heard_(std::move(heard)),
      stop_(::eventfd(0, EFD_CLOEXEC)),
      thread_([this] { run(); }) {}

PostgresListener::~PostgresListener() {
  stopping_ = true;
  const std::uint64_t one = 1;
  static_cast<void>(::write(stop_, &one, sizeof one));
  thread_.join();
  ::close(stop_);
}

bool PostgresListener::wait(int socket, std::chrono::milliseconds at_most) const {
  std::array<pollfd, 2> files = {{{stop_, POLLIN, 0}, {socket, POLLIN, 0}}};
  const nfds_t count = socket < 0 ? 1 : 2;
  ::poll(files.data(), count, static_cast<int>(at_most.count()));
  return !stopping_;
}

void PostgresListener::run() {
  constexpr std::chrono::milliseconds kFirstPause(100), kLongestPause(5000);
  std::chrono::milliseconds pause = kFirstPause;
  while (!stopping_) {
    if (const auto connection = connect(address_)) {
      pause = kFirstPause;
      listen(connection->get());
    }
    if (!wait(-1, pause)) return;
    pause = std::min(2 * pause, kLongestPause);
  }
}

void PostgresListener::listen(pg_conn* connection) {
  {
    const PostgresResult result(PQexec(connection, fmt::format("LISTEN {}", kChannel).c_str()));
    if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) return;
  }
  heard_(std::nullopt);
  while (!stopping_) {
    struct FreeNotification {
      void operator()(PGnotify* notification) const { PQfreemem(notification); }
    };
    while (const std::unique_ptr<PGnotify, FreeNotification> heard{PQnotifies(connection)}) heard_(heard->extra);
    if (!wait(PQsocket(connection), std::chrono::minutes(1))) return;
    if (PQconsumeInput(connection) == 0) return;
  }
}

}  // namespace magnetar::store
