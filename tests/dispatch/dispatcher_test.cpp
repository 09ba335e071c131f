#include "host/dispatch/dispatcher.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <random>
#include <set>

#include "flaky_store.h"
#include "prover.h"
#include "text_engine.h"

namespace magnetar::dispatch {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;

class DispatcherThreads : public testing::Test {
 protected:
  DispatcherThreads() {
    // Processes are killed here, not machines: nothing has to wait for a disk.
    const fs::path memory = "/dev/shm";
    std::string name =
        ((fs::exists(memory) ? memory : fs::temp_directory_path()) / "magnetar-dispatch-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    folder_ = name;
    options_.policy.gathering = 0;
    options_.policy.bounds.min_steps = 1;
    options_.policy.reconnect_grace = 0ms;
    options_.tick = 10ms;
    // Time goes on, and can be pushed.
    options_.clock = [this, clock = steady_wall_clock()] { return clock() + Duration(later_); };
  }
  ~DispatcherThreads() override {
    dispatcher_.reset();
    store_.reset();
    std::error_code error;
    fs::remove_all(folder_, error);
  }

  void SetUp() override { start(); }

  void start() {
    if (!store_) {
      store_ = *store::open_store("sqlite:" + (folder_ / "store.db").string(), folder_ / "blobs");
    }
    auto started = Dispatcher::start(*store_, engine_, options_, [this](const Event& event) {
      const std::lock_guard lock(log_mutex_);
      log_.push_back(event.message);
    });
    ASSERT_TRUE(started) << started.error().message;
    dispatcher_ = *std::move(started);
  }
  void restart() {
    dispatcher_.reset();
    store_.reset();
    start();
  }

  Answer ask(const Bytes& program, const Bytes& input = {}, std::uint64_t first = 0,
             std::optional<std::uint64_t> steps = std::nullopt, const std::string& requester = "alice") {
    Answer answer;
    dispatcher_->request(
        {std::make_shared<const Bytes>(program), std::make_shared<const Bytes>(input), first, steps, requester},
        answer.callback());
    return answer;
  }
  Status refusal(Answer answer) {
    const auto reply = answer.get();
    EXPECT_FALSE(reply);
    return reply ? Status{Code::kInternal, ""} : reply.error();
  }
  /// Within ten seconds.
  bool eventually(const std::function<bool()>& condition) {
    for (int i = 0; i < 2000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(5ms);
    }
    return false;
  }
  SessionId connect(const std::string& prover, const std::shared_ptr<Stream>& stream) {
    const auto session = dispatcher_->connect({prover, store::ProverType::kVolunteer, 1e6}, stream);
    EXPECT_TRUE(session) << session.error().message;
    const bool admitted = eventually([&] {
      const auto record = store_->prover(prover);
      return record && *record && !(*record)->orchestrator.empty();
    });
    EXPECT_TRUE(admitted);
    return session.value_or(SessionId{});
  }
  void send(SessionId session, Bytes proof) {
    dispatcher_->proof(session, std::make_shared<const Bytes>(std::move(proof)), [] {});
  }
  Counters counters() const { return dispatcher_->snapshot().counters; }

  fs::path folder_;
  std::atomic<std::int64_t> later_ = 0;  // ms
  Options options_;
  TextEngine engine_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::mutex log_mutex_;
  std::vector<std::string> log_;
};

// --- Requests

TEST_F(DispatcherThreads, ProvesARequestWithSeveralProvers) {
  const auto a = std::make_shared<Stream>(), b = std::make_shared<Stream>();
  const SessionId first = connect("a", a), second = connect("b", b);
  const Bytes program = TextEngine::program(100), input = bytes_of("input");
  Answer answer = ask(program, input);
  const auto work_a = a->next_work(), work_b = b->next_work();
  ASSERT_TRUE(work_a && work_b);
  EXPECT_EQ(*work_a->elf, program);
  EXPECT_EQ(*work_a->input, input);
  EXPECT_EQ(work_a->elf, work_b->elf) << "one copy for all";
  EXPECT_EQ(work_a->range.steps + work_b->range.steps, 100U);
  send(first, proof_of(*work_a));
  send(second, proof_of(*work_b));
  const auto reply = answer.get();
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_TRUE(TextEngine::is_proof_of(*reply->proof, program, input, {0, 100}));
  EXPECT_EQ(engine_.executions, 1);
  EXPECT_EQ(engine_.verifications, 2);
  const Counters counted = counters();
  EXPECT_EQ(counted.proofs_accepted, 2U);
  EXPECT_EQ(counted.steps_verified, 100U);
  EXPECT_EQ(counted.request_bytes, program.size() + input.size());
  EXPECT_EQ(counted.proof_bytes, proof_of(*work_a).size() + proof_of(*work_b).size());
  EXPECT_EQ(counted.reply_bytes, reply->proof->size());
  EXPECT_EQ(counted.verifications_failed, 0U);
  const auto count = [](const DurationHistogram& h) { return std::accumulate(h.counts.begin(), h.counts.end(), 0U); };
  EXPECT_EQ(count(counted.executions), 1U);
  EXPECT_EQ(count(counted.verifications), 2U);
  EXPECT_EQ(count(counted.jobs_done_after), 1U);
}

TEST_F(DispatcherThreads, EqualRequestsShareAJobAndItsResult) {
  const Bytes program = TextEngine::program(20);
  Bytes proof;
  {
    Answer first = ask(program, {}, 5, 10), second = ask(program, {}, 5, 10, "bob");
    const WorkingProver prover(*dispatcher_, "p", 0ms);
    const auto one = first.get(), two = second.get();
    ASSERT_TRUE(one && two);
    EXPECT_EQ(one->job, two->job);
    proof = *one->proof;
    EXPECT_TRUE(TextEngine::is_proof_of(proof, program, {}, {5, 10}));
    const auto later = ask(program, {}, 5, 10).get();
    ASSERT_TRUE(later);
    EXPECT_EQ(*later->proof, proof);
    EXPECT_EQ(prover.proved(), 1U);
    EXPECT_EQ(counters().requests_shared, 2U);
  }
  restart();
  const auto after = ask(program, {}, 5, 10).get();
  ASSERT_TRUE(after);
  EXPECT_EQ(*after->proof, proof) << "the result outlives the process";
}

TEST_F(DispatcherThreads, SaysWhyARequestCannotBe) {
  EXPECT_EQ(refusal(ask(bytes_of("no elf"))).code, Code::kInvalidArgument);
  EXPECT_EQ(refusal(ask(bytes_of("fault"))),
            (Status{Code::kFailedPrecondition, "the program faults at pc 0x10: illegal instruction"}));
  const Bytes program = TextEngine::program(20);
  for (const auto& [first, steps] : std::vector<std::pair<std::uint64_t, std::optional<std::uint64_t>>>{
           {21, 1}, {20, std::nullopt}, {0, 21}, {19, 2}, {UINT64_MAX / 2, 1}, {1, INT64_MAX}, {21, 0}}) {
    const Status status = refusal(ask(program, {}, first, steps));
    EXPECT_EQ(status.code, Code::kInvalidArgument);
    EXPECT_THAT(status.message, HasSubstr("the execution has 20 steps"));
  }
  EXPECT_EQ(counters().jobs_done, 0U);
}

TEST_F(DispatcherThreads, ZeroStepsNeedNoProof) {
  const auto reply = ask(TextEngine::program(20), {}, 3, 0).get();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->proof, nullptr);
  EXPECT_EQ(refusal(ask(bytes_of("no elf"), {}, 0, 0)).code, Code::kInvalidArgument);
  EXPECT_TRUE(store_->open_jobs()->empty());
}

TEST_F(DispatcherThreads, AnEmptyExecutionIsProved) {
  const WorkingProver prover(*dispatcher_, "p", 0ms);
  const Bytes program = TextEngine::program(0);
  const auto reply = ask(program).get();
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_TRUE(TextEngine::is_proof_of(*reply->proof, program, {}, {0, 0}));
  EXPECT_EQ(prover.proved(), 1U);
}

TEST_F(DispatcherThreads, NamesTheLimitThatARequestPasses) {
  dispatcher_.reset();
  options_.max_elf_bytes = 30;
  options_.max_input_bytes = 5;
  options_.queue = {.jobs = 2, .jobs_per_requester = 1};
  options_.max_bundle_bytes = 100;
  options_.segment_proof_bytes = 40;
  options_.policy.bounds.max_steps = 50;
  start();
  const auto expect = [&](const Answer& answer, const std::string& message) {
    const Status status = refusal(answer);
    EXPECT_EQ(status.code, Code::kResourceExhausted);
    EXPECT_THAT(status.message, HasSubstr(message));
  };
  expect(ask(bytes_of(std::string(31, 'x'))), "the program has 31 bytes, of at most 30");
  expect(ask(TextEngine::program(1), bytes_of("123456")), "the input has 6 bytes, of at most 5");
  expect(ask(TextEngine::program(101)), "101 steps need 3 segments of about 40 bytes each");
  Answer one = ask(TextEngine::program(1));
  EXPECT_TRUE(eventually([&] { return store_->open_jobs()->size() == 1; }));
  expect(ask(TextEngine::program(2)), "alice has 1 jobs in the queue, of at most 1");
  Answer two = ask(TextEngine::program(2), {}, 0, {}, "bob");
  EXPECT_TRUE(eventually([&] { return store_->open_jobs()->size() == 2; }));
  expect(ask(TextEngine::program(3), {}, 0, {}, "carol"), "2 jobs of at most 2");
  const WorkingProver prover(*dispatcher_, "p", 0ms);
  EXPECT_TRUE(one.get());
  EXPECT_TRUE(two.get());
  EXPECT_TRUE(eventually([&] { return dispatcher_->snapshot().pending_bytes == 0; }));
}

TEST_F(DispatcherThreads, BoundsWhatWaitsToBeTakenIn) {
  dispatcher_.reset();
  options_.max_pending_bytes = 10;
  start();
  EXPECT_EQ(refusal(ask(TextEngine::program(1'000'000))).code, Code::kResourceExhausted);
  const auto stream = std::make_shared<Stream>();
  const SessionId session = connect("p", stream);
  send(session, bytes_of("more than ten bytes"));
  const auto closed = stream->closed();
  ASSERT_TRUE(closed);
  EXPECT_EQ(closed->code, Code::kResourceExhausted);
  EXPECT_EQ(dispatcher_->snapshot().pending_bytes, 0U);
}

TEST_F(DispatcherThreads, AJobThatNobodyProvesFailsInTime) {
  Answer answer = ask(TextEngine::program(10));
  ASSERT_TRUE(eventually([&] { return dispatcher_->snapshot().jobs.size() == 1; }));
  later_ += Duration(23h).count();
  std::this_thread::sleep_for(50ms);
  EXPECT_FALSE(answer.given());
  later_ += Duration(1h).count();
  const Status status = refusal(answer);
  EXPECT_EQ(status.code, Code::kDeadlineExceeded);
  EXPECT_THAT(status.message, HasSubstr("86400 s: it is ready, with 0 of 0 segments verified; no prover is connected"));
  const std::lock_guard lock(log_mutex_);
  EXPECT_THAT(log_, testing::Contains("waits for a prover: none is connected"));
  EXPECT_TRUE(store_->open_jobs()->empty());
}

TEST_F(DispatcherThreads, ACancelledRequestIsNotAnswered) {
  Answer cancelled, kept;
  const auto program = std::make_shared<const Bytes>(TextEngine::program(10));
  const auto input = std::make_shared<const Bytes>();
  const RequestId id = dispatcher_->request({program, input, 0, {}, "alice"}, cancelled.callback());
  dispatcher_->request({program, input, 0, {}, "alice"}, kept.callback());
  ASSERT_TRUE(eventually([&] { return dispatcher_->snapshot().jobs.size() == 1; }));
  dispatcher_->cancel(id);
  const WorkingProver prover(*dispatcher_, "p", 0ms);
  EXPECT_TRUE(kept.get());
  EXPECT_FALSE(cancelled.given());
  EXPECT_EQ(dispatcher_->snapshot().waiting_requests, 0U);
}

// --- Provers

TEST_F(DispatcherThreads, AnInvalidProofPutsItsSenderInQuarantine) {
  const auto liar = std::make_shared<Stream>();
  const SessionId session = connect("liar", liar);
  const Bytes program = TextEngine::program(10);
  Answer answer = ask(program);
  const auto work = liar->next_work();
  ASSERT_TRUE(work);
  send(session, proof_of(*work, false));
  const auto closed = liar->closed();
  ASSERT_TRUE(closed);
  EXPECT_EQ(closed->code, Code::kPermissionDenied);
  EXPECT_THAT(closed->message, HasSubstr("invalid proof: bus"));
  EXPECT_FALSE(answer.given());

  const auto again = std::make_shared<Stream>();
  ASSERT_TRUE(dispatcher_->connect({"liar", store::ProverType::kVolunteer, 1e6}, again));
  const auto refused = again->closed();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code, Code::kPermissionDenied);
  EXPECT_TRUE(again->all_work().empty());

