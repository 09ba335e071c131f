#include "host/http/http_server.h"

#include <fmt/format.h>
#include <httplib.h>

#include <thread>
#include <utility>

#include "host/http/status_page.h"

namespace magnetar::http {

class HttpServer::State {
 public:
  explicit State(Pages pages) : pages_(std::move(pages)) {}
  ~State() {
    server_.stop();
    if (thread_.joinable()) thread_.join();
  }

  tl::expected<void, std::string> start(const std::string& host, int port) {
    constexpr std::size_t kThreads = 4;
    server_.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
    // A connection that is kept holds a thread.
    server_.set_keep_alive_max_count(1);
    server_.set_read_timeout(5);
    server_.set_write_timeout(5);
    server_.set_payload_max_length(1024);
    server_.set_default_headers({{"Cache-Control", "no-store"},
                                 {"X-Content-Type-Options", "nosniff"},
                                 {"Content-Security-Policy",
                                  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
                                  "connect-src 'self'; img-src data:"}});
    if (pages_.page) {
      server_.Get("/", [](const httplib::Request&, httplib::Response& response) {
        response.set_content(kStatusPage.data(), kStatusPage.size(), "text/html; charset=utf-8");
      });
    }
    server_.Get("/status.json", [this](const httplib::Request&, httplib::Response& response) {
      response.set_content(pages_.status(), "application/json");
    });
    server_.Get("/metrics", [this](const httplib::Request&, httplib::Response& response) {
      response.set_content(pages_.metrics(), "text/plain; version=0.0.4; charset=utf-8");
    });
    server_.Get("/ready", [this](const httplib::Request&, httplib::Response& response) {
      const bool ready = pages_.ready();
      response.status = ready ? 200 : 503;
      response.set_content(ready ? "ready\n" : "not ready\n", "text/plain");
    });
    server_.Get("/healthz", [this](const httplib::Request&, httplib::Response& response) {
      const bool healthy = pages_.healthy();
      response.status = healthy ? 200 : 503;
      response.set_content(healthy ? "healthy\n" : "stuck\n", "text/plain");
    });
    port_ = port == 0 ? server_.bind_to_any_port(host) : (server_.bind_to_port(host, port) ? port : -1);
    if (port_ < 0) return tl::unexpected(fmt::format("cannot listen on {}:{} for HTTP: is it in use?", host, port));
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    // stop() has no effect on a server that does not run yet.
    while (!server_.is_running()) std::this_thread::yield();
    return {};
  }

  int port() const { return port_; }

 private:
  const Pages pages_;
  httplib::Server server_;
  int port_ = 0;
  std::thread thread_;
};

tl::expected<std::unique_ptr<HttpServer>, std::string> HttpServer::start(const std::string& host, int port,
                                                                         Pages pages) {
  auto state = std::make_unique<State>(std::move(pages));
  if (auto started = state->start(host, port); !started) return tl::unexpected(std::move(started.error()));
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(state)));
}

HttpServer::HttpServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

HttpServer::~HttpServer() = default;

int HttpServer::port() const {
  return state_->port();
}

}  // namespace magnetar::http
