#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <mutex>

#include "host/dispatch/dispatcher.h"
#include "postgres_server.h"
#include "prover.h"
#include "text_engine.h"

namespace magnetar::dispatch {
namespace {

using namespace std::chrono_literals;

/// Two orchestrators on one PostgreSQL queue.
class SharedQueueTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto& server = store::PostgresServer::instance();
    if (!server) GTEST_SKIP() << server.error();
    address_ = server->new_database();
    options_.policy.gathering = 0;
    options_.policy.bounds.min_steps = 1;
    options_.policy.reconnect_grace = 0ms;
    options_.tick = 20ms;
    // A dead orchestrator is noticed soon.
    options_.orchestrator_timeout = 1500ms;
    for (auto* side : {&a_, &b_}) start(*side);
  }

  struct Side {
    TextEngine engine;
    std::unique_ptr<store::Store> store;
    std::unique_ptr<Dispatcher> dispatcher;
  };

  void start(Side& side) {
    side.store = *store::open_store(address_, {});
    auto started = Dispatcher::start(*side.store, side.engine, options_, {});
    ASSERT_TRUE(started) << started.error().message;
    side.dispatcher = *std::move(started);
  }
  static Answer ask(Side& side, const Bytes& program) {
    Answer answer;
    side.dispatcher->request({std::make_shared<const Bytes>(program), std::make_shared<const Bytes>(), 0, {}, "alice"},
                             answer.callback());
    return answer;
  }
  std::unique_ptr<WorkingProver> prover(Side& side, const std::string& name, std::chrono::milliseconds time = 0ms) {
    return std::make_unique<WorkingProver>(*side.dispatcher, name, time, [this](const Work& work) {
      const std::lock_guard lock(mutex_);
      ++handed_out_[work.segment];
    });
  }

  std::string address_;
  Options options_;
  Side a_, b_;
  std::mutex mutex_;
  std::map<SegmentId, int> handed_out_;
};

TEST_F(SharedQueueTest, AJobIsProvedWhereTheProversAre) {
  const Bytes program = TextEngine::program(100);
  Answer at_a = ask(a_, program), at_b = ask(b_, program);
  const auto working = prover(b_, "p");
  const auto one = at_a.get(), two = at_b.get();
  ASSERT_TRUE(one) << one.error().message;
  ASSERT_TRUE(two) << two.error().message;
  EXPECT_EQ(one->job, two->job);
  EXPECT_TRUE(TextEngine::is_proof_of(*one->proof, program, {}, {0, 100}));
  EXPECT_EQ(working->proved(), 1U);
}

TEST_F(SharedQueueTest, NothingIsProvedTwice) {
  std::vector<std::unique_ptr<WorkingProver>> provers;
  for (int i = 0; i < 3; ++i) {
    provers.push_back(prover(a_, fmt::format("a{}", i), 3ms));
    provers.push_back(prover(b_, fmt::format("b{}", i), 3ms));
  }
  std::vector<std::pair<std::uint64_t, Answer>> answers;
  for (std::uint64_t steps = 100; steps < 120; ++steps) {
    answers.emplace_back(steps, ask(steps % 2 != 0 ? a_ : b_, TextEngine::program(steps)));
  }
  for (auto& [steps, answer] : answers) {
    const auto reply = answer.get();
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_TRUE(TextEngine::is_proof_of(*reply->proof, TextEngine::program(steps), {}, {0, steps}));
  }
  provers.clear();
  for (const auto& [segment, times] : handed_out_) EXPECT_EQ(times, 1) << static_cast<std::int64_t>(segment);
  EXPECT_GE(a_.dispatcher->snapshot().counters.proofs_accepted + b_.dispatcher->snapshot().counters.proofs_accepted,
            20U);
  EXPECT_EQ(a_.engine.executions + b_.engine.executions, 20);
}

