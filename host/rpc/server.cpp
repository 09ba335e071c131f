#include "host/rpc/server.h"

#include <fmt/format.h>
#include <grpcpp/alarm.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/auth_context.h>
#include <grpcpp/security/auth_metadata_processor.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <atomic>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <string_view>
#include <utility>
#include <variant>

#include "host/rpc/channel.h"
#include "host/rpc/compile_queue.h"
#include "host/wire/messages.h"
#include "orchestrator.grpc.pb.h"

namespace magnetar::rpc {
namespace {

namespace pb = nexus::orchestrator;

constexpr std::string_view kRequestProof = "RequestProof";
constexpr std::string_view kCompile = "Compile";
constexpr std::string_view kAddProver = "AddProver";

grpc::Status to_wire(const store::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code), status.message};
}

grpc::Status refusal(grpc::StatusCode code, const std::string& message) {
  return {code, message};
}

void assign(std::string& text, const store::Bytes& bytes) {
  text.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

// "ipv4:127.0.0.1:40312" without its port.
std::string host_of(const std::string& peer) {
  return peer.substr(0, peer.rfind(':'));
}

// Something that a peer waits for, and that ends once.
class Call {
 public:
  virtual ~Call() = default;
  /// From any thread. Later ones, and all after the end, are ignored.
  virtual void end(const grpc::Status& status) = 0;
};

}  // namespace

class Server::State {
 public:
  State(ServerOptions options, dispatch::Dispatcher& dispatcher, Compile compile, const log::Log& log)
      : options_(std::move(options)),
        dispatcher_(dispatcher),
        compile_(std::move(compile)),
        log_(log),
        service_(*this),
        compilers_(options_.compilers, options_.max_waiting_compilations) {}
  ~State() { stop(); }

  tl::expected<void, std::string> start();
  void drain() { server_->GetHealthCheckService()->SetServingStatus(false); }
  void stop();
  int port() const { return port_; }
  RpcCounts counts() const;

 private:
  class RequestCall;
  class CompileCall;
  class ProverCall;
  class Gate;
  // Streams come as bytes: read as messages, a malformed one could not be told from the end of the stream.
  using ServiceBase = pb::Orchestrator::WithCallbackMethod_RequestProof<pb::Orchestrator::WithCallbackMethod_Compile<
      pb::Orchestrator::WithRawCallbackMethod_AddProver<pb::Orchestrator::Service>>>;
  class Service final : public ServiceBase {
   public:
    explicit Service(State& state) : state_(state) {}
    grpc::ServerUnaryReactor* RequestProof(grpc::CallbackServerContext* context, const pb::ProofRequest* request,
                                           pb::ProofResponse* response) override;
    grpc::ServerUnaryReactor* Compile(grpc::CallbackServerContext* context, const pb::CompileRequest* request,
                                      pb::CompileResponse* response) override;
    grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* AddProver(
        grpc::CallbackServerContext* context) override;

   private:
    State& state_;
  };

  // The name under which a caller's requests count, if it may call at all.
  tl::expected<std::string, grpc::Status> authorize(const grpc::CallbackServerContext& context,
                                                    std::string_view rpc) const;
  using Metadata = std::multimap<grpc::string_ref, grpc::string_ref>;
  tl::expected<std::string, grpc::Status> authorize(const Metadata& metadata, std::string_view rpc) const;
  // A unary call that was refused at once.
  grpc::ServerUnaryReactor* refuse(grpc::CallbackServerContext& context, std::string_view rpc,
                                   const grpc::Status& status);

  void count(std::string_view rpc, const grpc::Status& status);
  // Calls that stop() ends. False: the server stops.
  bool enter(const std::shared_ptr<Call>& call);
  void leave(const std::shared_ptr<Call>& call);
  bool take_request_slot(const std::string& requester);
  void give_back_request_slot(const std::string& requester);

  const ServerOptions options_;
  dispatch::Dispatcher& dispatcher_;
  const Compile compile_;
  const log::Log& log_;
  Service service_;
  int port_ = 0;

