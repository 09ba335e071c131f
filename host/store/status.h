#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace magnetar::store {

/// How a request or a connection ends that does not end well. Names and numbers are gRPC's.
enum class Code : std::uint8_t {
  kCancelled = 1,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kInternal = 13,
  kUnavailable = 14,
};

/// "INVALID_ARGUMENT" and so on.
std::string_view name(Code code);

/// What a requester or a prover is told. The message names the cause and, where there is one, the limit.
struct Status {
  Code code;
  std::string message;

  friend bool operator==(const Status&, const Status&) = default;
};

template <typename T>
using Expected = tl::expected<T, Status>;

}  // namespace magnetar::store
