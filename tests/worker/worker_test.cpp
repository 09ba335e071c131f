// The worker against a transport and a prover that the tests move by hand: no network, no gRPC.

#include "host/worker/worker.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fake_transport.h"
#include "host/worker/backoff.h"
#include "host/worker/state_folder.h"

namespace magnetar::worker {
namespace {

using namespace std::chrono_literals;

// Works until told how it ends.
class FakeProver final : public Prover {
 public:
  std::string device() const override { return "fake"; }

  tl::expected<std::string, ProveFailure> prove(const Work& work, const Watch& watch) override {
    monitor_.change([&] {
      begun_.push_back(work.key());
      resumed_ = watch.resume.value_or("");
      outcome_.reset();
    });
    if (fails_) watch.device_failed("out of order");
    for (std::uint64_t done = 0;; ++done) {
      if (!watch.progress({.fraction = 0.25, .steps_in_trace = 9, .steps_to_prove = 4, .steps_proven = 1})) {
        watch.save("state of " + work.input);
        monitor_.change([&] { ++cancelled_; });
        return tl::unexpected(ProveFailure{ProveFailure::Kind::kCancelled, "cancelled"});
      }
      if (monitor_.wait([&] { return outcome_.has_value(); }, 1ms)) return *monitor_.look([&] { return outcome_; });
    }
  }

  void end(tl::expected<std::string, ProveFailure> outcome) {
    monitor_.change([&] { outcome_ = std::move(outcome); });
  }
  bool wait_for_begun(std::size_t count) {
    return monitor_.wait([&] { return begun_.size() >= count; });
  }

  std::vector<std::string> begun_;
  std::string resumed_;
  int cancelled_ = 0;
  std::atomic<bool> fails_ = false;  // the device
  Monitor monitor_;

 private:
  std::optional<tl::expected<std::string, ProveFailure>> outcome_;
};

std::filesystem::path fresh_folder() {
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  const std::filesystem::path folder =
      std::filesystem::path(::testing::TempDir()) / (std::string("magnetar-worker-") + test->name());
  std::filesystem::remove_all(folder);
  return folder;
}

Work work_on(const std::string& input) {
  return {.elf = "elf", .input = input, .first_step = 3, .steps = 4};
}

class WorkerThread : public ::testing::Test {
 protected:
  WorkerThread() : folder_(fresh_folder()), state_(*StateFolder::open(folder_)) {}
  ~WorkerThread() override {
    stop();
    std::filesystem::remove_all(folder_);
  }

  void start() {
    worker_.emplace(Registration{.prover_id = state_.prover_id(), .cycles_per_second = 5}, timing_, transport_, prover_,
                    state_, log_);
    thread_ = std::thread([this] { worker_->run(); });
  }
  void stop() {
    if (!thread_.joinable()) return;
    worker_->stop();
    thread_.join();
  }

