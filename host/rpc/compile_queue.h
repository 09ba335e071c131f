#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace magnetar::rpc {

/// Threads that take compilations off those of gRPC, which must not wait.
class CompileQueue {
 public:
  CompileQueue(unsigned threads, std::size_t max_waiting);
  /// Waits for the tasks that run; those that wait are dropped.
  ~CompileQueue();

  /// False: too many wait already.
  bool post(std::function<void()> task);

 private:
  void serve();

  const std::size_t max_waiting_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;  // by mutex_
  bool stopping_ = false;                    // by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace magnetar::rpc