  const WorkingProver honest(*dispatcher_, "honest", 0ms);
  const auto reply = answer.get();
  ASSERT_TRUE(reply);
  EXPECT_TRUE(TextEngine::is_proof_of(*reply->proof, program, {}, {0, 10}));
  EXPECT_EQ(counters().proofs_refused, 1U);

  later_ += Duration(25h).count();
  const auto forgiven = std::make_shared<Stream>();
  connect("liar", forgiven);
  EXPECT_FALSE(forgiven->wait(0ms));
}

TEST_F(DispatcherThreads, ProofsOfWhatWasNotGivenAreOfNoUseButNoLies) {
  const Bytes other = TextEngine::program(10, "other");
  {
    const WorkingProver prover(*dispatcher_, "honest", 0ms);
    ASSERT_TRUE(ask(other).get());
  }
  const Bytes program = TextEngine::program(10);
  Answer answer = ask(program);
  const auto stream = std::make_shared<Stream>();
  const SessionId session = connect("p", stream);
  const auto work = stream->next_work();
  ASSERT_TRUE(work);
  Work shorter = *work, later = *work;
  shorter.range.steps -= 1;
  later.range.first_step += 1;
  const std::vector<Bytes> proofs = {
      // Of a job that another prover has proved, and of one that nobody knows.
      TextEngine::prove(store::digest_of(other), store::digest_of(*work->input), work->range),
      TextEngine::prove(store::digest_of(TextEngine::program(10, "expired")), {}, {0, 10}), proof_of(shorter),
      proof_of(later)};
  for (const Bytes& proof : proofs) send(session, proof);
  EXPECT_TRUE(eventually([&] { return counters().proofs_superseded == proofs.size(); }));
  EXPECT_FALSE(answer.given());
  EXPECT_FALSE(stream->wait(0ms)) << "its stream goes on";
  EXPECT_EQ(engine_.verifications, 1) << "none of them needs verification";
  send(session, proof_of(*work));
  const auto reply = answer.get();
  ASSERT_TRUE(reply);
  EXPECT_TRUE(TextEngine::is_proof_of(*reply->proof, program, {}, {0, 10}));
  EXPECT_EQ(counters().proofs_refused, 0U);
}

