#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "host/worker/transport.h"

namespace magnetar::worker {

// Waits until `condition` holds, which is looked at with the lock.
class Monitor {
 public:
  template <typename F>
  void change(F&& f) {
    {
      const std::lock_guard lock(mutex_);
      f();
    }
    changed_.notify_all();
  }
  template <typename F>
  bool wait(F&& condition, std::chrono::milliseconds most = std::chrono::seconds(20)) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, most, condition);
  }
  template <typename F>
  auto look(F&& f) {
    const std::lock_guard lock(mutex_);
    return f();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
};

// A transport that tests move by hand.
class FakeTransport final : public Transport {
 public:
  void open(const Registration& registration, Events events) override {
    monitor_.change([&] {
      ++opened_;
      alive_ = true;
      registration_ = registration;
      events_ = std::move(events);
    });
    if (accepts_) {
      events_for_tests().connected();
    } else {
      close({.reason = "refused"});
    }
  }
  void send(Message message) override {
    std::optional<std::string> written;
    if (const auto* proof = std::get_if<FinishedProof>(&message); proof != nullptr && writes_proofs_) {
      written = proof->key;
    }
    // Before a test can see it, and end the stream.
    if (written) events_for_tests().written(*written);
    monitor_.change([&] { sent_.push_back(std::move(message)); });
  }
  void finish() override {
    monitor_.change([&] { ++finished_; });
    if (answers_farewell_) close({.in_order = true, .reason = "ended in order"});
  }
  void abort() override {
    monitor_.change([&] { ++aborted_; });
    close({.reason = "aborted"});
  }

  Events events_for_tests() {
    return monitor_.look([&] { return events_; });
  }
  void cut() { close({.reason = "cut"}); }
  void refuse() { close({.reason = "in quarantine", .refused = true}); }
  void give(Work work) { events_for_tests().assigned(std::move(work)); }

  template <typename T>
  std::vector<T> sent() {
    return monitor_.look([&] { return of_type<T>(); });
  }
  template <typename T>
  bool wait_for_sent(std::size_t count) {
    return monitor_.wait([&] { return of_type<T>().size() >= count; });
  }
  bool wait_for_opened(int count) {
    return monitor_.wait([&] { return opened_ >= count; });
  }

  std::atomic<bool> accepts_ = true;
  std::atomic<bool> writes_proofs_ = true;
  std::atomic<bool> answers_farewell_ = true;
  int opened_ = 0, finished_ = 0, aborted_ = 0;
  Registration registration_;
  Monitor monitor_;

 private:
  template <typename T>
  std::vector<T> of_type() {
    std::vector<T> messages;
    for (const Message& message : sent_) {
      if (const T* one = std::get_if<T>(&message)) messages.push_back(*one);
    }
    return messages;
  }

  // Nothing comes after `closed`.
  void close(Closed closed) {
    std::optional<Events> events;
    monitor_.change([&] {
      if (std::exchange(alive_, false)) events = events_;
    });
    if (events) events->closed(std::move(closed));
  }

  Events events_;
  bool alive_ = false;
  std::vector<Message> sent_;
};

}  // namespace magnetar::worker
