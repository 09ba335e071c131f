#include "host/worker/worker.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <new>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <variant>

namespace magnetar::worker {
namespace {

using Clock = std::chrono::steady_clock;

// What happens to the loop. `stream` is the number of the stream that it happened on: of earlier ones nothing counts.
struct Connected {
  std::uint64_t stream;
};
struct Assigned {
  std::uint64_t stream;
  Work work;
};
struct Written {
  std::uint64_t stream;
  std::string key;
};
struct Ended {
  std::uint64_t stream;
  Closed closed;
};
struct Proved {
  std::string key;
  tl::expected<std::string, ProveFailure> result;
};
struct FirstProgress {};  // of the running work: its totals are known
struct Stop {};
using Event = std::variant<Connected, Assigned, Written, Ended, Proved, FirstProgress, Stop>;

// Shared between the loop and the thread that proves.
struct Running {
  Work work;
  std::string key;
  Clock::time_point started = Clock::now();
  std::atomic<bool> cancelled = false;
  std::atomic<bool> device_failed = false;
  std::thread thread{};
};

tl::expected<std::string, ProveFailure> guarded_prove(Prover& prover, const Work& work, const Watch& watch) {
  try {
    return prover.prove(work, watch);
  } catch (const std::bad_alloc&) {
    return tl::unexpected(ProveFailure{ProveFailure::Kind::kEnvironment, "out of memory"});
  } catch (const std::exception& error) {
    return tl::unexpected(ProveFailure{ProveFailure::Kind::kEnvironment, error.what()});
  }
}

}  // namespace

class Worker::Loop {
 public:
  Loop(Registration registration, const Timing& timing, Transport& transport, Prover& prover, StateFolder& state,
       const log::Log& log)
      : registration_(std::move(registration)),
        timing_(timing),
        transport_(transport),
        prover_(prover),
        state_(state),
        log_(log),
        backoff_(timing.backoff, std::random_device()()) {
    status_.prover = registration_.prover_id;
    status_.device = prover_.device();
    status_.turned_at = Clock::now();
    status_.unsent_proofs = state_.kept_proofs().size();
  }

  void post(Event event) {
    {
      const std::lock_guard lock(mutex_);
      events_.push_back(std::move(event));
    }
    wake_.notify_one();
  }

  void run();

  Snapshot snapshot() const {
    const std::lock_guard lock(status_mutex_);
    return status_;
  }

 private:
  enum class Link : std::uint8_t { kDown, kOpening, kUp };

  std::optional<Event> wait();
  Clock::time_point next_deadline() const;
  void on_time(Clock::time_point now);

  void open();
  void handle(Connected);
  void handle(Assigned assigned);
  void handle(Written written);
  void handle(Ended ended);
  void handle(Proved proved);
  void handle(FirstProgress);
  void handle(Stop);

  void start(Work work, std::string key);
  void end_running();
  void cancel();
  void report_progress();
  void send_next_proof();
  void give_up_stream();
  void discard_proof(const std::string& key);
  void count_unsent();
  template <typename F>
  auto note(const F& change) {
    const std::lock_guard lock(status_mutex_);
    return change(status_);
  }

  const Registration registration_;
  const Timing timing_;
  Transport& transport_;
  Prover& prover_;
  StateFolder& state_;
  const log::Log& log_;
  Backoff backoff_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Event> events_;  // by mutex_

  mutable std::mutex status_mutex_;
  Snapshot status_;  // by status_mutex_

