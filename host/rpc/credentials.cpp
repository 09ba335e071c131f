#include "host/rpc/credentials.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

namespace magnetar::rpc {
namespace {

tl::expected<std::string, std::string> read_pem(const std::string& path) {
  if (path.empty()) return std::string();
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || file.bad()) {
    return tl::unexpected(fmt::format("cannot read {}: {}", path, std::strerror(errno)));
  }
  // gRPC says nothing of what is wrong with the content.
  if (text.find("-----BEGIN ") == std::string::npos) return tl::unexpected(fmt::format("{} holds no PEM", path));
  return text;
}

}  // namespace

tl::expected<Address, std::string> parse_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  const auto refuse = [&] { return tl::unexpected(fmt::format("'{}' is not of the form HOST:PORT", text)); };
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size()) return refuse();
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return tl::unexpected(fmt::format("'{}': an IPv6 address goes in brackets, as in [::1]:50051", text));
  }
  if (port.size() > 5 || port.find_first_not_of("0123456789") != std::string_view::npos ||
      std::stoul(std::string(port)) > 65535) {
    return tl::unexpected(fmt::format("'{}': a port is a number up to 65535", text));
  }
  return Address{std::string(host), std::string(port)};
}

bool is_loopback(std::string_view host) {
  if (host == "localhost") return true;
  const std::string text(host);
  in_addr v4{};
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return inet_pton(AF_INET6, text.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

tl::expected<std::shared_ptr<grpc::ChannelCredentials>, std::string> client_credentials(const std::string& address,
                                                                                        const ClientTls& tls,
                                                                                        bool plaintext) {
  const auto parsed = parse_address(address);
  if (!parsed) return tl::unexpected(parsed.error());
  if (tls.cert.empty() != tls.key.empty()) {
    return tl::unexpected(std::string("--tls-cert and --tls-key go together: a certificate and its key"));
  }
  const bool files = !tls.ca.empty() || !tls.cert.empty();
  if (plaintext && files) return tl::unexpected(std::string("--plaintext and TLS files exclude one another"));
  if (plaintext || (!files && is_loopback(parsed->host))) return grpc::InsecureChannelCredentials();

  auto ca = read_pem(tls.ca);
  auto cert = read_pem(tls.cert);
  auto key = read_pem(tls.key);
  for (const auto* file : {&ca, &cert, &key}) {
    if (!*file) return tl::unexpected(file->error());
  }
  return grpc::SslCredentials({.pem_root_certs = *ca, .pem_private_key = *key, .pem_cert_chain = *cert});
}

tl::expected<std::shared_ptr<grpc::ServerCredentials>, std::string> server_credentials(const std::string& address,
                                                                                       const ServerTls& tls,
                                                                                       bool plaintext) {
  const auto parsed = parse_address(address);
  if (!parsed) return tl::unexpected(parsed.error());
  if (tls.cert.empty() != tls.key.empty()) {
    return tl::unexpected(std::string("--tls-cert and --tls-key go together: a certificate and its key"));
  }
  if (tls.cert.empty()) {
    if (!tls.client_ca.empty()) return tl::unexpected(std::string("--tls-client-ca needs --tls-cert and --tls-key"));
    if (!plaintext && !is_loopback(parsed->host)) {
      return tl::unexpected(fmt::format(
          "{} is no loopback address: give --tls-cert and --tls-key, or --plaintext where the network is trusted",
          address));
    }
    return grpc::InsecureServerCredentials();
  }
  if (plaintext) return tl::unexpected(std::string("--plaintext and TLS files exclude one another"));
  auto cert = read_pem(tls.cert);
  auto key = read_pem(tls.key);
  auto client_ca = read_pem(tls.client_ca);
  for (const auto* file : {&cert, &key, &client_ca}) {
    if (!*file) return tl::unexpected(file->error());
  }
  grpc::SslServerCredentialsOptions options(tls.client_ca.empty() ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                                                                  : GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = *client_ca;
  options.pem_key_cert_pairs.push_back({.private_key = *key, .cert_chain = *cert});
  return grpc::SslServerCredentials(options);
}

}  // namespace magnetar::rpc
