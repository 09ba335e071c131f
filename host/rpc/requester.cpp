#include "host/rpc/requester.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <chrono>
#include <future>
#include <utility>

#include "host/rpc/channel.h"
#include "orchestrator.grpc.pb.h"

namespace magnetar::rpc {
namespace {

namespace pb = nexus::orchestrator;

// Starts a call, and waits for its end. `start` is given the context and what to call then.
std::optional<CallError> wait_for(
    const std::string& token, const std::function<bool()>& go_on,
    const std::function<void(grpc::ClientContext&, std::function<void(grpc::Status)>)>& start) {
  grpc::ClientContext context;
  if (!token.empty()) context.AddMetadata("authorization", "Bearer " + token);
  std::promise<grpc::Status> promise;
  std::future<grpc::Status> done = promise.get_future();
  start(context, [&promise](grpc::Status status) { promise.set_value(std::move(status)); });
  bool interrupted = false;
  while (done.wait_for(std::chrono::milliseconds(100)) != std::future_status::ready) {
    if (interrupted || go_on()) continue;
    interrupted = true;
    context.TryCancel();
  }
  const grpc::Status status = done.get();
  if (status.ok()) return std::nullopt;
  return CallError{.status = std::string(code_name(status)),
                   .message = status.error_message(),
                   .unreachable = status.error_code() == grpc::StatusCode::UNAVAILABLE,
                   .interrupted = interrupted};
}

}  // namespace

Requester::Requester(std::string address, std::shared_ptr<grpc::ChannelCredentials> credentials, std::string token)
    : address_(std::move(address)), credentials_(std::move(credentials)), token_(std::move(token)) {}

tl::expected<std::optional<std::string>, CallError> Requester::request_proof(const ProofWanted& wanted,
                                                                             const std::function<bool()>& go_on) const {
  pb::ProofRequest request;
  request.mutable_program()->set_rv32i_elf_bytes(wanted.elf);
  request.mutable_input()->set_raw_bytes(wanted.input);
  if (wanted.first_step) request.set_step_to_start(*wanted.first_step);
  if (wanted.steps) request.set_steps_to_prove(*wanted.steps);
  pb::ProofResponse response;
  const auto stub = pb::Orchestrator::NewStub(make_channel(address_, credentials_));
  auto error = wait_for(token_, go_on, [&](grpc::ClientContext& context, std::function<void(grpc::Status)> done) {
    stub->async()->RequestProof(&context, &request, &response, std::move(done));
  });
  if (error) return tl::unexpected(*std::move(error));
  if (!response.has_proof()) return std::nullopt;
  return std::move(*response.mutable_proof()->mutable_nova_bytes());
}

tl::expected<std::string, CallError> Requester::compile(const std::string& source,
                                                        const std::function<bool()>& go_on) const {
  pb::CompileRequest request;
  request.mutable_source()->set_rust_single_file(source);
  pb::CompileResponse response;
  const auto stub = pb::Orchestrator::NewStub(make_channel(address_, credentials_));
  auto error = wait_for(token_, go_on, [&](grpc::ClientContext& context, std::function<void(grpc::Status)> done) {
    stub->async()->Compile(&context, &request, &response, std::move(done));
  });
  if (error) return tl::unexpected(*std::move(error));
  return std::move(*response.mutable_program()->mutable_rv32i_elf_bytes());
}

}  // namespace magnetar::rpc