  // Of the loop's thread alone.
  Link link_ = Link::kDown;
  std::uint64_t stream_ = 0;
  bool stopping_ = false;
  Clock::time_point connect_at_ = Clock::now();
  Clock::time_point up_since_{};
  Clock::time_point heartbeat_at_{};
  Clock::time_point progress_at_{};
  std::optional<Clock::time_point> abort_at_{};  // the stream was finished, and must end by then
  std::unique_ptr<Running> running_;
  std::optional<Work> next_;
  std::deque<std::string> to_send_;                   // keys of kept proofs that this stream has not sent
  std::optional<std::string> sending_;                // the one that is being written
  std::map<std::string, Clock::time_point> written_;  // on this stream, and when
};

void Worker::Loop::run() {
  for (;;) {
    if (auto event = wait()) std::visit([this](auto&& e) { handle(std::forward<decltype(e)>(e)); }, *std::move(event));
    on_time(Clock::now());
    note([](Snapshot& s) { s.turned_at = Clock::now(); });
    if (stopping_ && running_ == nullptr && link_ == Link::kDown) return;
  }
}

std::optional<Event> Worker::Loop::wait() {
  const Clock::time_point deadline = next_deadline();
  std::unique_lock lock(mutex_);
  if (!wake_.wait_until(lock, deadline, [this] { return !events_.empty(); })) return std::nullopt;
  Event event = std::move(events_.front());
  events_.pop_front();
  return event;
}

Clock::time_point Worker::Loop::next_deadline() const {
  Clock::time_point deadline = Clock::now() + timing_.heartbeat;
  if (link_ == Link::kDown && !stopping_) deadline = std::min(deadline, connect_at_);
  if (abort_at_) deadline = std::min(deadline, *abort_at_);
  if (link_ == Link::kUp) {
    deadline = std::min(deadline, heartbeat_at_);
    if (running_ != nullptr) deadline = std::min(deadline, progress_at_);
    for (const auto& [key, when] : written_) deadline = std::min(deadline, when + timing_.confirmation);
  }
  return deadline;
}

void Worker::Loop::on_time(Clock::time_point now) {
  if (link_ == Link::kDown && !stopping_ && now >= connect_at_) open();
  if (abort_at_ && now >= *abort_at_) {
    abort_at_.reset();
    transport_.abort();
  }
  if (link_ != Link::kUp) return;
  if (now >= heartbeat_at_) {
    transport_.send(Heartbeat{});
    heartbeat_at_ = now + timing_.heartbeat;
  }
  if (now >= up_since_ + timing_.settled) backoff_.reset();
  if (running_ != nullptr && now >= progress_at_) report_progress();
  for (auto entry = written_.begin(); entry != written_.end();) {
    if (now < entry->second + timing_.confirmation) {
      ++entry;
    } else {
      discard_proof(entry->first);
      entry = written_.erase(entry);
    }
  }
}

void Worker::Loop::open() {
  link_ = Link::kOpening;
  const std::uint64_t stream = ++stream_;
  log_.debug("connecting", {{"prover", registration_.prover_id}});
  transport_.open(registration_, {.connected = [this, stream] { post(Connected{stream}); },
                                  .assigned =
                                      [this, stream](Work work) {
                                        post(Assigned{stream, std::move(work)});
                                      },
                                  .written =
                                      [this, stream](std::string key) {
                                        post(Written{stream, std::move(key)});
                                      },
                                  .closed =
                                      [this, stream](Closed closed) {
                                        post(Ended{stream, std::move(closed)});
                                      }});
}

void Worker::Loop::handle(Connected connected) {
  if (connected.stream != stream_ || link_ != Link::kOpening) return;
  link_ = Link::kUp;
  up_since_ = Clock::now();
  heartbeat_at_ = up_since_ + timing_.heartbeat;
  note([](Snapshot& s) {
    s.connected = true;
    ++s.connections;
  });
  log_.info("connected", {{"prover", registration_.prover_id}});
  if (stopping_) return give_up_stream();
  if (running_ != nullptr) report_progress();
  for (std::string& key : state_.kept_proofs()) to_send_.push_back(std::move(key));
  send_next_proof();
}

void Worker::Loop::handle(Assigned assigned) {
  if (assigned.stream != stream_ || stopping_) return;
  std::string key = assigned.work.key();
  log_.info("given work", {{"prover", registration_.prover_id},
                           {"work", key},
                           {"first_step", assigned.work.first_step},
                           {"steps", assigned.work.steps ? static_cast<std::int64_t>(*assigned.work.steps) : -1},
                           {"elf_bytes", assigned.work.elf.size()},
                           {"input_bytes", assigned.work.input.size()}});
  if (running_ != nullptr && running_->key == key && !running_->cancelled) {
    next_.reset();
    report_progress();
    return;
  }
  if (sending_ == key || std::find(to_send_.begin(), to_send_.end(), key) != to_send_.end()) return;
  if (state_.proof(key)) {
    to_send_.push_back(std::move(key));
    send_next_proof();
    return;
  }
  if (running_ != nullptr) {
    next_ = std::move(assigned.work);
    cancel();
    return;
  }
  start(std::move(assigned.work), std::move(key));
}

void Worker::Loop::handle(Written written) {
  if (written.stream != stream_) return;
  note([](Snapshot& s) { ++s.proofs_sent; });
  log_.info("proof sent", {{"prover", registration_.prover_id}, {"work", written.key}});
  written_[written.key] = Clock::now();
  sending_.reset();
  send_next_proof();
}

void Worker::Loop::handle(Ended ended) {
  if (ended.stream != stream_) return;
  const auto wait = backoff_.next();
  // What was refused would be refused again, each time with the whole prover.
  if (ended.closed.in_order || ended.closed.refused) {
    for (const auto& [key, when] : written_) discard_proof(key);
  }
  log_.warning(stopping_ ? "disconnected" : "disconnected; connecting again",
               {{"prover", registration_.prover_id},
                {"reason", ended.closed.reason},
                {"seconds", std::chrono::duration<double>(wait).count()},
                {"proving", running_ != nullptr}});
  link_ = Link::kDown;
  note([](Snapshot& s) { s.connected = false; });
  abort_at_.reset();
  connect_at_ = Clock::now() + wait;
  to_send_.clear();
  sending_.reset();
  written_.clear();
}

void Worker::Loop::handle(Proved proved) {
  running_->thread.join();
  const double seconds = std::chrono::duration<double>(Clock::now() - running_->started).count();
  if (proved.result) {
    note([&](Snapshot& s) {
      ++s.proofs;
      s.proving_seconds += seconds;
      if (!s.progress) return;
      s.progress->fraction = 1;
      s.progress->steps_proven = s.progress->steps_to_prove;
      s.steps += s.progress->steps_to_prove;
      s.steps_per_second = static_cast<double>(s.progress->steps_to_prove) / std::max(seconds, 1e-9);
    });
    log_.info("proved", {{"prover", registration_.prover_id},
                         {"work", proved.key},
                         {"device", prover_.device() + (running_->device_failed ? "+cpu" : "")},
                         {"seconds", seconds},
                         {"bytes", proved.result->size()}});
    if (link_ == Link::kUp) report_progress();
    end_running();
    const auto kept = state_.keep_proof(proved.key, *proved.result);
    if (kept) {
      count_unsent();
      state_.discard_checkpoint(proved.key);
      if (link_ == Link::kUp) {
        to_send_.push_back(proved.key);
        send_next_proof();
      }
    } else {
      log_.error("the proof cannot be kept on disk", {{"work", proved.key}, {"reason", kept.error()}});
      // Sent at least on this stream; without the file it is lost with it.
      if (link_ == Link::kUp) transport_.send(FinishedProof{proved.key, *std::move(proved.result)});
    }
  } else {
    end_running();
    const ProveFailure& failure = proved.result.error();
    if (failure.kind != ProveFailure::Kind::kCancelled) {
      note([](Snapshot& s) { ++s.failures; });
      log_.error("cannot prove", {{"prover", registration_.prover_id},
                                  {"work", proved.key},
                                  {"seconds", seconds},
                                  {"reason", failure.message}});
      // The protocol has no word for it. The end of the stream tells the orchestrator to give the work to another one.
      if (!next_ && link_ == Link::kUp) give_up_stream();
    }
  }
  if (next_ && !stopping_) {
    Work work = *std::exchange(next_, std::nullopt);
    std::string key = work.key();
    start(std::move(work), std::move(key));
  }
}

void Worker::Loop::end_running() {
  running_.reset();
  note([](Snapshot& s) {
    s.proving = false;
    s.progress.reset();
  });
}

void Worker::Loop::discard_proof(const std::string& key) {
  state_.discard_proof(key);
  count_unsent();
}

// Whoever looks at the status must not wait for the disk.
void Worker::Loop::count_unsent() {
  const std::size_t count = state_.kept_proofs().size();
  note([count](Snapshot& s) { s.unsent_proofs = count; });
}

void Worker::Loop::handle(FirstProgress) {
  if (running_ != nullptr && link_ == Link::kUp) report_progress();
}

void Worker::Loop::handle(Stop) {
  if (std::exchange(stopping_, true)) return;
  log_.info("stopping", {{"prover", registration_.prover_id}, {"proving", running_ != nullptr}});
  next_.reset();
  if (running_ != nullptr) cancel();
  // While it is opening its end is near: it connects, or fails.
  if (link_ != Link::kDown) give_up_stream();
}

void Worker::Loop::start(Work work, std::string key) {
  running_ = std::make_unique<Running>();
  running_->work = std::move(work);
  running_->key = std::move(key);
  progress_at_ = Clock::now() + timing_.progress;
  Running* running = running_.get();
  note([](Snapshot& s) { s.proving = true; });
  auto resume = state_.checkpoint(running->key);
  if (resume) {
    log_.info("going on from a checkpoint", {{"prover", registration_.prover_id}, {"work", running->key}});
  }
  running->thread = std::thread([this, running, resume = std::move(resume)]() mutable {
    Watch watch{.go_on = [running] { return !running->cancelled; },
                .progress =
                    [this, running](const Progress& progress) {
                      const bool first =
                          note([&](Snapshot& s) { return !std::exchange(s.progress, progress).has_value(); });
                      if (first) post(FirstProgress{});
                      return !running->cancelled;
                    },
                .resume = std::move(resume),
                .save =
                    [this, running](std::string_view bytes) {
                      if (const auto saved = state_.save_checkpoint(running->key, bytes); !saved) {
                        log_.warning("no checkpoint", {{"work", running->key}, {"reason", saved.error()}});
                      }
                    },
                .device_failed =
                    [this, running](std::string_view reason) {
                      running->device_failed = true;
                      note([](Snapshot& s) { ++s.device_failures; });
                      log_.warning("the device failed; the CPU goes on", {{"prover", registration_.prover_id},
                                                                          {"work", running->key},
                                                                          {"device", prover_.device()},
                                                                          {"reason", reason}});
                    }};
    auto result = guarded_prove(prover_, running->work, watch);
    post(Proved{running->key, std::move(result)});
  });
}

void Worker::Loop::cancel() {
  running_->cancelled = true;
}

void Worker::Loop::report_progress() {
  const std::optional<Progress> progress = snapshot().progress;
  progress_at_ = Clock::now() + timing_.progress;
  // Nothing is known yet while the program is executed; a heartbeat says that we live.
  if (progress) {
    transport_.send(*progress);
  } else {
    transport_.send(Heartbeat{});
  }
}

void Worker::Loop::send_next_proof() {
  while (!sending_ && !to_send_.empty()) {
    std::string key = std::move(to_send_.front());
    to_send_.pop_front();
    auto bytes = state_.proof(key);
    if (!bytes) continue;
    sending_ = key;
    transport_.send(FinishedProof{std::move(key), *std::move(bytes)});
  }
}

void Worker::Loop::give_up_stream() {
  transport_.finish();
  abort_at_ = Clock::now() + timing_.farewell;
}

Worker::Worker(Registration registration, const Timing& timing, Transport& transport, Prover& prover,
               StateFolder& state, const log::Log& log)
    : loop_(std::make_unique<Loop>(std::move(registration), timing, transport, prover, state, log)) {}

Worker::~Worker() = default;

void Worker::run() {
  loop_->run();
}

void Worker::stop() {
  loop_->post(Stop{});
}

Snapshot Worker::snapshot() const {
  return loop_->snapshot();
}

}  // namespace magnetar::worker
