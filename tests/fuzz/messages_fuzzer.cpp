// Any bytes as a message of a requester, an orchestrator or a compiler's client, or as the stream of a prover: refused
// with a reason, or taken as what the protocol allows. A stream's messages go to a scheduler with work to give, which
// must bear whatever they say.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <span>
#include <string>
#include <variant>

#include "host/scheduler/scheduler.h"
#include "host/wire/messages.h"
#include "orchestrator.pb.h"

namespace {

using namespace magnetar;
namespace pb = nexus::orchestrator;

constexpr std::size_t kMaxSource = 256;
constexpr std::uint64_t kMaxSteps = std::numeric_limits<std::int32_t>::max();
const store::Time kStart{std::chrono::hours(500'000)};

void require(bool condition) {
  if (!condition) std::abort();
}

void expect_refusal(const store::Status& status) {
  require(status.code == store::Code::kInvalidArgument || status.code == store::Code::kResourceExhausted);
  require(!status.message.empty());
}

template <typename Message>
bool parse(Message& message, std::span<const std::uint8_t> bytes) {
  return message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

void request(std::span<const std::uint8_t> bytes) {
  pb::ProofRequest message;
  if (!parse(message, bytes)) return;
  const auto request = wire::proof_request(message);
  if (!request) return expect_refusal(request.error());
  require(request->elf != nullptr && request->input != nullptr);
  require(request->elf->size() + request->input->size() <= bytes.size());
  require(request->first_step <= kMaxSteps && request->steps.value_or(0) <= kMaxSteps);
  require(request->requester.empty());
}

void compile(std::span<const std::uint8_t> bytes) {
  pb::CompileRequest message;
  if (!parse(message, bytes)) return;
  const auto source = wire::source(message, kMaxSource);
  if (!source) return expect_refusal(source.error());
  require(source->size() <= kMaxSource);
}

void work(std::span<const std::uint8_t> bytes) {
  pb::ProverResponse message;
  if (!parse(message, bytes)) return;
  const auto work = wire::work(message);
  if (!work) return expect_refusal(work.error());
  require(work->elf.size() + work->input.size() <= bytes.size());
  require(work->first_step <= kMaxSteps && work->steps.value_or(0) <= kMaxSteps);
  require(work->key().size() == 64);
}

// The scheduler's side of one stream, as the dispatcher drives it.
class Stream {
 public:
  Stream() : scheduler_({}, "self") {
    store::JobRecord job;
    job.id = store::JobId{1};
    job.state = store::JobState::kProving;
    job.steps = job.steps_in_trace = 100;
    store::SegmentRecord segment;
    segment.id = store::SegmentId{1};
    segment.job = job.id;
    segment.range = {0, 100};
    job.segments.push_back(segment);
    scheduler_.update(job, kStart);
  }

  // False: the stream ends.
  bool take(const pb::ProverRequest& message) {
    const auto taken = wire::prover_message(message);
    if (!taken) return expect_refusal(taken.error()), false;
    now_ += std::chrono::milliseconds(100);
    if (const auto* registration = std::get_if<scheduler::Registration>(&*taken)) return connect(*registration);
    if (!session_) return false;
    if (const auto* progress = std::get_if<scheduler::Progress>(&*taken)) {
      require(progress->steps_in_trace <= kMaxSteps && progress->steps_to_prove <= kMaxSteps &&
              progress->steps_proven <= kMaxSteps);
      if (const auto said = scheduler_.progress(*session_, *progress, now_); !said) {
        expect_refusal(said.error());
        return false;
      }
    } else if (const auto* proof = std::get_if<wire::Proof>(&*taken)) {
      require(proof->bytes != nullptr);
      if (const auto segment = scheduler_.work_of(*session_)) {
        const double hertz = scheduler_.submitted(*session_, *segment, now_);
        require(std::isfinite(hertz) && hertz >= 0);
        scheduler_.verified(*session_, *segment, hertz);
      }
    } else {
      scheduler_.heartbeat(*session_, now_);
    }
    decide();
    return true;
  }

 private:
  bool connect(const scheduler::Registration& registration) {
    if (session_) return false;
    const auto connected = scheduler_.connect(registration, now_);
    if (!connected) return expect_refusal(connected.error()), false;
    session_ = connected->session;
    scheduler_.admit(*session_, 0, now_);
    decide();
    return true;
  }

  void decide() {
    for (const auto& assignment : scheduler_.decide(now_).assignments) {
      require(scheduler_.granted(assignment, now_));
    }
    for (const auto& job : scheduler_.jobs()) {
      require(job.progress.fraction >= 0 && job.progress.fraction <= 1);
    }
    for (const auto& prover : scheduler_.provers()) {
      require(std::isfinite(prover.hertz) && prover.hertz > 0);
      require(prover.fraction >= 0 && prover.fraction <= 1);
    }
  }

  scheduler::Scheduler scheduler_;
  std::optional<scheduler::SessionId> session_;
  store::Time now_ = kStart;
};

// Messages, each after its length in one byte.
void stream(std::span<const std::uint8_t> bytes) {
  Stream stream;
  while (!bytes.empty()) {
    const std::size_t length = std::min<std::size_t>(bytes[0], bytes.size() - 1);
    pb::ProverRequest message;
    if (!parse(message, bytes.subspan(1, length)) || !stream.take(message)) return;
    bytes = bytes.subspan(1 + length);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::span<const std::uint8_t> bytes(data + 1, size - 1);
  switch (data[0]) {
    case 'r':
      request(bytes);
      break;
    case 'c':
      compile(bytes);
      break;
    case 'w':
      work(bytes);
      break;
    case 's':
      stream(bytes);
      break;
    default:
      break;
  }
  return 0;
}