TEST_F(DispatcherThreads, WhatIsNoProofIsALie) {
  Answer answer = ask(TextEngine::program(10));
  const std::vector<Bytes> lies = {bytes_of("no proof at all"), Bytes()};
  for (std::size_t i = 0; i < lies.size(); ++i) {
    const auto stream = std::make_shared<Stream>();
    const SessionId session = connect(fmt::format("liar{}", i), stream);
    ASSERT_TRUE(stream->next_work());
    send(session, lies[i]);
    const auto closed = stream->closed();
    ASSERT_TRUE(closed) << i;
    EXPECT_EQ(closed->code, Code::kPermissionDenied) << i;
  }
  EXPECT_EQ(engine_.verifications, 0) << "none of them needs verification";
  const WorkingProver prover(*dispatcher_, "another", 0ms);
  EXPECT_TRUE(answer.get());
  EXPECT_EQ(counters().proofs_refused, lies.size());
}

TEST_F(DispatcherThreads, AProofThatCannotBeVerifiedNowIsNoLie) {
  engine_.failures_to_verify = 2;
  const WorkingProver prover(*dispatcher_, "p", 0ms);
  EXPECT_TRUE(ask(TextEngine::program(10)).get());
  EXPECT_EQ(prover.proved(), 3U);
  EXPECT_EQ(counters().proofs_refused, 0U);
  EXPECT_EQ(counters().verifications_failed, 2U);
}