  const std::filesystem::path folder_;
  StateFolder state_;
  FakeTransport transport_;
  FakeProver prover_;
  const log::Log log_{log::Format::kText, log::Level::kError};
  Timing timing_{.heartbeat = 20ms,
                 .progress = 10ms,
                 .confirmation = 30s,
                 .settled = 10s,
                 .farewell = 50ms,
                 .backoff = {.first = 1ms, .most = 8ms}};
  std::optional<Worker> worker_;
  std::thread thread_;
};

TEST_F(WorkerThread, SaysWhatItDoes) {
  prover_.fails_ = true;
  start();
  ASSERT_TRUE(transport_.wait_for_opened(1));
  transport_.give(work_on("a"));
  ASSERT_TRUE(prover_.wait_for_begun(1));
  ASSERT_TRUE(transport_.wait_for_sent<Progress>(1));
  Snapshot now = worker_->snapshot();
  EXPECT_EQ(now.prover, state_.prover_id());
  EXPECT_EQ(now.device, "fake");
  EXPECT_TRUE(now.connected);
  EXPECT_TRUE(now.proving);
  ASSERT_TRUE(now.progress);
  EXPECT_EQ(now.progress->fraction, 0.25);
  EXPECT_EQ(now.device_failures, 1U);
  EXPECT_EQ(now.proofs, 0U);
  transport_.writes_proofs_ = false;
  prover_.end("proof");
  ASSERT_TRUE(transport_.wait_for_sent<FinishedProof>(1));
  now = worker_->snapshot();
  EXPECT_FALSE(now.proving);
  EXPECT_FALSE(now.progress);
  EXPECT_EQ(now.proofs, 1U);
  EXPECT_EQ(now.proofs_sent, 0U) << "it is not written";
  EXPECT_EQ(now.unsent_proofs, 1U);
  EXPECT_EQ(now.steps, 4U);
  EXPECT_GT(now.steps_per_second, 0);
  transport_.cut();
  ASSERT_TRUE(transport_.wait_for_opened(2));
  transport_.give(work_on("b"));
  ASSERT_TRUE(prover_.wait_for_begun(2));
  prover_.end(tl::unexpected(ProveFailure{ProveFailure::Kind::kUnprovable, "it faults"}));
  ASSERT_TRUE(transport_.wait_for_opened(3));
  ASSERT_TRUE(transport_.monitor_.wait([&] { return worker_->snapshot().connections == 3; }));
  now = worker_->snapshot();
  EXPECT_EQ(now.failures, 1U);
  EXPECT_EQ(now.device_failures, 2U);
}

TEST_F(WorkerThread, RegistersAndShowsThatItLives) {
  start();
  ASSERT_TRUE(transport_.wait_for_sent<Heartbeat>(3));
  EXPECT_EQ(transport_.registration_.prover_id, state_.prover_id());
  EXPECT_EQ(transport_.registration_.cycles_per_second, 5);
}

TEST_F(WorkerThread, ProvesAndTellsHowFarItIs) {
  start();
  ASSERT_TRUE(transport_.wait_for_opened(1));
  transport_.give(work_on("a"));
  ASSERT_TRUE(transport_.wait_for_sent<Progress>(3));
  EXPECT_EQ(transport_.sent<Progress>().front().steps_in_trace, 9u);
  prover_.end("proof");
  ASSERT_TRUE(transport_.wait_for_sent<FinishedProof>(1));
  EXPECT_EQ(transport_.sent<FinishedProof>()[0].bytes, "proof");
  EXPECT_EQ(transport_.sent<Progress>().back().fraction, 1);
  EXPECT_EQ(transport_.sent<Progress>().back().steps_proven, 4u);
}

TEST_F(WorkerThread, GoesOnWhileDisconnectedAndSendsTheProofLater) {
  start();
  ASSERT_TRUE(transport_.wait_for_opened(1));
  transport_.give(work_on("a"));
  ASSERT_TRUE(prover_.wait_for_begun(1));
  transport_.accepts_ = false;
  transport_.cut();
  ASSERT_TRUE(transport_.wait_for_opened(4));
  prover_.end("proof");
  while (state_.kept_proofs().empty()) std::this_thread::sleep_for(1ms);
  EXPECT_TRUE(transport_.sent<FinishedProof>().empty());
  transport_.accepts_ = true;
  ASSERT_TRUE(transport_.wait_for_sent<FinishedProof>(1));
  EXPECT_EQ(prover_.cancelled_, 0);
}

TEST_F(WorkerThread, TheSameWorkAgainIsNotBegunAgain) {
  start();
  ASSERT_TRUE(transport_.wait_for_opened(1));
  transport_.give(work_on("a"));
  ASSERT_TRUE(prover_.wait_for_begun(1));
  transport_.cut();
  ASSERT_TRUE(transport_.wait_for_opened(2));
  transport_.give(work_on("a"));
  prover_.end("proof");
  ASSERT_TRUE(transport_.wait_for_sent<FinishedProof>(1));
  // What was proved is sent again when it is asked for again.
  transport_.cut();
  ASSERT_TRUE(transport_.wait_for_opened(3));
  transport_.give(work_on("a"));
  ASSERT_TRUE(transport_.wait_for_sent<FinishedProof>(2));
  EXPECT_EQ(prover_.begun_.size(), 1u);
}

TEST_F(WorkerThread, OtherWorkReplacesWhatItDoesAndTheOldGoesOnLater) {
  start();
  ASSERT_TRUE(transport_.wait_for_opened(1));
  transport_.give(work_on("a"));
  ASSERT_TRUE(prover_.wait_for_begun(1));
  transport_.give(work_on("b"));
  ASSERT_TRUE(prover_.wait_for_begun(2));
  EXPECT_EQ(prover_.monitor_.look([&] { return prover_.begun_[1]; }), work_on("b").key());
  transport_.give(work_on("a"));
  ASSERT_TRUE(prover_.wait_for_begun(3));
  EXPECT_EQ(prover_.monitor_.look([&] { return prover_.resumed_; }), "state of a");
}

TEST_F(WorkerThread, AProofThatMayNotHaveArrivedIsSentAgain) {
  start();
  ASSERT_TRUE(transport_.wait_for_opened(1));
  transport_.give(work_on("a"));
  ASSERT_TRUE(prover_.wait_for_begun(1));
  prover_.end("proof");
  ASSERT_TRUE(transport_.wait_for_sent<FinishedProof>(1));
  transport_.cut();
  ASSERT_TRUE(transport_.wait_for_sent<FinishedProof>(2));
  EXPECT_EQ(transport_.sent<FinishedProof>()[1].bytes, "proof");
  stop();
  // The end in order says that it was read.
  EXPECT_TRUE(state_.kept_proofs().empty());
}

TEST_F(WorkerThread, AProofThatWasRefusedIsForgotten) {
  start();
  ASSERT_TRUE(transport_.wait_for_opened(1));
  transport_.give(work_on("a"));
  ASSERT_TRUE(prover_.wait_for_begun(1));
  prover_.end("proof");
  ASSERT_TRUE(transport_.wait_for_sent<FinishedProof>(1));
  transport_.refuse();
  ASSERT_TRUE(transport_.wait_for_opened(2));
  EXPECT_TRUE(state_.kept_proofs().empty());
  ASSERT_TRUE(transport_.wait_for_sent<Heartbeat>(5));
  EXPECT_EQ(transport_.sent<FinishedProof>().size(), 1u);
}

TEST_F(WorkerThread, AProofThatSurelyArrivedIsForgotten) {
  timing_.confirmation = 30ms;
  start();
  ASSERT_TRUE(transport_.wait_for_opened(1));
  transport_.give(work_on("a"));
  ASSERT_TRUE(prover_.wait_for_begun(1));
  prover_.end("proof");
  ASSERT_TRUE(transport_.wait_for_sent<FinishedProof>(1));
  while (!state_.kept_proofs().empty()) std::this_thread::sleep_for(1ms);
  transport_.cut();
  ASSERT_TRUE(transport_.wait_for_opened(2));
  ASSERT_TRUE(transport_.wait_for_sent<Heartbeat>(5));
  EXPECT_EQ(transport_.sent<FinishedProof>().size(), 1u);
}

TEST_F(WorkerThread, WhatItCannotProveEndsTheStream) {
  start();
  ASSERT_TRUE(transport_.wait_for_opened(1));
  transport_.give(work_on("a"));
  ASSERT_TRUE(prover_.wait_for_begun(1));
  prover_.end(tl::unexpected(ProveFailure{ProveFailure::Kind::kEnvironment, "no memory"}));
  ASSERT_TRUE(transport_.wait_for_opened(2));
  EXPECT_EQ(transport_.finished_, 1);
}

TEST_F(WorkerThread, StopsWithACheckpoint) {
  start();
  ASSERT_TRUE(transport_.wait_for_opened(1));
  transport_.give(work_on("a"));
  ASSERT_TRUE(prover_.wait_for_begun(1));
  stop();
  EXPECT_EQ(state_.checkpoint(work_on("a").key()), "state of a");
  EXPECT_EQ(transport_.finished_, 1);
  EXPECT_EQ(transport_.aborted_, 0);
}

TEST_F(WorkerThread, StopsAlthoughTheOrchestratorSaysNothing) {
  transport_.answers_farewell_ = false;
  start();
  ASSERT_TRUE(transport_.wait_for_opened(1));
  stop();
  EXPECT_EQ(transport_.aborted_, 1);
}

TEST_F(WorkerThread, StopsWhileThereIsNoOrchestrator) {
  transport_.accepts_ = false;
  start();
  ASSERT_TRUE(transport_.wait_for_opened(3));
  stop();
  EXPECT_LE(transport_.finished_, 1);  // one where it stops between opening a stream and hearing that it is refused
  EXPECT_EQ(transport_.aborted_, 0);
}

TEST(Backoff, DoublesUpToTheMostWithJitter) {
  Backoff backoff({.first = 100ms, .most = 1000ms}, 7);
  bool differs = false;
  for (const auto ceiling : {100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms}) {
    const auto wait = backoff.next();
    EXPECT_GE(wait, ceiling / 2);
    EXPECT_LE(wait, ceiling);
    differs = differs || wait != ceiling;
  }
  EXPECT_TRUE(differs);
  backoff.reset();
  EXPECT_LE(backoff.next(), 100ms);
}

TEST(Work, KeysTellApart) {
  const Work work{.elf = "ab", .input = "c", .first_step = 1, .steps = 2};
  std::vector<Work> others(6, work);
  others[0].elf = "a";
  others[0].input = "bc";
  others[1].first_step = 2;
  others[2].steps = 1;
  others[3].steps.reset();
  others[4].input = "";
  others[5].elf = "";
  for (const Work& other : others) EXPECT_NE(other.key(), work.key());
  EXPECT_EQ(Work(work).key(), work.key());
}

TEST(StateFolderTest, IdsStayAndAreUniqueAmongProcesses) {
  const std::filesystem::path root = fresh_folder();
  std::string first, second;
  {
    const auto one = StateFolder::open(root);
    const auto two = StateFolder::open(root);
    ASSERT_TRUE(one && two);
    first = one->prover_id();
    second = two->prover_id();
    EXPECT_NE(first, second);
    EXPECT_EQ(first.size(), 36u);
  }
  const auto one = StateFolder::open(root);
  const auto two = StateFolder::open(root);
  EXPECT_EQ(one->prover_id(), first);
  EXPECT_EQ(two->prover_id(), second);
  std::filesystem::remove_all(root);
}

TEST(StateFolderTest, KeepsTheLastCheckpointsOnly) {
  const std::filesystem::path root = fresh_folder();
  auto folder = StateFolder::open(root);
  ASSERT_TRUE(folder);
  for (std::size_t i = 0; i < StateFolder::kCheckpoints + 2; ++i) {
    ASSERT_TRUE(folder->save_checkpoint("key" + std::to_string(i), std::to_string(i)));
    std::this_thread::sleep_for(2ms);
  }
  EXPECT_FALSE(folder->checkpoint("key1"));
  EXPECT_EQ(folder->checkpoint("key2"), "2");
  std::filesystem::remove_all(root);
}

TEST(StateFolderTest, SaysWhatItCannotMake) {
  const auto folder = StateFolder::open("/proc/nowhere");
  ASSERT_FALSE(folder);
  EXPECT_NE(folder.error().find("/proc/nowhere"), std::string::npos) << folder.error();
}

}  // namespace
}  // namespace magnetar::worker
