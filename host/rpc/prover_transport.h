#pragma once

#include <grpcpp/security/credentials.h>

#include <memory>
#include <mutex>
#include <string>

#include "host/worker/transport.h"

namespace magnetar::rpc {

/// AddProver streams to an orchestrator, each on a connection of its own.
class ProverTransport final : public worker::Transport {
 public:
  ProverTransport(std::string address, std::shared_ptr<grpc::ChannelCredentials> credentials);
  ~ProverTransport() override;

  void open(const worker::Registration& registration, Events events) override;
  void send(worker::Message message) override;
  void finish() override;
  void abort() override;

 private:
  class Stream;
  std::shared_ptr<Stream> stream() const;

  const std::string address_;
  const std::shared_ptr<grpc::ChannelCredentials> credentials_;
  mutable std::mutex mutex_;
  std::shared_ptr<Stream> stream_;  // by mutex_
};

}  // namespace magnetar::rpc
