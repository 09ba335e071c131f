#pragma once

#include <grpcpp/security/credentials.h>

#include <memory>
#include <string>
#include <string_view>

namespace grpc {
class Channel;
class Status;
}  // namespace grpc

namespace magnetar::rpc {

/// Bytes of a message that holds a proof, or a program with its input, at most.
inline constexpr int kMaxMessageBytes = 512 << 20;

/// A channel for long-lived calls: a dead connection is noticed within some 30 seconds, and a new channel connects
/// at once whatever happened to others before.
std::shared_ptr<grpc::Channel> make_channel(const std::string& address,
                                            const std::shared_ptr<grpc::ChannelCredentials>& credentials);

/// "UNAVAILABLE: message".
std::string describe(const grpc::Status& status);
/// "UNAVAILABLE" and so on.
std::string_view code_name(const grpc::Status& status);

}  // namespace magnetar::rpc