  mutable std::mutex mutex_;
  bool stopping_ = false;
  std::set<std::shared_ptr<Call>> calls_;
  std::map<std::pair<std::string_view, grpc::StatusCode>, std::uint64_t> counts_;
  std::map<std::string, std::size_t> waiting_;  // requests, by requester

  std::unique_ptr<grpc::Server> server_;
  CompileQueue compilers_;  // ends before what its tasks use
};

// --- RequestProof

class Server::State::RequestCall final : public grpc::ServerUnaryReactor,
                                         public Call,
                                         public std::enable_shared_from_this<RequestCall> {
 public:
  RequestCall(State& state, std::string requester, pb::ProofResponse& response)
      : state_(state), requester_(std::move(requester)), response_(response) {}

  // Keeps itself until OnDone.
  void begin(dispatch::ProofRequest request) {
    const auto self = self_ = shared_from_this();
    if (!state_.enter(self)) return end(refusal(grpc::StatusCode::UNAVAILABLE, "the orchestrator is stopping"));
    const dispatch::RequestId id = state_.dispatcher_.request(
        std::move(request), [self](const dispatch::Expected<dispatch::ProofReply>& reply) { self->answer(reply); });
    bool gone = false;
    {
      const std::lock_guard lock(mutex_);
      id_ = id;
      gone = ended_ && !answered_;
    }
    if (gone) state_.dispatcher_.cancel(id);
  }

  void end(const grpc::Status& status) override {
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(ended_, true)) return;
    }
    finish(status);
  }

  void OnCancel() override {
    std::optional<dispatch::RequestId> id;
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(ended_, true)) return;
      id = id_;
    }
    if (id) state_.dispatcher_.cancel(*id);
    finish(refusal(grpc::StatusCode::CANCELLED, "the requester went away; the job goes on"));
  }

  void OnDone() override {
    const auto self = std::move(self_);
    state_.leave(self);
  }

 private:
  void answer(const dispatch::Expected<dispatch::ProofReply>& reply) {
    {
      const std::lock_guard lock(mutex_);
      answered_ = true;
      if (std::exchange(ended_, true)) return;
    }
    if (!reply) return finish(to_wire(reply.error()));
    if (reply->proof) assign(*response_.mutable_proof()->mutable_nova_bytes(), *reply->proof);
    finish(grpc::Status::OK);
  }

  void finish(const grpc::Status& status) {
    // Before the requester knows, who may ask again at once.
    state_.give_back_request_slot(requester_);
    state_.count(kRequestProof, status);
    Finish(status);
  }

  State& state_;
  const std::string requester_;
  pb::ProofResponse& response_;
  std::shared_ptr<RequestCall> self_;
  std::mutex mutex_;
  std::optional<dispatch::RequestId> id_;
  bool answered_ = false;
  bool ended_ = false;
};

grpc::ServerUnaryReactor* Server::State::Service::RequestProof(grpc::CallbackServerContext* context,
                                                               const pb::ProofRequest* request,
                                                               pb::ProofResponse* response) {
  const auto requester = state_.authorize(*context, kRequestProof);
  if (!requester) return state_.refuse(*context, kRequestProof, requester.error());
  auto wanted = wire::proof_request(*request);
  if (!wanted) return state_.refuse(*context, kRequestProof, to_wire(wanted.error()));
  if (!state_.take_request_slot(*requester)) {
    return state_.refuse(*context, kRequestProof,
                         refusal(grpc::StatusCode::RESOURCE_EXHAUSTED,
                                 fmt::format("{} requests of {} are waiting already; the limit is {}",
                                             state_.options_.max_requests_per_client, *requester,
                                             state_.options_.max_requests_per_client)));
  }
  wanted->requester = *requester;
  const auto call = std::make_shared<RequestCall>(state_, *requester, *response);
  call->begin(*std::move(wanted));
  return call.get();
}

// --- Compile

