#include "postgres_server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace magnetar::store {
namespace {

namespace fs = std::filesystem;

std::optional<fs::path> find_programs() {
  std::error_code error;
  for (const auto& version : fs::directory_iterator("/usr/lib/postgresql", error)) {
    if (fs::exists(version.path() / "bin/initdb")) return version.path() / "bin";
  }
  return std::nullopt;
}

// The server refuses to run as root.
const passwd* server_user() {
  return ::geteuid() == 0 ? ::getpwnam("postgres") : nullptr;
}

pid_t spawn(const std::vector<std::string>& command, const fs::path& log) {
  std::vector<char*> arguments;
  for (const std::string& each : command) arguments.push_back(const_cast<char*>(each.c_str()));
  arguments.push_back(nullptr);
  const passwd* user = server_user();
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child != 0) return child;
  if (user != nullptr && (::setgid(user->pw_gid) != 0 || ::setgroups(0, nullptr) != 0 || ::setuid(user->pw_uid) != 0)) {
    ::_exit(126);
  }
  ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
  if (::getppid() != parent) ::_exit(126);
  const int file = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::dup2(file, 1);
  ::dup2(file, 2);
  ::execv(arguments[0], arguments.data());
  ::_exit(127);
}

}  // namespace

const tl::expected<PostgresServer, std::string>& PostgresServer::instance() {
  static const tl::expected<PostgresServer, std::string> kServer = start();
  return kServer;
}

tl::expected<PostgresServer, std::string> PostgresServer::start() {
  const auto programs = find_programs();
  if (!programs) return tl::unexpected(std::string("PostgreSQL's server is not installed (scripts/setup.sh)"));
  if (::geteuid() == 0 && server_user() == nullptr) {
    return tl::unexpected(std::string("PostgreSQL's server does not run as root, and there is no user postgres"));
  }
  std::string name = (fs::temp_directory_path() / "magnetar-postgres-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) return tl::unexpected("cannot make " + name);
  const fs::path folder = name;
  if (const passwd* user = server_user(); user != nullptr && ::chown(folder.c_str(), user->pw_uid, user->pw_gid) != 0) {
    return tl::unexpected("cannot give away " + name);
  }
  const fs::path data = folder / "data", log = folder / "log";
  const pid_t initdb = spawn(
      {*programs / "initdb", "-D", data, "-U", "magnetar", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"},
      log);
  int status = 0;
  if (::waitpid(initdb, &status, 0) != initdb || status != 0)
    return tl::unexpected("initdb failed: see " + log.string());
  PostgresServer server(
      folder, spawn({*programs / "postgres", "-D", data, "-c", "listen_addresses=", "-c",
                     "unix_socket_directories=" + folder.string(), "-c", "fsync=off", "-c", "max_connections=60"},
                    log));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (PQping(server.address("postgres").c_str()) != PQPING_OK) {
    if (std::chrono::steady_clock::now() > deadline) {
      return tl::unexpected("PostgreSQL's server does not start: see " + log.string());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return server;
}

PostgresServer::PostgresServer(fs::path folder, pid_t server) : folder_(std::move(folder)), server_(server) {}

PostgresServer::PostgresServer(PostgresServer&& other) noexcept
    : folder_(std::move(other.folder_)), server_(std::exchange(other.server_, 0)) {}

PostgresServer::~PostgresServer() {
  if (server_ <= 0) return;
  ::kill(server_, SIGQUIT);
  ::waitpid(server_, nullptr, 0);
  std::error_code error;
  fs::remove_all(folder_, error);
}

std::string PostgresServer::address(const std::string& database) const {
  return fmt::format("postgresql:///{}?host={}&user=magnetar", database, folder_.string());
}

std::string PostgresServer::new_database() const {
  static std::atomic<int> count = 0;
  const std::string name = fmt::format("test{}", ++count);
  PGconn* connection = PQconnectdb(address("postgres").c_str());
  PGresult* result = PQexec(connection, fmt::format("CREATE DATABASE {}", name).c_str());
  if (PQresultStatus(result) != PGRES_COMMAND_OK) {
    std::fprintf(stderr, "cannot make a database: %s\n", PQerrorMessage(connection));
    std::abort();
  }
  PQclear(result);
  PQfinish(connection);
  return address(name);
}

}  // namespace magnetar::store
