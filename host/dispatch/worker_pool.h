#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace magnetar::dispatch {

/// Threads that run tasks in the order of their urgency, then of their arrival.
class WorkerPool {
 public:
  enum class Urgency : std::size_t { kSoon = 0, kLater = 1 };

  explicit WorkerPool(unsigned threads);
  ~WorkerPool() { stop(); }
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// After stop() the task is dropped.
  void post(Urgency urgency, std::function<void()> task);

  /// Waits for the running tasks; the others are dropped. Not to be called by a task.
  void stop();

  /// Tasks that no thread has taken yet.
  std::size_t waiting() const;
  /// Whether no task waits or runs.
  bool idle() const;

 private:
  void run();

  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::array<std::deque<std::function<void()>>, 2> tasks_;
  std::size_t running_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace magnetar::dispatch
