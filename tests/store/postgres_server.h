#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <tl/expected.hpp>

namespace magnetar::store {

/// A PostgreSQL server for the tests of this process, on a socket in a folder of its own. It dies with the process.
class PostgresServer {
 public:
  /// The process's server, started at the first call; the error says why there is none: a reason to skip.
  static const tl::expected<PostgresServer, std::string>& instance();

  PostgresServer(PostgresServer&& other) noexcept;
  PostgresServer& operator=(PostgresServer&&) = delete;
  ~PostgresServer();

  /// A store's address in a new, empty database. Ends the program if there can be none.
  std::string new_database() const;

 private:
  PostgresServer(std::filesystem::path folder, pid_t server);
  static tl::expected<PostgresServer, std::string> start();
  std::string address(const std::string& database) const;

  std::filesystem::path folder_;
  pid_t server_;
};

}  // namespace magnetar::store
