#pragma once

#include <grpcpp/security/credentials.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>

namespace magnetar::rpc {

/// How a call of a requester ended that gave nothing.
struct CallError {
  std::string status;  ///< "UNAVAILABLE" and so on
  std::string message;
  bool unreachable = false;  ///< the orchestrator is not there, or not now: the same call may succeed later
  bool interrupted = false;  ///< as `go_on` wished
};

struct ProofWanted {
  std::string elf;
  std::string input;
  std::optional<std::int32_t> first_step{};
  std::optional<std::int32_t> steps{};
};

/// A requester's calls, each on a connection of its own.
class Requester {
 public:
  /// `token`: what to show as bearer token; empty: none.
  Requester(std::string address, std::shared_ptr<grpc::ChannelCredentials> credentials, std::string token);

  /// The bytes of the proof; none where 0 steps were asked for. `go_on` is asked some ten times a second.
  tl::expected<std::optional<std::string>, CallError> request_proof(const ProofWanted& wanted,
                                                                    const std::function<bool()>& go_on) const;

  /// An ELF file.
  tl::expected<std::string, CallError> compile(const std::string& source, const std::function<bool()>& go_on) const;

 private:
  std::string address_;
  std::shared_ptr<grpc::ChannelCredentials> credentials_;
  std::string token_;
};

}  // namespace magnetar::rpc