class Server::State::CompileCall final : public grpc::ServerUnaryReactor,
                                         public Call,
                                         public std::enable_shared_from_this<CompileCall> {
 public:
  CompileCall(State& state, pb::CompileResponse& response) : state_(state), response_(response) {}

  // Keeps itself until OnDone.
  void begin(std::string source) {
    const auto self = self_ = shared_from_this();
    if (!state_.enter(self)) return end(refusal(grpc::StatusCode::UNAVAILABLE, "the orchestrator is stopping"));
    const bool posted = state_.compilers_.post([self, text = std::move(source)] {
      if (self->ended_) return;
      auto elf = self->state_.compile_(text);
      if (!elf) return self->end(to_wire(elf.error()));
      if (self->ended_.exchange(true)) return;
      self->response_.mutable_program()->set_rv32i_elf_bytes(*std::move(elf));
      self->finish(grpc::Status::OK);
    });
    if (!posted) {
      end(refusal(grpc::StatusCode::RESOURCE_EXHAUSTED, fmt::format("{} compilations wait already, as many as may",
                                                                    state_.options_.max_waiting_compilations)));
    }
  }

  void end(const grpc::Status& status) override {
    if (!ended_.exchange(true)) finish(status);
  }
  void OnCancel() override { end(refusal(grpc::StatusCode::CANCELLED, "the requester went away")); }
  void OnDone() override {
    const auto self = std::move(self_);
    state_.leave(self);
  }

 private:
  void finish(const grpc::Status& status) {
    state_.count(kCompile, status);
    Finish(status);
  }

  State& state_;
  pb::CompileResponse& response_;
  std::shared_ptr<CompileCall> self_;
  std::atomic<bool> ended_ = false;
};

grpc::ServerUnaryReactor* Server::State::Service::Compile(grpc::CallbackServerContext* context,
                                                          const pb::CompileRequest* request,
                                                          pb::CompileResponse* response) {
  const auto requester = state_.authorize(*context, kCompile);
  if (!requester) return state_.refuse(*context, kCompile, requester.error());
  if (!state_.compile_) {
    return state_.refuse(
        *context, kCompile,
        refusal(grpc::StatusCode::UNIMPLEMENTED, "this orchestrator does not compile; send the executable"));
  }
  auto source = wire::source(*request, state_.options_.max_source_bytes);
  if (!source) return state_.refuse(*context, kCompile, to_wire(source.error()));
  const auto call = std::make_shared<CompileCall>(state_, *response);
  call->begin(*std::move(source));
  return call.get();
}

// --- AddProver

