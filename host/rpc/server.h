#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "host/dispatch/dispatcher.h"
#include "host/log/log.h"
#include "host/rpc/tokens.h"

namespace grpc {
class ServerCredentials;
}

namespace magnetar::rpc {

/// Compiles a program's source to an ELF file. It may take long, and is called by several threads at once.
using Compile = std::function<store::Expected<std::string>(const std::string& source)>;

struct ServerOptions {
  std::string listen;  ///< HOST:PORT; port 0: one that is free
  std::shared_ptr<grpc::ServerCredentials> credentials;
  bool tls = false;                    ///< what the credentials are; then tokens are asked for before messages are read
  std::optional<Tokens> tokens{};      ///< none: anybody may request and compile
  bool provers_authenticated = false;  ///< provers must have shown a certificate that the credentials accept

  std::size_t max_requests_per_client = 256;  ///< waiting at the same time
  std::size_t max_streams_per_connection = 512;
  std::size_t max_message_bytes = std::size_t{512} << 20;  ///< either way
  std::size_t max_source_bytes = std::size_t{1} << 20;
  std::size_t memory_bytes = std::size_t{8} << 30;  ///< that gRPC may use for messages before it slows peers down
  std::chrono::milliseconds registration_timeout{10'000};
  unsigned compilers = 2;  ///< compilations at the same time
  std::size_t max_waiting_compilations = 64;
};

/// What requesters and provers did, counted since the start by RPC and status.
struct RpcCounts {
  struct Row {
    std::string rpc;
    std::string status;
    std::uint64_t count;
  };
  std::vector<Row> rows;
};

/// The gRPC server of nexus.orchestrator.Orchestrator over a dispatcher, with health service and reflection.
class Server {
 public:
  /// Listens and serves. The dispatcher and the log outlive the server. The error is a sentence.
  static tl::expected<std::unique_ptr<Server>, std::string> start(ServerOptions options,
                                                                  dispatch::Dispatcher& dispatcher, Compile compile,
                                                                  const log::Log& log);
  /// Ends what is still open, with UNAVAILABLE.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  int port() const;

  /// The health service says NOT_SERVING. The dispatcher is drained by the caller.
  void drain();

  RpcCounts counts() const;

 private:
  class State;
  explicit Server(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace magnetar::rpc