TEST_F(DispatcherThreads, AProofIsTakenAfterConnectingAgain) {
  const Bytes program = TextEngine::program(10);
  Answer answer = ask(program);
  const auto stream = std::make_shared<Stream>();
  const SessionId session = connect("p", stream);
  const auto work = stream->next_work();
  ASSERT_TRUE(work);
  dispatcher_->disconnect(session);
  restart();
  answer = ask(program);
  // Another prover has the segment now.
  const auto other = std::make_shared<Stream>();
  connect("other", other);
  ASSERT_TRUE(other->next_work());
  const auto back = std::make_shared<Stream>();
  send(connect("p", back), proof_of(*work));
  EXPECT_TRUE(answer.get());
}

TEST_F(DispatcherThreads, TheSecondProofOfASegmentIsSuperseded) {
  const Bytes program = TextEngine::program(10);
  Answer answer = ask(program);
  const auto slow = std::make_shared<Stream>(), fast = std::make_shared<Stream>();
  const SessionId first = connect("slow", slow);
  const auto work = slow->next_work();
  ASSERT_TRUE(work);
  // Progress keeps it alive, and it is late.
  for (int i = 0; i < 3; ++i) {
    later_ += Duration(20s).count();
    dispatcher_->progress(first, {0.1, 10, 10, 1});
  }
  const SessionId second = connect("fast", fast);
  const auto same = fast->next_work();
  ASSERT_TRUE(same);
  EXPECT_EQ(same->segment, work->segment);
  EXPECT_EQ(counters().straggler_assignments, 1U);
  send(second, proof_of(*same));
  ASSERT_TRUE(answer.get());
  send(first, proof_of(*work));
  EXPECT_TRUE(eventually([&] { return counters().proofs_superseded == 1; }));
  EXPECT_FALSE(slow->wait(0ms)) << "it did nothing wrong";
  EXPECT_EQ(engine_.verifications, 1);
  ask(TextEngine::program(11));
  EXPECT_TRUE(eventually([&] { return slow->all_work().size() + fast->all_work().size() == 4; })) << "both are idle";
}