// A prover's stream. The dispatcher may hold it longer than gRPC keeps the call, which ends with OnDone.
class Server::State::ProverCall final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                                        public dispatch::ProverStream,
                                        public Call,
                                        public std::enable_shared_from_this<ProverCall> {
 public:
  ProverCall(State& state, std::string peer) : state_(state), peer_(std::move(peer)) {}

  // Keeps itself until OnDone.
  void begin(const grpc::Status& authorized) {
    const auto self = self_ = shared_from_this();
    if (!authorized.ok()) return end(authorized);
    if (!state_.enter(self)) return end(refusal(grpc::StatusCode::UNAVAILABLE, "the orchestrator is stopping"));
    registration_timer_.Set(std::chrono::system_clock::now() + state_.options_.registration_timeout,
                            [weak = weak_from_this()](bool expired) {
                              const auto call = weak.lock();
                              if (expired && call) call->registration_is_late();
                            });
    StartRead(&in_bytes_);
  }

  // --- dispatch::ProverStream

  void send(const dispatch::Work& work) override {
    pb::ProverResponse message;
    pb::ProofRequest& request = *message.mutable_to_prove();
    assign(*request.mutable_program()->mutable_rv32i_elf_bytes(), *work.elf);
    assign(*request.mutable_input()->mutable_raw_bytes(), *work.input);
    request.set_step_to_start(static_cast<std::int32_t>(work.range.first_step));
    request.set_steps_to_prove(static_cast<std::int32_t>(work.range.steps));
    auto bytes = std::make_unique<grpc::ByteBuffer>();
    bool owned = false;
    const grpc::Status encoded = grpc::SerializationTraits<pb::ProverResponse>::Serialize(message, bytes.get(), &owned);
    if (!encoded.ok()) return end(encoded);
    const std::lock_guard lock(mutex_);
    if (ended_) return;
    next_ = std::move(bytes);
    write_next();
  }

  void close(const store::Status& status) override { end(to_wire(status)); }

  // --- Call

  void end(const grpc::Status& status) override {
    std::optional<dispatch::SessionId> session;
    std::string prover;
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(ended_, true)) return;
      session = session_;
      prover = prover_;
      state_.count(kAddProver, status);
      // With the lock: no write may start after it.
      Finish(status);
    }
    if (session) {
      state_.log_.info(
          "prover's stream ends",
          {{"prover", prover}, {"peer", peer_}, {"status", code_name(status)}, {"reason", status.error_message()}});
    }
  }

  // --- Reactions

  void OnReadDone(bool ok) override {
    if (!ok) return leave_stream(grpc::Status::OK);
    if (!grpc::SerializationTraits<pb::ProverRequest>::Deserialize(&in_bytes_, &in_).ok()) {
      return leave_stream(refusal(grpc::StatusCode::INVALID_ARGUMENT, "a message that is no ProverRequest"));
    }
    in_bytes_.Clear();
    auto message = wire::prover_message(in_);
    in_.Clear();
    if (!message) return leave_stream(to_wire(message.error()));
    if (const auto* registration = std::get_if<scheduler::Registration>(&*message)) return registered(*registration);
    const std::optional<dispatch::SessionId> session = this->session();
    if (!session) {
      return leave_stream(
          refusal(grpc::StatusCode::INVALID_ARGUMENT, "the first message of a stream must be a registration"));
    }
    if (auto* proof = std::get_if<wire::Proof>(&*message)) {
      // The next message is read when the dispatcher has room for it.
      return state_.dispatcher_.proof(*session, std::move(proof->bytes), [self = shared_from_this()] {
        const std::lock_guard lock(self->mutex_);
        if (!self->ended_) self->StartRead(&self->in_bytes_);
      });
    }
    if (const auto* progress = std::get_if<scheduler::Progress>(&*message)) {
      state_.dispatcher_.progress(*session, *progress);
    } else {
      state_.dispatcher_.heartbeat(*session);
    }
    StartRead(&in_bytes_);
  }

  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    out_.reset();
    if (ok && !ended_) write_next();
  }

  void OnCancel() override { leave_stream(refusal(grpc::StatusCode::CANCELLED, "the connection is gone")); }

  void OnDone() override {
    registration_timer_.Cancel();
    const auto self = std::move(self_);
    state_.leave(self);
  }

 private:
  // With mutex_ held. One write at a time: the next one starts when OnWriteDone has come, whatever the peer sends
  // before.
  void write_next() {
    if (writing_ || !next_) return;
    out_ = std::move(next_);
    writing_ = true;
    StartWrite(out_.get());
  }

  std::optional<dispatch::SessionId> session() {
    const std::lock_guard lock(mutex_);
    return session_;
  }

  // Not from within the dispatcher.
  void leave_stream(const grpc::Status& status) {
    const std::optional<dispatch::SessionId> session = this->session();
    end(status);
    if (session) state_.dispatcher_.disconnect(*session);
  }

  void registration_is_late() {
    if (session()) return;
    leave_stream(refusal(grpc::StatusCode::DEADLINE_EXCEEDED,
                         fmt::format("no registration within {} ms", state_.options_.registration_timeout.count())));
  }

  void registered(const scheduler::Registration& registration) {
    if (session()) {
      return leave_stream(refusal(grpc::StatusCode::INVALID_ARGUMENT, "a second registration on the same stream"));
    }
    {
      const std::lock_guard lock(mutex_);
      prover_ = registration.prover;
    }
    const auto session = state_.dispatcher_.connect(registration, shared_from_this());
    if (!session) {
      state_.log_.warning("prover refused",
                          {{"prover", registration.prover}, {"peer", peer_}, {"reason", session.error().message}});
      return end(to_wire(session.error()));
    }
    bool gone = false;
    {
      const std::lock_guard lock(mutex_);
      session_ = *session;
      gone = ended_;
    }
    registration_timer_.Cancel();
    state_.log_.info(
        "prover connected",
        {{"prover", registration.prover}, {"peer", peer_}, {"estimated_hertz", registration.hertz.value_or(0)}});
    if (gone) return state_.dispatcher_.disconnect(*session);
    StartRead(&in_bytes_);
  }

  State& state_;
  const std::string peer_;
  std::shared_ptr<ProverCall> self_;
  grpc::Alarm registration_timer_;
  grpc::ByteBuffer in_bytes_;  // of the reading reactions, as is
  pb::ProverRequest in_;

  std::mutex mutex_;
  std::optional<dispatch::SessionId> session_;
  std::string prover_;
  std::unique_ptr<grpc::ByteBuffer> out_, next_;
  bool writing_ = false;
  bool ended_ = false;
};

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Server::State::Service::AddProver(
    grpc::CallbackServerContext* context) {
  const auto call = std::make_shared<ProverCall>(state_, context->peer());
  const bool shown = context->auth_context() != nullptr && context->auth_context()->IsPeerAuthenticated();
  call->begin(!state_.options_.provers_authenticated || shown
                  ? grpc::Status::OK
                  : refusal(grpc::StatusCode::UNAUTHENTICATED,
                            "provers must show a client certificate of this orchestrator's --tls-client-ca"));
  return call.get();
}

