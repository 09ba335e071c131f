#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "host/dispatch/dispatcher.h"
#include "text_engine.h"

namespace magnetar::dispatch {

/// The far end of a prover's stream, as a test sees it.
class Stream final : public ProverStream {
 public:
  void send(const Work& work) override;
  void close(const Status& status) override;

  /// The next work that is sent, if it comes within ten seconds.
  std::optional<Work> next_work();
  /// How the stream was closed, if within ten seconds.
  std::optional<Status> closed();
  /// Whether it is closed; waits for work or that.
  bool wait(std::chrono::milliseconds at_most);
  std::vector<Work> all_work() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Work> work_;
  std::size_t taken_ = 0;
  std::optional<Status> closed_;
};

Bytes proof_of(const Work& work, bool valid = true);

/// A prover with a thread of its own that proves what it is sent, after some time, and connects again when it is closed
/// for being a duplicate.
class WorkingProver {
 public:
  WorkingProver(Dispatcher& dispatcher, std::string name, std::chrono::milliseconds time_a_segment,
                std::function<void(const Work&)> on_work = {});
  ~WorkingProver();
  WorkingProver(const WorkingProver&) = delete;
  WorkingProver& operator=(const WorkingProver&) = delete;

  std::size_t proved() const { return proved_; }

 private:
  void run();

  Dispatcher& dispatcher_;
  std::string name_;
  std::chrono::milliseconds time_;
  std::function<void(const Work&)> on_work_;
  std::atomic<bool> stopping_ = false;
  std::atomic<std::size_t> proved_ = 0;
  std::thread thread_;
};

/// What a requester is told.
class Answer {
 public:
  Dispatcher::Reply callback();
  /// Within so many seconds; fails the test otherwise.
  Expected<ProofReply> get(std::chrono::seconds at_most = std::chrono::seconds(30));
  bool given() const;

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<Expected<ProofReply>> reply;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace magnetar::dispatch