TEST_F(DispatcherThreads, ASilentProverIsReplaced) {
  const Bytes program = TextEngine::program(10);
  Answer answer = ask(program);
  const auto silent = std::make_shared<Stream>();
  connect("silent", silent);
  ASSERT_TRUE(silent->next_work());
  later_ += Duration(31s).count();
  const auto closed = silent->closed();
  ASSERT_TRUE(closed);
  EXPECT_EQ(closed->code, Code::kDeadlineExceeded);
  const WorkingProver prover(*dispatcher_, "p", 0ms);
  EXPECT_TRUE(answer.get());
  EXPECT_EQ(counters().provers_lost, 1U);
}

TEST_F(DispatcherThreads, TwoStreamsWithOneId) {
  const auto first = std::make_shared<Stream>(), second = std::make_shared<Stream>();
  connect("p", first);
  const auto refused = dispatcher_->connect({"p", store::ProverType::kVolunteer, {}}, second);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kAlreadyExists);
  later_ += Duration(16s).count();
  ASSERT_TRUE(dispatcher_->connect({"p", store::ProverType::kVolunteer, {}}, second));
  const auto closed = first->closed();
  ASSERT_TRUE(closed);
  EXPECT_EQ(closed->code, Code::kAlreadyExists);
  Answer answer = ask(TextEngine::program(10));
  EXPECT_TRUE(second->next_work());
}

TEST_F(DispatcherThreads, ImpossibleProgressEndsTheStream) {
  const auto stream = std::make_shared<Stream>();
  const SessionId session = connect("p", stream);
  dispatcher_->progress(session, {2, 10, 10, 10});
  const auto closed = stream->closed();
  ASSERT_TRUE(closed);
  EXPECT_EQ(closed->code, Code::kInvalidArgument);
  EXPECT_TRUE(dispatcher_->snapshot().provers.empty());
}

TEST_F(DispatcherThreads, ShowsWhatGoesOn) {
  const auto stream = std::make_shared<Stream>();
  const SessionId session = connect("p", stream);
  Answer answer = ask(TextEngine::program(10), {}, 2, 4);
  const auto work = stream->next_work();
  ASSERT_TRUE(work);
  dispatcher_->progress(session, {0.5, 10, 4, 2});
  const Snapshot snapshot = dispatcher_->snapshot();
  ASSERT_THAT(snapshot.jobs, testing::SizeIs(1));
  EXPECT_EQ(snapshot.jobs[0].id, work->job);
  EXPECT_EQ(snapshot.jobs[0].requester, "alice");
  EXPECT_DOUBLE_EQ(snapshot.jobs[0].progress.fraction, 0.5);
  EXPECT_EQ(snapshot.jobs[0].progress.steps, 4U);
  ASSERT_THAT(snapshot.provers, testing::SizeIs(1));
  EXPECT_EQ(snapshot.provers[0].prover, "p");
  EXPECT_EQ(snapshot.provers[0].segment, work->segment);
  EXPECT_EQ(snapshot.waiting_requests, 1U);
  EXPECT_EQ(snapshot.counters.progress_messages, 1U);
}