// --- The server

// Asks for tokens when a call begins: a unary call's own check comes after its message, which may be large.
class Server::State::Gate final : public grpc::AuthMetadataProcessor {
 public:
  explicit Gate(State& state) : state_(state) {}

  bool IsBlocking() const override { return false; }

  grpc::Status Process(const InputMetadata& metadata, grpc::AuthContext* /*context*/, OutputMetadata* /*consumed*/,
                       OutputMetadata* /*response*/) override {
    const auto path = metadata.find(":path");
    if (path == metadata.end()) return grpc::Status::OK;
    const std::string_view method(path->second.data(), path->second.size());
    for (const std::string_view rpc : {kRequestProof, kCompile}) {
      if (method != fmt::format("/nexus.orchestrator.Orchestrator/{}", rpc)) continue;
      const auto requester = state_.authorize(metadata, rpc);
      if (requester) break;
      state_.count(rpc, requester.error());
      state_.log_.info(
          "call refused",
          {{"rpc", rpc}, {"status", code_name(requester.error())}, {"reason", requester.error().error_message()}});
      return requester.error();
    }
    return grpc::Status::OK;
  }

 private:
  State& state_;
};

tl::expected<void, std::string> Server::State::start() {
  // Credentials for plaintext take no processor; there the calls' own checks are all.
  if (options_.tokens && options_.tls) options_.credentials->SetAuthMetadataProcessor(std::make_shared<Gate>(*this));
  grpc::EnableDefaultHealthCheckService(true);
  static std::once_flag reflection;
  std::call_once(reflection, grpc::reflection::InitProtoReflectionServerBuilderPlugin);

  grpc::ServerBuilder builder;
  builder.AddListeningPort(options_.listen, options_.credentials, &port_);
  builder.RegisterService(&service_);
  builder.SetMaxReceiveMessageSize(static_cast<int>(options_.max_message_bytes));
  builder.SetMaxSendMessageSize(static_cast<int>(options_.max_message_bytes));
  builder.SetResourceQuota(grpc::ResourceQuota("orchestrator").Resize(options_.memory_bytes));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, static_cast<int>(options_.max_streams_per_connection));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  // Two servers on one port would each get a part of the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  server_ = builder.BuildAndStart();
  if (!server_ || port_ == 0) {
    return tl::unexpected(fmt::format(
        "cannot listen on {}: is the port in use, or the TLS certificate and key no pair?", options_.listen));
  }
  return {};
}

void Server::State::stop() {
  std::set<std::shared_ptr<Call>> calls;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(stopping_, true)) return;
    calls.swap(calls_);
  }
  if (!server_) return;
  for (const auto& call : calls) {
    call->end(refusal(grpc::StatusCode::UNAVAILABLE,
                      "the orchestrator stops; what it has accepted is kept: ask for the same again"));
  }
  calls.clear();
  server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(5));
  server_->Wait();
}

