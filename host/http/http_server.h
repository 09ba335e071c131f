#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <tl/expected.hpp>

namespace magnetar::http {

/// What the server shows; called from several threads at once.
struct Pages {
  std::function<std::string()> metrics;  ///< /metrics
  std::function<std::string()> status;   ///< /status.json
  std::function<bool()> ready;           ///< /ready: 200 or 503, whether it takes work
  std::function<bool()> healthy;         ///< /healthz: 200 or 503, whether it is to be left alone
  bool page = true;                      ///< the orchestrator's status page at /
};

/// A small HTTP server of what `Pages` names. It answers GET alone, without a way to change
/// anything.
class HttpServer {
 public:
  /// Port 0: one that is free. The error is a sentence.
  static tl::expected<std::unique_ptr<HttpServer>, std::string> start(const std::string& host, int port, Pages pages);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  int port() const;

 private:
  class State;
  explicit HttpServer(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace magnetar::http
