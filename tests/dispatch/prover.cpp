#include "prover.h"

#include <gtest/gtest.h>

#include <utility>

namespace magnetar::dispatch {

using namespace std::chrono_literals;

void Stream::send(const Work& work) {
  const std::lock_guard lock(mutex_);
  EXPECT_FALSE(closed_) << "work after the end";
  work_.push_back(work);
  changed_.notify_all();
}

void Stream::close(const Status& status) {
  const std::lock_guard lock(mutex_);
  EXPECT_FALSE(closed_) << "closed twice";
  closed_ = status;
  changed_.notify_all();
}

std::optional<Work> Stream::next_work() {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, 10s, [this] { return taken_ < work_.size(); })) return std::nullopt;
  return work_[taken_++];
}

std::optional<Status> Stream::closed() {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, 10s, [this] { return closed_.has_value(); });
  return closed_;
}

bool Stream::wait(std::chrono::milliseconds at_most) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, at_most, [this] { return closed_ || taken_ < work_.size(); });
  return closed_.has_value();
}

std::vector<Work> Stream::all_work() const {
  const std::lock_guard lock(mutex_);
  return work_;
}

Bytes proof_of(const Work& work, bool valid) {
  return TextEngine::prove(store::digest_of(*work.elf), store::digest_of(*work.input), work.range, valid);
}

WorkingProver::WorkingProver(Dispatcher& dispatcher, std::string name, std::chrono::milliseconds time_a_segment,
                             std::function<void(const Work&)> on_work)
    : dispatcher_(dispatcher),
      name_(std::move(name)),
      time_(time_a_segment),
      on_work_(std::move(on_work)),
      thread_([this] { run(); }) {}

WorkingProver::~WorkingProver() {
  stopping_ = true;
  thread_.join();
}

void WorkingProver::run() {
  while (!stopping_) {
    const auto stream = std::make_shared<Stream>();
    const auto session = dispatcher_.connect({name_, store::ProverType::kVolunteer, 1e6}, stream);
    if (!session) {
      std::this_thread::sleep_for(20ms);
      continue;
    }
    std::size_t taken = 0;
    while (!stopping_ && !stream->wait(5ms)) {
      const auto work = stream->all_work();
      if (taken == work.size()) {
        dispatcher_.heartbeat(*session);
        continue;
      }
      stream->next_work();
      const Work& mine = work[taken++];
      if (on_work_) on_work_(mine);
      dispatcher_.progress(*session, {0.5, mine.range.first_step + mine.range.steps, mine.range.steps, 0});
      std::this_thread::sleep_for(time_);
      const auto flag = std::make_shared<std::atomic<bool>>(false);
      ++proved_;
      dispatcher_.proof(*session, std::make_shared<const Bytes>(proof_of(mine)), [flag] { *flag = true; });
      while (!*flag && !stopping_ && !stream->wait(0ms)) std::this_thread::sleep_for(1ms);
    }
    dispatcher_.disconnect(*session);
    std::this_thread::sleep_for(5ms);
  }
}

Dispatcher::Reply Answer::callback() {
  return [state = state_](Expected<ProofReply> reply) {
    const std::lock_guard lock(state->mutex);
    EXPECT_FALSE(state->reply) << "answered twice";
    state->reply = std::move(reply);
    state->changed.notify_all();
  };
}

Expected<ProofReply> Answer::get(std::chrono::seconds at_most) {
  std::unique_lock lock(state_->mutex);
  if (!state_->changed.wait_for(lock, at_most, [this] { return state_->reply.has_value(); })) {
    ADD_FAILURE() << "no answer in " << at_most.count() << " s";
    return tl::unexpected(Status{Code::kCancelled, "no answer"});
  }
  return *state_->reply;
}

bool Answer::given() const {
  const std::lock_guard lock(state_->mutex);
  return state_->reply.has_value();
}

}  // namespace magnetar::dispatch