TEST_F(SharedQueueTest, AnIdIsConnectedOnce) {
  const auto first = std::make_shared<Stream>(), second = std::make_shared<Stream>();
  ASSERT_TRUE(a_.dispatcher->connect({"p", store::ProverType::kVolunteer, {}}, first));
  Answer answer = ask(a_, TextEngine::program(10));
  ASSERT_TRUE(first->next_work());
  ASSERT_TRUE(b_.dispatcher->connect({"p", store::ProverType::kVolunteer, {}}, second));
  const auto closed = second->closed();
  ASSERT_TRUE(closed);
  EXPECT_EQ(closed->code, Code::kAlreadyExists);
}

TEST_F(SharedQueueTest, OneTakesOverWhatTheOtherLeaves) {
  const Bytes program = TextEngine::program(10);
  Answer answer = ask(a_, program);
  const auto stream = std::make_shared<Stream>();
  ASSERT_TRUE(b_.dispatcher->connect({"p", store::ProverType::kVolunteer, {}}, stream));
  ASSERT_TRUE(stream->next_work());
  b_.dispatcher.reset();
  const auto working = prover(a_, "q");
  EXPECT_TRUE(answer.get());
}

TEST_F(SharedQueueTest, OneTakesOverFromOneThatDied) {
  // An orchestrator that executes, leases, and is never heard of again.
  const auto clock = steady_wall_clock();
  const store::Caller dead{"dead", clock(), clock() - 1s};
  const Bytes accepted = TextEngine::program(10, "accepted"), leased = TextEngine::program(10, "leased");
  ASSERT_TRUE(a_.store->announce(dead));
  const auto input = *a_.store->blobs().put({}, clock());
  for (const Bytes& program : {accepted, leased}) {
    const auto digest = *a_.store->blobs().put(program, clock());
    const JobId id = (*a_.store->submit({digest, input, 0, {}}, "alice", {}, dead))->job.id;
    if (program == accepted) continue;
    ASSERT_TRUE(*a_.store->set_ready(id, 10, 10, dead));
    ASSERT_TRUE(*a_.store->split(id, std::vector<store::SegmentRange>{{0, 10}}, dead));
    ASSERT_EQ(*a_.store->lease((**a_.store->job(id)).segments[0].id, "gone", 1, dead),
              store::Store::LeaseOutcome::kGranted);
  }
  const auto working = prover(b_, "q");
  EXPECT_TRUE(ask(b_, accepted).get());
  EXPECT_TRUE(ask(a_, leased).get());
}

TEST_F(SharedQueueTest, OneThatIsStartedAgainDoesNotWait) {
  // Nobody would notice that it is dead.
  options_.orchestrator_timeout = 1h;
  const auto clock = steady_wall_clock();
  const store::Caller dead{"killed", clock(), clock() - 1h};
  ASSERT_TRUE(a_.store->announce(dead));
  ASSERT_TRUE(*a_.store->connect_prover("p", store::ProverType::kVolunteer, 1, dead));
  const Bytes program = TextEngine::program(10);
  const auto digest = *a_.store->blobs().put(program, clock()), input = *a_.store->blobs().put({}, clock());
  const JobId id = (*a_.store->submit({digest, input, 0, {}}, "alice", {}, dead))->job.id;
  ASSERT_TRUE(*a_.store->set_ready(id, 10, 10, dead));
  ASSERT_TRUE(*a_.store->split(id, std::vector<store::SegmentRange>{{0, 10}}, dead));
  ASSERT_EQ(*a_.store->lease((**a_.store->job(id)).segments[0].id, "gone", 1, dead),
            store::Store::LeaseOutcome::kGranted);
  options_.self = "killed";
  a_.dispatcher.reset();
  start(a_);
  EXPECT_EQ(a_.dispatcher->snapshot().orchestrator, "killed");
  const auto working = prover(a_, "p");
  EXPECT_TRUE(ask(a_, program).get());
  EXPECT_EQ(working->proved(), 1U);
}

}  // namespace
}  // namespace magnetar::dispatch