// --- Draining and restarts

TEST_F(DispatcherThreads, Drains) {
  const auto stream = std::make_shared<Stream>();
  const SessionId session = connect("p", stream);
  Answer started = ask(TextEngine::program(10));
  const auto work = stream->next_work();
  ASSERT_TRUE(work);
  Answer waiting = ask(TextEngine::program(11));
  ASSERT_TRUE(eventually([&] { return dispatcher_->snapshot().jobs.size() == 2; }));
  dispatcher_->drain();
  EXPECT_EQ(refusal(ask(TextEngine::program(12))).code, Code::kUnavailable);
  const auto late = dispatcher_->connect({"late", store::ProverType::kVolunteer, {}}, std::make_shared<Stream>());
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::kUnavailable);
  EXPECT_FALSE(dispatcher_->wait_drained(50ms));
  send(session, proof_of(*work));
  EXPECT_TRUE(started.get()) << "what is under way is finished";
  EXPECT_TRUE(dispatcher_->wait_drained(10s));
  EXPECT_THAT(stream->all_work(), testing::SizeIs(1)) << "nothing new is given out";
  dispatcher_.reset();
  EXPECT_EQ(refusal(waiting).code, Code::kUnavailable);
  EXPECT_EQ(stream->closed()->code, Code::kUnavailable);
  start();
  const WorkingProver prover(*dispatcher_, "q", 0ms);
  EXPECT_TRUE(ask(TextEngine::program(11)).get());
  EXPECT_EQ(counters().requests_shared, 1U) << "it was kept";
}

TEST_F(DispatcherThreads, GoesOnFromEveryState) {
  // Jobs as they are when an orchestrator dies: accepted, ready, proving with one segment verified and another one
  // leased, assembling.
  dispatcher_.reset();
  const store::Time now = options_.clock();
  const store::Caller dead{"dead", now, now - 30s};
  const Bytes input = bytes_of("input");
  const Digest input_digest = *store_->blobs().put(input, now);
  const std::vector<store::SegmentRange> ranges = {{0, 4}, {4, 4}};
  for (int state = 0; state < 4; ++state) {
    const Bytes program = TextEngine::program(8, fmt::format("{}", state));
    const Digest digest = *store_->blobs().put(program, now);
    const JobId id = (*store_->submit({digest, input_digest, 0, {}}, "alice", {}, dead))->job.id;
    if (state == 0) continue;
    ASSERT_TRUE(*store_->set_ready(id, 8, 8, dead));
    if (state == 1) continue;
    ASSERT_TRUE(*store_->split(id, ranges, dead));
    const auto segments = (**store_->job(id)).segments;
    for (const auto& segment : segments) ASSERT_TRUE(store_->lease(segment.id, "gone", 1, dead));
    for (int i = 0; i + 1 < state; ++i) {
      const auto& segment = segments[static_cast<std::size_t>(i)];
      const Digest proof = *store_->blobs().put(TextEngine::prove(digest, input_digest, segment.range), now);
      ASSERT_TRUE(store_->accept_proof(segment.id, "gone", proof, 0, dead));
    }
  }
  restart();
  const WorkingProver prover(*dispatcher_, "p", 0ms);
  for (int state = 0; state < 4; ++state) {
    const Bytes program = TextEngine::program(8, fmt::format("{}", state));
    const auto reply = ask(program, input).get();
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_TRUE(TextEngine::is_proof_of(*reply->proof, program, input, {0, 8}));
  }
  EXPECT_EQ(engine_.executions, 1) << "of the one that was accepted";
  EXPECT_EQ(prover.proved(), 3U) << "and nothing that was verified is proved again";
}

TEST_F(DispatcherThreads, ADamagedBlobFailsItsJobAndNoOther) {
  const Bytes broken = TextEngine::program(10, "broken"), good = TextEngine::program(10, "good");
  Answer answer = ask(broken);
  ASSERT_TRUE(eventually([&] { return dispatcher_->snapshot().jobs.size() == 1; }));
  const JobId id = dispatcher_->snapshot().jobs[0].id;
  dispatcher_.reset();
  for (const auto& file : fs::recursive_directory_iterator(folder_ / "blobs")) {
    if (file.path().filename() == store::to_hex(store::digest_of(broken))) std::ofstream(file.path()) << "x";
  }
  start();
  const WorkingProver prover(*dispatcher_, "p", 0ms);
  EXPECT_TRUE(eventually([&] { return (**store_->job(id)).state == store::JobState::kFailed; }));
  EXPECT_EQ((**store_->job(id)).failure->code, Code::kInternal);
  EXPECT_TRUE(ask(good).get());
}

