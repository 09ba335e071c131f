#include "host/rpc/prover_transport.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <algorithm>
#include <deque>
#include <limits>
#include <optional>
#include <utility>
#include <variant>

#include "host/rpc/channel.h"
#include "host/wire/messages.h"
#include "orchestrator.grpc.pb.h"

namespace magnetar::rpc {
namespace {

namespace pb = nexus::orchestrator;

std::int32_t clamp_to_int32(std::uint64_t value) {
  return static_cast<std::int32_t>(std::min<std::uint64_t>(value, std::numeric_limits<std::int32_t>::max()));
}

pb::ProverRequest to_wire(const worker::Registration& registration) {
  pb::ProverRequest message;
  auto& contents = *message.mutable_registration();
  contents.set_prover_type(registration.type == worker::ProverType::kCi ? pb::PROVER_TYPE_CI
                                                                        : pb::PROVER_TYPE_VOLUNTEER);
  contents.set_prover_id(registration.prover_id);
  if (registration.cycles_per_second > 0) contents.set_estimated_proof_cycles_hertz(registration.cycles_per_second);
  return message;
}

pb::ProverRequest to_wire(worker::Message&& message) {
  pb::ProverRequest wire;
  if (auto* proof = std::get_if<worker::FinishedProof>(&message)) {
    wire.mutable_proof()->set_nova_bytes(std::move(proof->bytes));
  } else if (const auto* progress = std::get_if<worker::Progress>(&message)) {
    auto& contents = *wire.mutable_progress();
    contents.set_completed_fraction(static_cast<float>(progress->fraction));
    contents.set_steps_in_trace(clamp_to_int32(progress->steps_in_trace));
    contents.set_steps_to_prove(clamp_to_int32(progress->steps_to_prove));
    contents.set_steps_proven(clamp_to_int32(progress->steps_proven));
  } else {
    wire.mutable_heartbeat();
  }
  return wire;
}

}  // namespace

// Lives until OnDone, whoever else holds it.
class ProverTransport::Stream final : public grpc::ClientBidiReactor<pb::ProverRequest, pb::ProverResponse> {
 public:
  Stream(const std::shared_ptr<grpc::Channel>& channel, const worker::Registration& registration, Events events)
      : stub_(pb::Orchestrator::NewStub(channel)), events_(std::move(events)), out_(to_wire(registration)) {}

  void start(std::shared_ptr<Stream> self) {
    self_ = std::move(self);
    stub_->async()->AddProver(&context_, this);
    // Writes start from other threads as well: until the hold is removed the call cannot be done.
    AddHold();
    StartRead(&in_);
    StartWrite(&out_);
    StartCall();
  }

  void send(worker::Message message) {
    const std::lock_guard lock(mutex_);
    if (ended_ || finishing_) return;
    // What is superseded need not travel.
    if (!std::holds_alternative<worker::FinishedProof>(message)) {
      const auto same = std::find_if(queue_.begin(), queue_.end(),
                                     [&](const worker::Message& m) { return m.index() == message.index(); });
      if (same != queue_.end()) queue_.erase(same);
    }
    queue_.push_back(std::move(message));
    write_next();
  }

  void finish() {
    const std::lock_guard lock(mutex_);
    finishing_ = true;
    if (!ended_) write_next();
  }

  void abort() { context_.TryCancel(); }

  void OnWriteDone(bool ok) override {
    std::optional<std::string> proof;
    bool first = false;
    {
      const std::lock_guard lock(mutex_);
      writing_ = false;
      // OnDone follows, with the reason.
      if (!ok) return;
      out_.Clear();
      first = !std::exchange(registered_, true);
      proof = std::exchange(proof_being_written_, std::nullopt);
    }
    if (first) events_.connected();
    if (proof) events_.written(*std::move(proof));
    const std::lock_guard lock(mutex_);
    if (!ended_) write_next();
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      {
        const std::lock_guard lock(mutex_);
        ended_ = true;
      }
      RemoveHold();
      return;
    }
    if (auto work = wire::work(in_)) {
      events_.assigned(*std::move(work));
    } else {
      nonsense_ = std::move(work.error().message);
      context_.TryCancel();
    }
    in_.Clear();
    StartRead(&in_);
  }

  void OnDone(const grpc::Status& status) override {
    worker::Closed closed{.in_order = status.ok(),
                          .reason = status.ok() ? "ended in order" : describe(status),
                          .refused = status.error_code() == grpc::StatusCode::PERMISSION_DENIED};
    if (!nonsense_.empty()) closed.reason = "the orchestrator sent no work: " + nonsense_;
    events_.closed(std::move(closed));
    const std::shared_ptr<Stream> last = std::move(self_);
  }

 private:
  // With mutex_ held and the call alive.
  void write_next() {
    if (writing_) return;
    if (!queue_.empty()) {
      worker::Message message = std::move(queue_.front());
      queue_.pop_front();
      if (const auto* proof = std::get_if<worker::FinishedProof>(&message)) proof_being_written_ = proof->key;
      out_ = to_wire(std::move(message));
      writing_ = true;
      StartWrite(&out_);
    } else if (finishing_ && !std::exchange(writes_done_, true)) {
      StartWritesDone();
    }
  }

  const std::unique_ptr<pb::Orchestrator::Stub> stub_;
  const Events events_;
  grpc::ClientContext context_;
  std::shared_ptr<Stream> self_;
  pb::ProverResponse in_;
  std::string nonsense_;  // of the reading reactions, and OnDone after them

  std::mutex mutex_;
  std::deque<worker::Message> queue_;
  pb::ProverRequest out_;
  bool writing_ = true;  // the registration
  bool registered_ = false;
  bool finishing_ = false;
  bool writes_done_ = false;
  bool ended_ = false;
  std::optional<std::string> proof_being_written_;
};

ProverTransport::ProverTransport(std::string address, std::shared_ptr<grpc::ChannelCredentials> credentials)
    : address_(std::move(address)), credentials_(std::move(credentials)) {}

ProverTransport::~ProverTransport() = default;

void ProverTransport::open(const worker::Registration& registration, Events events) {
  auto stream = std::make_shared<Stream>(make_channel(address_, credentials_), registration, std::move(events));
  {
    const std::lock_guard lock(mutex_);
    stream_ = stream;
  }
  stream->start(stream);
}

void ProverTransport::send(worker::Message message) {
  if (const auto open = stream()) open->send(std::move(message));
}

void ProverTransport::finish() {
  if (const auto open = stream()) open->finish();
}

void ProverTransport::abort() {
  if (const auto open = stream()) open->abort();
}

std::shared_ptr<ProverTransport::Stream> ProverTransport::stream() const {
  const std::lock_guard lock(mutex_);
  return stream_;
}

}  // namespace magnetar::rpc
