#pragma once

#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace magnetar::rpc {

/// Files in PEM; empty: none.
struct ClientTls {
  std::string ca;         ///< whom to trust; the system's certificates otherwise
  std::string cert, key;  ///< the client's own, for orchestrators that ask for one
};

struct ServerTls {
  std::string cert, key;
  std::string client_ca;  ///< whose certificates provers must show
};

/// "HOST:PORT" in its parts, IPv6 addresses in brackets.
struct Address {
  std::string host;
  std::string port;
};
tl::expected<Address, std::string> parse_address(std::string_view text);

/// localhost, 127.0.0.0/8 or ::1, by the text alone.
bool is_loopback(std::string_view host);

/// TLS, but plaintext to loopback addresses without TLS files, or anywhere if `plaintext`. The error is a sentence.
tl::expected<std::shared_ptr<grpc::ChannelCredentials>, std::string> client_credentials(const std::string& address,
                                                                                        const ClientTls& tls,
                                                                                        bool plaintext);

/// TLS where there is a certificate; plaintext otherwise, on loopback addresses only unless `plaintext`. With a
/// client CA certificates are asked for, and checked where shown; who must show one is for the service to say.
tl::expected<std::shared_ptr<grpc::ServerCredentials>, std::string> server_credentials(const std::string& address,
                                                                                       const ServerTls& tls,
                                                                                       bool plaintext);

}  // namespace magnetar::rpc