TEST_F(DispatcherThreads, AStoreThatFailsNowAndThenLosesNothing) {
  dispatcher_.reset();
  FlakyStore flaky(*store_, 0.15);
  flaky.reliable = true;
  auto started = Dispatcher::start(flaky, engine_, options_, {});
  ASSERT_TRUE(started);
  dispatcher_ = *std::move(started);
  flaky.reliable = false;
  {
    std::vector<std::unique_ptr<WorkingProver>> provers;
    for (int i = 0; i < 3; ++i)
      provers.push_back(std::make_unique<WorkingProver>(*dispatcher_, fmt::format("p{}", i), 1ms));
    for (int i = 0; i < 15; ++i) {
      const Bytes program = TextEngine::program(static_cast<std::uint64_t>(10 + i));
      // A requester that is told to ask again asks again.
      Expected<ProofReply> reply = ask(program).get();
      while (!reply && reply.error().code == Code::kUnavailable) reply = ask(program).get();
      ASSERT_TRUE(reply) << reply.error().message;
      EXPECT_TRUE(TextEngine::is_proof_of(*reply->proof, program, {}, {0, static_cast<std::uint64_t>(10 + i)}));
    }
    EXPECT_EQ(counters().proofs_refused, 0U);
  }
  EXPECT_GT(flaky.failed, 50);
  dispatcher_.reset();
}

// An orchestrator with its provers is killed at any moment, again and again: what it had accepted gets done in the end,
// and nobody is given what was verified before.
TEST_F(DispatcherThreads, KilledAtAnyMomentItLosesNothing) {
  dispatcher_.reset();
  store_.reset();
  const fs::path handed_out = folder_ / "handed-out";
  constexpr int kJobs = 6;
  const auto program = [](int job) { return TextEngine::program(40, fmt::format("job {}", job)); };
  const auto serve = [&](std::chrono::milliseconds time_a_segment, const std::function<void()>& meanwhile) {
    start();
    std::vector<std::unique_ptr<WorkingProver>> provers;
    for (int i = 0; i < 3; ++i) {
      provers.push_back(
          std::make_unique<WorkingProver>(*dispatcher_, fmt::format("p{}", i), time_a_segment, [&](const Work& work) {
            const std::string line = fmt::format("{}\n", static_cast<std::int64_t>(work.segment));
            std::ofstream(handed_out, std::ios::app) << line;
          }));
    }
    meanwhile();
    provers.clear();
    dispatcher_.reset();
    store_.reset();
  };
  options_.policy.bounds.max_steps = 4;

  std::set<std::int64_t> verified, accepted;
  std::mt19937 random(5);
  int rounds = 0;
  for (std::size_t done = 0; done == 0 && rounds < 40; ++rounds) {
    std::ofstream(handed_out, std::ios::trunc).close();
    const pid_t child = ::fork();
    if (child == 0) {
      serve(8ms, [&] {
        std::vector<Answer> answers;
        for (int job = 0; job < kJobs; ++job) answers.push_back(ask(program(job)));
        std::this_thread::sleep_for(60s);
      });
      ::_exit(1);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(80 + random() % 120));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));

    std::ifstream lines(handed_out);
    for (std::int64_t segment = 0; lines >> segment;) {
      EXPECT_FALSE(verified.contains(segment)) << "segment " << segment << " was verified before";
    }
    const auto store = *store::open_store("sqlite:" + (folder_ / "store.db").string(), folder_ / "blobs");
    const auto open = *store->open_jobs();
    std::set<std::int64_t> still_open;
    for (const auto& job : open) {
      accepted.insert(static_cast<std::int64_t>(job.id));
      still_open.insert(static_cast<std::int64_t>(job.id));
      for (const auto& segment : job.segments) {
        if (segment.verified) verified.insert(static_cast<std::int64_t>(segment.id));
        EXPECT_TRUE(segment.verified || !verified.contains(static_cast<std::int64_t>(segment.id))) << "it was verified";
      }
    }
    for (const std::int64_t id : accepted) {
      const auto job = *store->job(JobId{id});
      ASSERT_TRUE(job) << "job " << id << " is lost";
      EXPECT_NE(job->state, store::JobState::kFailed) << job->failure->message;
      done += job->state == store::JobState::kDone ? 1 : 0;
    }
  }
  EXPECT_GT(rounds, 1);
  serve(0ms, [&] {
    for (int job = 0; job < kJobs; ++job) {
      const auto reply = ask(program(job)).get();
      ASSERT_TRUE(reply) << reply.error().message;
      EXPECT_TRUE(TextEngine::is_proof_of(*reply->proof, program(job), {}, {0, 40}));
    }
  });
}