tl::expected<std::string, grpc::Status> Server::State::authorize(const grpc::CallbackServerContext& context,
                                                                 std::string_view rpc) const {
  if (!options_.tokens) return host_of(context.peer());
  return authorize(context.client_metadata(), rpc);
}

tl::expected<std::string, grpc::Status> Server::State::authorize(const Metadata& metadata, std::string_view rpc) const {
  constexpr std::string_view kScheme = "Bearer ";
  const auto found = metadata.find("authorization");
  if (found == metadata.end()) {
    return tl::unexpected(refusal(grpc::StatusCode::UNAUTHENTICATED,
                                  "no token: this orchestrator wants the metadata 'authorization: Bearer TOKEN'"));
  }
  const std::string_view value(found->second.data(), found->second.size());
  if (value.substr(0, kScheme.size()) != kScheme) {
    return tl::unexpected(
        refusal(grpc::StatusCode::UNAUTHENTICATED, "the metadata 'authorization' is not of the form 'Bearer TOKEN'"));
  }
  const Tokens::Holder* holder = options_.tokens->find(value.substr(kScheme.size()));
  if (holder == nullptr) {
    return tl::unexpected(refusal(grpc::StatusCode::UNAUTHENTICATED, "the token is not among the known ones"));
  }
  if (!(rpc == kCompile ? holder->may_compile : holder->may_request)) {
    return tl::unexpected(refusal(grpc::StatusCode::PERMISSION_DENIED,
                                  fmt::format("the token of {} does not allow {}", holder->name, rpc)));
  }
  return holder->name;
}

grpc::ServerUnaryReactor* Server::State::refuse(grpc::CallbackServerContext& context, std::string_view rpc,
                                                const grpc::Status& status) {
  count(rpc, status);
  log_.info(
      "call refused",
      {{"rpc", rpc}, {"peer", context.peer()}, {"status", code_name(status)}, {"reason", status.error_message()}});
  grpc::ServerUnaryReactor* reactor = context.DefaultReactor();
  reactor->Finish(status);
  return reactor;
}

void Server::State::count(std::string_view rpc, const grpc::Status& status) {
  const std::lock_guard lock(mutex_);
  ++counts_[{rpc, status.error_code()}];
}

bool Server::State::enter(const std::shared_ptr<Call>& call) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return false;
  calls_.insert(call);
  return true;
}

void Server::State::leave(const std::shared_ptr<Call>& call) {
  const std::lock_guard lock(mutex_);
  calls_.erase(call);
}

bool Server::State::take_request_slot(const std::string& requester) {
  const std::lock_guard lock(mutex_);
  std::size_t& waiting = waiting_[requester];
  if (waiting == options_.max_requests_per_client) return false;
  ++waiting;
  return true;
}

void Server::State::give_back_request_slot(const std::string& requester) {
  const std::lock_guard lock(mutex_);
  const auto found = waiting_.find(requester);
  if (--found->second == 0) waiting_.erase(found);
}

RpcCounts Server::State::counts() const {
  RpcCounts counts;
  const std::lock_guard lock(mutex_);
  for (const auto& [key, count] : counts_) {
    counts.rows.push_back({std::string(key.first), std::string(code_name(grpc::Status(key.second, ""))), count});
  }
  return counts;
}

tl::expected<std::unique_ptr<Server>, std::string> Server::start(ServerOptions options,
                                                                 dispatch::Dispatcher& dispatcher, Compile compile,
                                                                 const log::Log& log) {
  auto state = std::make_unique<State>(std::move(options), dispatcher, std::move(compile), log);
  if (auto started = state->start(); !started) return tl::unexpected(std::move(started.error()));
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}

Server::~Server() = default;

int Server::port() const {
  return state_->port();
}

void Server::drain() {
  state_->drain();
}

RpcCounts Server::counts() const {
  return state_->counts();
}

}  // namespace magnetar::rpc
