#include "host/dispatch/worker_pool.h"

#include <algorithm>
#include <utility>

namespace magnetar::dispatch {

WorkerPool::WorkerPool(unsigned threads) {
  for (unsigned i = 0; i < std::max(1U, threads); ++i) threads_.emplace_back([this] { run(); });
}

void WorkerPool::post(Urgency urgency, std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    tasks_[static_cast<std::size_t>(urgency)].push_back(std::move(task));
  }
  work_.notify_one();
}

void WorkerPool::stop() {
  std::array<std::deque<std::function<void()>>, 2> dropped;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    // What tasks hold is freed outside of the lock.
    dropped.swap(tasks_);
  }
  work_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

std::size_t WorkerPool::waiting() const {
  const std::lock_guard lock(mutex_);
  return tasks_[0].size() + tasks_[1].size();
}

bool WorkerPool::idle() const {
  const std::lock_guard lock(mutex_);
  return running_ == 0 && tasks_[0].empty() && tasks_[1].empty();
}

void WorkerPool::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    work_.wait(lock, [this] { return stopping_ || !tasks_[0].empty() || !tasks_[1].empty(); });
    if (stopping_) return;
    auto& queue = tasks_[0].empty() ? tasks_[1] : tasks_[0];
    std::function<void()> task = std::move(queue.front());
    queue.pop_front();
    ++running_;
    lock.unlock();
    task();
    task = nullptr;
    lock.lock();
    --running_;
  }
}

}  // namespace magnetar::dispatch