// --- Many at once

TEST_F(DispatcherThreads, AThousandIdleProversAndTwoHundredRequests) {
  dispatcher_.reset();
  options_.queue.jobs_per_requester = 200;
  options_.policy.ci_max_steps = 0;
  start();
  // CI provers that may not have these programs.
  std::vector<std::shared_ptr<Stream>> streams;
  std::vector<SessionId> sessions;
  for (int i = 0; i < 1000; ++i) {
    streams.push_back(std::make_shared<Stream>());
    const auto session = dispatcher_->connect({fmt::format("idle{}", i), store::ProverType::kCi, 1e6}, streams.back());
    ASSERT_TRUE(session);
    sessions.push_back(*session);
  }
  std::vector<Answer> answers;
  for (int i = 0; i < 200; ++i) {
    answers.push_back(ask(TextEngine::program(static_cast<std::uint64_t>(10 + i)), {}, 0, {}, i % 2 ? "alice" : "bob"));
  }
  std::atomic<bool> stop = false;
  std::thread heartbeats([&] {
    while (!stop) {
      for (const SessionId session : sessions) dispatcher_->heartbeat(session);
      std::this_thread::sleep_for(10ms);
    }
  });
  {
    const WorkingProver one(*dispatcher_, "one", 0ms), two(*dispatcher_, "two", 0ms);
    for (Answer& answer : answers) EXPECT_TRUE(answer.get(60s));
  }
  stop = true;
  heartbeats.join();
  EXPECT_EQ(dispatcher_->snapshot().provers.size(), 1000U);
  for (const auto& stream : streams) EXPECT_TRUE(stream->all_work().empty());
  EXPECT_EQ(counters().jobs_done, 200U);
}

// Everything that a server does, by several threads without regard for one another.
TEST_F(DispatcherThreads, EverythingAtOnce) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 25;
  std::vector<std::vector<Answer>> answers(kThreads);
  {
    const WorkingProver one(*dispatcher_, "one", 0ms), two(*dispatcher_, "two", 1ms);
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kRounds; ++i) {
          // The same jobs for all threads, so that they meet.
          answers[static_cast<std::size_t>(t)].push_back(ask(TextEngine::program(static_cast<std::uint64_t>(20 + i))));
          const auto gone = dispatcher_->request({.elf = std::make_shared<const Bytes>(TextEngine::program(7)),
                                                  .input = std::make_shared<const Bytes>(),
                                                  .requester = fmt::format("requester{}", t)},
                                                 [](const Expected<ProofReply>&) {});
          dispatcher_->cancel(gone);
          const auto stream = std::make_shared<Stream>();
          // An id that all threads want, or one of its own.
          const std::string prover = i % 2 == 0 ? std::string("shared") : fmt::format("prover{}", t);
          const auto session = dispatcher_->connect({prover, store::ProverType::kVolunteer, 1e6}, stream);
          if (!session) continue;
          dispatcher_->heartbeat(*session);
          static_cast<void>(dispatcher_->snapshot());
          if (!stream->wait(i % 5 == 0 ? 20ms : 0ms) && !stream->all_work().empty()) {
            const Work work = stream->all_work()[0];
            dispatcher_->progress(*session, {0.5, 100, work.range.steps, 0});
            dispatcher_->proof(*session, std::make_shared<const Bytes>(proof_of(work)), [] {});
          }
          dispatcher_->disconnect(*session);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (auto& of_thread : answers) {
      for (Answer& answer : of_thread) EXPECT_TRUE(answer.get(60s));
    }
  }
  EXPECT_EQ(counters().proofs_refused, 0U);
  EXPECT_EQ(counters().jobs_failed, 0U);
  EXPECT_EQ(counters().store_errors, 0U);
  EXPECT_TRUE(eventually([&] { return dispatcher_->snapshot().provers.empty(); }));
}

}  // namespace
}  // namespace magnetar::dispatch
