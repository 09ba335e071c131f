#include "host/dispatch/dispatcher.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <unordered_map>
#include <utility>

#include "host/dispatch/material_cache.h"
#include "host/dispatch/worker_pool.h"

namespace magnetar::dispatch {

using scheduler::Assignment;
using scheduler::Decisions;
using scheduler::Scheduler;
using store::JobRecord;
using store::JobState;
using store::SegmentRecord;
using store::StoreError;
using SteadyClock = std::chrono::steady_clock;
using Urgency = WorkerPool::Urgency;

namespace {

// Assignments that another orchestrator was faster with are decided anew so often at once.
constexpr int kDecisionsAtOnce = 8;

std::int64_t number(JobId job) {
  return static_cast<std::int64_t>(job);
}

template <typename D>
double to_seconds(D duration) {
  return std::chrono::duration<double>(duration).count();
}

Status unavailable(const StoreError& error) {
  const bool damaged = error.kind == StoreError::Kind::kMissing || error.kind == StoreError::Kind::kCorrupt ||
                       error.kind == StoreError::Kind::kBug;
  return {damaged ? Code::kInternal : Code::kUnavailable,
          damaged ? error.message : fmt::format("{}; ask again", error.message)};
}

bool may_pass(const StoreError& error) {
  return error.kind == StoreError::Kind::kUnavailable;
}

// The steps that a key asks for, in a trace.
Expected<std::uint64_t> steps_in_range(std::uint64_t first_step, std::optional<std::uint64_t> steps,
                                       std::uint64_t steps_in_trace) {
  const auto refuse = [&](std::string_view what) {
    return tl::unexpected(
        Status{Code::kInvalidArgument,
               fmt::format("{}: the execution has {} steps, step_to_start is {}, steps_to_prove is {}", what,
                           steps_in_trace, first_step, steps ? fmt::format("{}", *steps) : std::string("to the end"))});
  };
  if (first_step > steps_in_trace) return refuse("the range begins after the end of the execution");
  const std::uint64_t left = steps_in_trace - first_step;
  if (steps && *steps > left) return refuse("the range ends after the end of the execution");
  if (!steps && left == 0 && steps_in_trace != 0) return refuse("the range is empty");
  return steps.value_or(left);
}

}  // namespace

std::function<Time()> steady_wall_clock() {
  const auto wall = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
  const auto steady = std::chrono::steady_clock::now();
  return
      [wall, steady] { return wall + std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - steady); };
}

/// Threads: the core's own one carries out decisions in the store; `files_` reads and writes blobs; `workers_` run the
/// engine. mutex_ guards what all of them share and is never held during any of that, nor during callbacks.
class Dispatcher::Core {
 public:
  Core(store::Store& store, ProofEngine& engine, Options options, std::function<void(const Event&)> log)
      : store_(store),
        engine_(engine),
        options_(with_bundle_bound(std::move(options))),
        log_(std::move(log)),
        self_(options_.self.value_or(store::new_orchestrator_id())),
        materials_(store.blobs(), options_.material_cache_bytes),
        scheduler_(options_.policy, self_),
        files_(1),
        workers_(options_.workers) {}

  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  store::Result<void> start();

  RequestId request(ProofRequest request, Reply reply);
  void cancel(RequestId request);
  Expected<SessionId> connect(const scheduler::Registration& registration, std::shared_ptr<ProverStream> stream);
  void heartbeat(SessionId session);
  void progress(SessionId session, const scheduler::Progress& progress);
  void proof(SessionId session, std::shared_ptr<const Bytes> bytes, std::function<void()> taken);
  void disconnect(SessionId session);
  void drain();
  bool wait_drained(Duration at_most);
  bool draining() const;
  Snapshot snapshot() const;

 private:
  struct Waiter {
    Reply reply;
    std::optional<JobId> job{};
  };
  // A stream, of which one call at a time is made, and none after close().
  class Stream {
   public:
    Stream(std::string name, double claimed, store::ProverType kind, std::shared_ptr<ProverStream> stream)
        : prover(std::move(name)), hertz(claimed), type(kind), stream_(std::move(stream)) {}
    void send(const Work& work) {
      const std::lock_guard lock(mutex_);
      if (stream_) stream_->send(work);
    }
    void close(const Status& status) {
      const std::lock_guard lock(mutex_);
      if (const auto stream = std::exchange(stream_, nullptr)) stream->close(status);
    }

    const std::string prover;
    const double hertz;
    const store::ProverType type;

   private:
    std::mutex mutex_;
    std::shared_ptr<ProverStream> stream_;
  };
  // Bytes counted in pending_bytes_ as long as this lives.
  class Pending {
   public:
    Pending(Core& core, std::size_t bytes) : core_(core), bytes_(bytes) {}  // counted by the caller
    ~Pending() {
      const std::lock_guard lock(core_.mutex_);
      core_.pending_bytes_ -= bytes_;
    }
    Pending(const Pending&) = delete;
    Pending& operator=(const Pending&) = delete;

   private:
    Core& core_;
    std::size_t bytes_;
  };
  struct Proof {
    SessionId session{};
    std::string prover;
    std::shared_ptr<const Bytes> bytes;
    std::function<void()> taken;
    std::unique_ptr<Pending> pending;
    SteadyClock::time_point arrived = SteadyClock::now();
    SteadyClock::duration verifying{};  // the engine's time on it
  };

  static Options with_bundle_bound(Options options) {
    auto& most = options.policy.bounds.max_segments;
    const std::uint64_t fit = options.max_bundle_bytes / std::max<std::uint64_t>(1, options.segment_proof_bytes);
    most = static_cast<std::size_t>(std::clamp<std::uint64_t>(fit, 1, most));
    return options;
  }

  Time now() const { return options_.clock(); }
  store::Caller caller() const {
    const Time time = now();
    return {self_, time, time - options_.orchestrator_timeout};
  }
  void log(const Event& event) const {
    if (log_) log_(event);
  }
  void note(const StoreError& error, std::string_view attempt);
  void count(DurationHistogram Counters::*durations, SteadyClock::duration spent);

  // The core's thread.
  void run();
  void post(std::function<void()> command);
  void wake();
  void retry_later(std::function<void()> command);
  store::Result<void> poll();
  std::string too_old(const JobRecord& job) const;
  std::size_t connected() const;
  void collect_garbage();
  void decide();
  bool carry_out(const Decisions& decisions);
  bool carry_out(const Assignment& assignment);
  void reload(JobId job);
  void take_in(const JobRecord& job);
  void admit(SessionId session, const std::shared_ptr<Stream>& stream);
  void settle(JobId job, const Expected<std::shared_ptr<const Bytes>>& result);
  void fail_job(JobId job, Status failure);

  // Threads of files_.
  void take_request(RequestId id, const ProofRequest& request);
  void send_work(const Assignment& assignment);
  void reply_result(JobId job, const Digest& result);

  // Threads of workers_.
  void execute(JobId job, const store::JobKey& key);
  void check_range(RequestId id, const Material& material, std::uint64_t first_step);
  /// Runs a call of the engine for a proof, and adds its time to the proof's.
  template <typename F>
  auto timed(Proof& proof, const F& f);
  void check_proof(const std::shared_ptr<Proof>& proof);
  void verify_proof(const std::shared_ptr<Proof>& proof, const SegmentRecord& segment, double hertz);
  void accept_proof(const std::shared_ptr<Proof>& proof, const SegmentRecord& segment, const Digest& digest,
                    double hertz);
  void assemble(const JobRecord& job);
  void start_execution(const JobRecord& job);
  void start_assembly(const JobRecord& job);

  /// Why a request cannot even be looked at. The caller holds the mutex.
  std::optional<Status> refuse(const ProofRequest& request) const;
  void reply(RequestId id, const Expected<ProofReply>& result);
  void quarantine(const std::string& prover, std::optional<SegmentRecord> segment, const std::string& reason);
  void end_session(SessionId session, const Status& status);

  store::Store& store_;
  ProofEngine& engine_;
  const Options options_;
  const std::function<void(const Event&)> log_;
  const store::OrchestratorId self_;
  MaterialCache materials_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable drained_;
  Scheduler scheduler_;
  std::unordered_map<SessionId, std::shared_ptr<Stream>> streams_;
  std::uint64_t last_request_ = 0;
  std::unordered_map<RequestId, Waiter> waiters_;
  std::map<JobId, std::set<RequestId>> waiters_by_job_;
  std::set<JobId> executing_, assembling_, answering_;
  std::deque<std::function<void()>> commands_;
  std::vector<std::function<void()>> retries_;
  std::size_t running_commands_ = 0;
  std::size_t pending_bytes_ = 0;
  Counters counters_;
  bool woken_ = false;
  bool draining_ = false;
  bool stopping_ = false;

  Time next_poll_{};     // of the core's thread
  Time next_collect_{};  // of the core's thread
  WorkerPool files_;
  WorkerPool workers_;
  std::thread thread_;
};

store::Result<void> Dispatcher::Core::start() {
  if (options_.self) {
    if (auto retired = store_.retire(caller()); !retired) return retired;
  }
  if (auto polled = poll(); !polled) return polled;
  store_.watch([this](std::optional<JobId> job) {
    if (job) {
      post([this, id = *job] { reload(id); });
    } else {
      post([this] { next_poll_ = Time{}; });
    }
  });
  thread_ = std::thread([this] { run(); });
  return {};
}

Dispatcher::Core::~Core() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  store_.watch({});
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  files_.stop();
  workers_.stop();
  // What the dropped tasks and commands hold counts bytes under the mutex.
  commands_.clear();
  retries_.clear();
  if (auto retired = store_.retire(caller()); !retired) note(retired.error(), "retiring");
  const Status status{Code::kUnavailable, "the orchestrator is stopping; what was accepted is kept, ask again"};
  for (const auto& [id, stream] : streams_) stream->close(status);
  for (const auto& [id, waiter] : waiters_) waiter.reply(tl::unexpected(status));
}

void Dispatcher::Core::note(const StoreError& error, std::string_view attempt) {
  {
    const std::lock_guard lock(mutex_);
    ++counters_.store_errors;
  }
  log({.severity = Event::Severity::kError, .message = fmt::format("{}: {}", attempt, error.message)});
}

void Dispatcher::Core::count(DurationHistogram Counters::*durations, SteadyClock::duration spent) {
  const std::lock_guard lock(mutex_);
  (counters_.*durations).add(to_seconds(spent));
}

// --- The core's thread

void Dispatcher::Core::post(std::function<void()> command) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    commands_.push_back(std::move(command));
  }
  wake_.notify_one();
}

void Dispatcher::Core::wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  wake_.notify_one();
}

void Dispatcher::Core::retry_later(std::function<void()> command) {
  const std::lock_guard lock(mutex_);
  if (!stopping_) retries_.push_back(std::move(command));
}

void Dispatcher::Core::run() {
  auto next_retry = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait_for(lock, options_.tick, [this] { return stopping_ || woken_ || !commands_.empty(); });
    if (stopping_) return;
    woken_ = false;
    // Failures are not answered with a storm of tries.
    if (const auto time = std::chrono::steady_clock::now(); time >= next_retry) {
      next_retry = time + options_.tick;
      for (auto& retry : std::exchange(retries_, {})) commands_.push_back(std::move(retry));
    }
    running_commands_ = commands_.size();
    std::deque<std::function<void()>> commands = std::exchange(commands_, {});
    lock.unlock();
    for (auto& command : commands) {
      command();
      command = nullptr;
    }
    if (now() >= next_poll_) {
      if (auto polled = poll(); !polled) note(polled.error(), "looking at the queue");
    }
    if (now() >= next_collect_) {
      next_collect_ = now() + options_.collect_interval;
      files_.post(Urgency::kLater, [this] { collect_garbage(); });
    }
    decide();
    lock.lock();
    running_commands_ = 0;
    if (draining_) drained_.notify_all();
  }
}

store::Result<void> Dispatcher::Core::poll() {
  next_poll_ = now() + options_.orchestrator_timeout / 3;
  if (auto announced = store_.announce(caller()); !announced) return announced;
  const auto living = store_.living(caller());
  if (!living) return tl::unexpected(living.error());
  const auto idle = store_.idle_elsewhere(caller());
  if (!idle) return tl::unexpected(idle.error());
  const auto jobs = store_.open_jobs();
  if (!jobs) return tl::unexpected(jobs.error());
  std::set<JobId> others;
  {
    const std::lock_guard lock(mutex_);
    scheduler_.set_living(*living);
    scheduler_.set_idle_elsewhere(*idle);
    for (const auto& [job, waiters] : waiters_by_job_) others.insert(job);
    for (const auto& view : scheduler_.jobs()) others.insert(view.id);
  }
  for (const JobRecord& job : *jobs) {
    others.erase(job.id);
    if (job.created_at + options_.max_job_age <= now()) {
      fail_job(job.id, {Code::kDeadlineExceeded, too_old(job)});
    } else {
      take_in(job);
    }
  }
  for (const JobId job : others) reload(job);
  return {};
}

// What became of a job that took too long, so that its requester knows whom to ask.
std::string Dispatcher::Core::too_old(const JobRecord& job) const {
  const auto verified =
      std::count_if(job.segments.begin(), job.segments.end(), [](const auto& s) { return s.verified; });
  const std::size_t provers = connected();
  return fmt::format(
      "the job was not done within {} s: it is {}, with {} of {} segments verified; {}{}",
      std::chrono::duration_cast<std::chrono::seconds>(options_.max_job_age).count(), name(job.state), verified,
      job.segments.size(),
      provers == 0 ? std::string("no prover is connected") : fmt::format("provers connected: {}", provers),
      store_.shared() ? " to this orchestrator" : "");
}

std::size_t Dispatcher::Core::connected() const {
  const std::lock_guard lock(mutex_);
  return scheduler_.connected();
}

void Dispatcher::Core::collect_garbage() {
  const auto collected = store_.collect_garbage(options_.forget_provers, options_.blob_grace, caller());
  if (!collected) return note(collected.error(), "removing what has expired");
  if (collected->jobs + collected->provers + collected->blobs == 0) return;
  log({.message = fmt::format("removed {} expired jobs, {} provers not seen for long, {} blobs", collected->jobs,
                              collected->provers, collected->blobs)});
}

void Dispatcher::Core::decide() {
  for (int i = 0; i < kDecisionsAtOnce; ++i) {
    Decisions decisions;
    {
      const std::lock_guard lock(mutex_);
      decisions = scheduler_.decide(now());
    }
    if (decisions.empty() || !carry_out(decisions)) return;
  }
}

// Whether deciding again now may give more.
bool Dispatcher::Core::carry_out(const Decisions& decisions) {
  for (const Decisions::Lost& lost : decisions.lost) {
    std::shared_ptr<Stream> stream;
    {
      const std::lock_guard lock(mutex_);
      ++counters_.provers_lost;
      if (auto found = streams_.extract(lost.session)) stream = std::move(found.mapped());
    }
    const std::string message = fmt::format("nothing was heard of prover {} for {} heartbeat intervals", lost.prover,
                                            options_.policy.missed_heartbeats);
    log({.severity = Event::Severity::kWarning, .message = message, .prover = lost.prover});
    if (stream) stream->close({Code::kDeadlineExceeded, message});
    if (auto done = store_.disconnect_prover(lost.prover, caller()); !done)
      note(done.error(), "disconnecting a prover");
  }
  for (const Decisions::Release& release : decisions.releases) {
    if (auto done = store_.release(release.segment, release.prover, caller()); !done) {
      note(done.error(), "releasing a segment");
      retry_later([this, release] { static_cast<void>(store_.release(release.segment, release.prover, caller())); });
    }
  }
  bool again = false;
  for (const Decisions::Split& each : decisions.splits) {
    const auto done = store_.split(each.job, each.segments, caller());
    if (!done) {
      note(done.error(), "splitting a job");
      continue;
    }
    if (*done) log({.message = fmt::format("split into {} segments", each.segments.size()), .job = each.job});
    reload(each.job);
    again = true;
  }
  for (const Assignment& assignment : decisions.assignments) again = carry_out(assignment) || again;
  return again;
}

bool Dispatcher::Core::carry_out(const Assignment& assignment) {
  const auto outcome = store_.lease(assignment.segment, assignment.prover, assignment.straggler ? 2 : 1, caller());
  if (!outcome || *outcome != store::Store::LeaseOutcome::kGranted) {
    {
      const std::lock_guard lock(mutex_);
      scheduler_.refused(assignment);
    }
    if (!outcome) {
      note(outcome.error(), "giving out a segment");
      return false;
    }
    reload(assignment.job);
    return true;
  }
  bool valid = false;
  {
    const std::lock_guard lock(mutex_);
    valid = scheduler_.granted(assignment, now());
    if (valid) {
      ++counters_.assignments;
      counters_.straggler_assignments += assignment.straggler ? 1 : 0;
    }
  }
  if (!valid) {
    if (auto done = store_.release(assignment.segment, assignment.prover, caller()); !done) {
      note(done.error(), "releasing a segment");
      reload(assignment.job);
    }
    return true;
  }
  log({.message = fmt::format("{} {} steps from {} on", assignment.straggler ? "overtakes with" : "gets",
                              assignment.range.steps, assignment.range.first_step),
       .prover = assignment.prover,
       .job = assignment.job,
       .segment = assignment.segment});
  files_.post(Urgency::kSoon, [this, assignment] { send_work(assignment); });
  return false;
}

void Dispatcher::Core::reload(JobId id) {
  const auto job = store_.job(id);
  if (!job) {
    note(job.error(), "reading a job");
    return retry_later([this, id] { reload(id); });
  }
  if (*job) return take_in(**job);
  {
    const std::lock_guard lock(mutex_);
    scheduler_.remove(id);
  }
  settle(id, tl::unexpected(Status{Code::kUnavailable, fmt::format("job {} has expired; ask again", number(id))}));
}

void Dispatcher::Core::take_in(const JobRecord& job) {
  const auto mine = [&] {
    if (job.owner == self_) return true;
    const auto adopted = store_.adopt(job.id, caller());
    if (!adopted) {
      note(adopted.error(), "adopting a job");
      return false;
    }
    if (*adopted) log({.message = "adopted from an orchestrator that is gone", .job = job.id});
    return *adopted;
  };
  {
    const std::lock_guard lock(mutex_);
    scheduler_.update(job, now());
  }
  switch (job.state) {
    case JobState::kAccepted:
      if (mine()) start_execution(job);
      return;
    case JobState::kAssembling:
      if (mine()) start_assembly(job);
      return;
    case JobState::kDone: {
      {
        const std::lock_guard lock(mutex_);
        if (!waiters_by_job_.contains(job.id) || !answering_.insert(job.id).second) return;
      }
      files_.post(Urgency::kSoon, [this, id = job.id, result = *job.result] { reply_result(id, result); });
      return;
    }
    case JobState::kFailed:
      return settle(job.id, tl::unexpected(*job.failure));
    case JobState::kReady:
    case JobState::kProving:
      return;
  }
}

void Dispatcher::Core::settle(JobId job, const Expected<std::shared_ptr<const Bytes>>& result) {
  std::vector<Reply> replies;
  {
    const std::lock_guard lock(mutex_);
    answering_.erase(job);
    const auto waiting = waiters_by_job_.find(job);
    if (waiting == waiters_by_job_.end()) return;
    for (const RequestId id : waiting->second) {
      if (auto waiter = waiters_.extract(id)) replies.push_back(std::move(waiter.mapped().reply));
    }
    waiters_by_job_.erase(waiting);
    if (result) counters_.reply_bytes += replies.size() * (*result)->size();
  }
  for (const Reply& each : replies) {
    each(result.map([&](const std::shared_ptr<const Bytes>& proof) { return ProofReply{proof, job}; }));
  }
}

void Dispatcher::Core::fail_job(JobId job, Status failure) {
  const auto failed = store_.fail(job, failure, now() + options_.result_ttl, caller());
  if (!failed) {
    note(failed.error(), "failing a job");
    return retry_later([this, job, failure = std::move(failure)] { fail_job(job, failure); });
  }
  if (*failed) {
    {
      const std::lock_guard lock(mutex_);
      ++counters_.jobs_failed;
    }
    log({.severity = Event::Severity::kWarning,
         .message = fmt::format("{}: {}", name(failure.code), failure.message),
         .job = job});
  }
  post([this, job] { reload(job); });
}

// --- Requests

std::optional<Status> Dispatcher::Core::refuse(const ProofRequest& request) const {
  const std::size_t bytes = request.elf->size() + request.input->size();
  if (draining_) return Status{Code::kUnavailable, "the orchestrator is draining; ask another one, or later"};
  const auto exhausted = [](std::string message) { return Status{Code::kResourceExhausted, std::move(message)}; };
  if (request.elf->size() > options_.max_elf_bytes) {
    return exhausted(
        fmt::format("the program has {} bytes, of at most {}", request.elf->size(), options_.max_elf_bytes));
  }
  if (request.input->size() > options_.max_input_bytes) {
    return exhausted(
        fmt::format("the input has {} bytes, of at most {}", request.input->size(), options_.max_input_bytes));
  }
  if (waiters_.size() >= options_.max_requests) {
    return exhausted(fmt::format("{} requests are waiting, of at most {}", waiters_.size(), options_.max_requests));
  }
  if (pending_bytes_ + bytes > options_.max_pending_bytes) {
    return exhausted(fmt::format("{} bytes wait to be taken in, of at most {}, and this request has {}; ask again",
                                 pending_bytes_, options_.max_pending_bytes, bytes));
  }
  return std::nullopt;
}

RequestId Dispatcher::Core::request(ProofRequest request, Reply reply) {
  const std::size_t bytes = request.elf->size() + request.input->size();
  std::unique_lock lock(mutex_);
  const RequestId id{++last_request_};
  ++counters_.requests;
  if (const auto refusal = refuse(request)) {
    ++counters_.requests_refused;
    lock.unlock();
    reply(tl::unexpected(*refusal));
    return id;
  }
  pending_bytes_ += bytes;
  counters_.request_bytes += bytes;
  waiters_[id] = {std::move(reply)};
  lock.unlock();
  auto pending = std::make_shared<Pending>(*this, bytes);
  files_.post(Urgency::kLater,
              [this, id, pending = std::move(pending), request = std::move(request)] { take_request(id, request); });
  return id;
}

void Dispatcher::Core::cancel(RequestId request) {
  const std::lock_guard lock(mutex_);
  const auto waiter = waiters_.extract(request);
  if (!waiter || !waiter.mapped().job) return;
  const auto waiting = waiters_by_job_.find(*waiter.mapped().job);
  if (waiting == waiters_by_job_.end()) return;
  waiting->second.erase(request);
  if (waiting->second.empty()) waiters_by_job_.erase(waiting);
}

void Dispatcher::Core::reply(RequestId id, const Expected<ProofReply>& result) {
  Reply reply;
  {
    const std::lock_guard lock(mutex_);
    auto waiter = waiters_.extract(id);
    if (!waiter) return;
    reply = std::move(waiter.mapped().reply);
    counters_.requests_refused += result ? 0 : 1;
  }
  reply(result);
}

void Dispatcher::Core::take_request(RequestId id, const ProofRequest& request) {
  {
    const std::lock_guard lock(mutex_);
    if (!waiters_.contains(id)) return;  // cancelled
  }
  Material material{request.elf, store::digest_of(*request.elf), request.input, store::digest_of(*request.input)};
  if (request.steps == 0) {
    workers_.post(Urgency::kLater,
                  [this, id, material, first = request.first_step] { check_range(id, material, first); });
    return;
  }
  for (const auto& bytes : {request.elf, request.input}) {
    if (auto put = store_.blobs().put(*bytes, now()); !put) {
      note(put.error(), "storing a request");
      return reply(id, tl::unexpected(unavailable(put.error())));
    }
  }
  const auto submitted = store_.submit({material.program, material.input_digest, request.first_step, request.steps},
                                       request.requester, options_.queue, caller());
  if (!submitted) {
    note(submitted.error(), "storing a request");
    return reply(id, tl::unexpected(unavailable(submitted.error())));
  }
  if (!*submitted) return reply(id, tl::unexpected(submitted->error()));
  const JobRecord& job = (*submitted)->job;
  materials_.keep(material);
  {
    const std::lock_guard lock(mutex_);
    counters_.requests_shared += (*submitted)->created ? 0 : 1;
    const auto waiter = waiters_.find(id);
    if (waiter != waiters_.end()) {
      waiter->second.job = job.id;
      waiters_by_job_[job.id].insert(id);
    }
  }
  log({.message = fmt::format("{} by {}", (*submitted)->created ? "accepted, asked for" : "asked for again",
                              request.requester),
       .job = job.id});
  post([this, job_id = job.id] { reload(job_id); });
}

void Dispatcher::Core::check_range(RequestId id, const Material& material, std::uint64_t first_step) {
  const auto steps_in_trace = engine_.execute(material, [this] {
    const std::lock_guard lock(mutex_);
    return stopping_;
  });
  if (!steps_in_trace) return reply(id, tl::unexpected(steps_in_trace.error()));
  reply(id, steps_in_range(first_step, 0, *steps_in_trace).map([](std::uint64_t) { return ProofReply{}; }));
}

void Dispatcher::Core::start_execution(const JobRecord& job) {
  {
    const std::lock_guard lock(mutex_);
    if (!executing_.insert(job.id).second) return;
  }
  workers_.post(Urgency::kLater, [this, id = job.id, key = job.key] { execute(id, key); });
}

void Dispatcher::Core::execute(JobId job, const store::JobKey& key) {
  const auto is_stopping = [this] {
    const std::lock_guard lock(mutex_);
    return stopping_;
  };
  const auto ended = [&] {
    const std::lock_guard lock(mutex_);
    executing_.erase(job);
  };
  const auto material = materials_.load(key);
  if (!material) {
    note(material.error(), "reading a program and its input");
    ended();
    if (may_pass(material.error())) return retry_later([this, job] { reload(job); });
    return fail_job(job, unavailable(material.error()));
  }
  const auto began = SteadyClock::now();
  const auto steps_in_trace = engine_.execute(*material, is_stopping);
  if (is_stopping()) return;
  count(&Counters::executions, SteadyClock::now() - began);
  const auto steps = steps_in_trace.and_then(
      [&](std::uint64_t in_trace) { return steps_in_range(key.first_step, key.steps, in_trace); });
  if (!steps) {
    ended();
    return fail_job(job, steps.error());
  }
  const std::uint64_t longest = options_.policy.bounds.max_steps;
  const std::uint64_t fewest = std::max<std::uint64_t>(1, *steps / longest + (*steps % longest != 0 ? 1 : 0));
  if (fewest > options_.policy.bounds.max_segments) {
    ended();
    return fail_job(job,
                    {Code::kResourceExhausted,
                     fmt::format("{} steps need {} segments of about {} bytes each; a bundle has at most {} bytes, "
                                 "which is {} segments: ask for fewer steps",
                                 *steps, fewest, options_.segment_proof_bytes, options_.max_bundle_bytes,
                                 options_.policy.bounds.max_segments)});
  }
  const auto ready = store_.set_ready(job, *steps_in_trace, *steps, caller());
  ended();
  if (!ready) {
    note(ready.error(), "noting an execution");
    return retry_later([this, job] { reload(job); });
  }
  log({.message = fmt::format("to prove: {} steps of {}", *steps, *steps_in_trace), .job = job});
  if (!store_.shared() && connected() == 0) {
    log({.severity = Event::Severity::kWarning, .message = "waits for a prover: none is connected", .job = job});
  }
  post([this, job] { reload(job); });
}

void Dispatcher::Core::start_assembly(const JobRecord& job) {
  {
    const std::lock_guard lock(mutex_);
    if (!assembling_.insert(job.id).second) return;
  }
  workers_.post(Urgency::kSoon, [this, job] { assemble(job); });
}

void Dispatcher::Core::assemble(const JobRecord& job) {
  const auto end_with = [&](const StoreError& error) {
    note(error, "assembling a bundle");
    {
      const std::lock_guard lock(mutex_);
      assembling_.erase(job.id);
    }
    if (may_pass(error)) return retry_later([this, id = job.id] { reload(id); });
    fail_job(job.id, unavailable(error));
  };
  std::vector<Bytes> proofs;
  for (const SegmentRecord& segment : job.segments) {
    auto proof = store_.blobs().get(segment.proof.value_or(Digest{}));
    if (!proof) return end_with(proof.error());
    proofs.push_back(*std::move(proof));
  }
  const auto bundle = engine_.assemble(proofs);
  if (!bundle) return end_with({StoreError::Kind::kBug, bundle.error()});
  const auto digest = store_.blobs().put(*bundle, now());
  if (!digest) return end_with(digest.error());
  const auto finished = store_.finish(job.id, *digest, now() + options_.result_ttl, caller());
  if (!finished) return end_with(finished.error());
  {
    const std::lock_guard lock(mutex_);
    assembling_.erase(job.id);
    if (*finished) {
      ++counters_.jobs_done;
      counters_.jobs_done_after.add(to_seconds(now() - job.created_at));
    }
  }
  if (*finished) {
    log({.message =
             fmt::format("done: {} steps in {} segments, {} bytes", job.steps, job.segments.size(), bundle->size()),
         .job = job.id});
  }
  post([this, id = job.id] { reload(id); });
}

void Dispatcher::Core::reply_result(JobId job, const Digest& result) {
  auto bundle = store_.blobs().get(result);
  if (!bundle) {
    note(bundle.error(), "reading a result");
    return settle(job, tl::unexpected(unavailable(bundle.error())));
  }
  settle(job, std::make_shared<const Bytes>(*std::move(bundle)));
}

// --- Provers

Expected<SessionId> Dispatcher::Core::connect(const scheduler::Registration& registration,
                                              std::shared_ptr<ProverStream> stream) {
  std::shared_ptr<Stream> replaced;
  SessionId session{};
  auto entry = std::make_shared<Stream>(registration.prover, registration.hertz.value_or(0), registration.type,
                                        std::move(stream));
  {
    const std::lock_guard lock(mutex_);
    if (draining_) {
      return tl::unexpected(
          Status{Code::kUnavailable, "the orchestrator is draining; connect to another one, or later"});
    }
    const auto connected = scheduler_.connect(registration, now());
    if (!connected) return tl::unexpected(connected.error());
    session = connected->session;
    if (connected->replaced) {
      if (auto found = streams_.extract(*connected->replaced)) replaced = std::move(found.mapped());
    }
    streams_[session] = entry;
  }
  if (replaced) replaced->close({Code::kAlreadyExists, "a later connection with the same id has replaced this one"});
  post([this, session, entry] { admit(session, entry); });
  return session;
}

void Dispatcher::Core::admit(SessionId session, const std::shared_ptr<Stream>& stream) {
  {
    const std::lock_guard lock(mutex_);
    if (!streams_.contains(session)) return;
  }
  const auto known = store_.connect_prover(stream->prover, stream->type, stream->hertz, caller());
  if (!known) {
    note(known.error(), "registering a prover");
    return end_session(session, unavailable(known.error()));
  }
  if (!*known) {
    log({.severity = Event::Severity::kWarning, .message = known->error().message, .prover = stream->prover});
    return end_session(session, known->error());
  }
  {
    const std::lock_guard lock(mutex_);
    scheduler_.admit(session, (*known)->observed_hertz, now());
  }
  log({.message = "connected", .prover = stream->prover});
}

void Dispatcher::Core::heartbeat(SessionId session) {
  const std::lock_guard lock(mutex_);
  ++counters_.heartbeats;
  scheduler_.heartbeat(session, now());
}

void Dispatcher::Core::progress(SessionId session, const scheduler::Progress& progress) {
  const auto taken = [&] {
    const std::lock_guard lock(mutex_);
    ++counters_.progress_messages;
    return scheduler_.progress(session, progress, now());
  }();
  if (!taken) end_session(session, taken.error());
}

void Dispatcher::Core::disconnect(SessionId session) {
  std::shared_ptr<Stream> stream;
  {
    const std::lock_guard lock(mutex_);
    auto found = streams_.extract(session);
    if (!found) return;
    stream = std::move(found.mapped());
    counters_.provers_lost += scheduler_.work_of(session) ? 1 : 0;
    scheduler_.disconnect(session, now());
  }
  log({.message = "disconnected", .prover = stream->prover});
  post([this, prover = stream->prover] {
    {
      // It may be back already.
      const std::lock_guard lock(mutex_);
      for (const auto& [id, other] : streams_) {
        if (other->prover == prover) return;
      }
    }
    if (auto done = store_.disconnect_prover(prover, caller()); !done) note(done.error(), "disconnecting a prover");
  });
}

void Dispatcher::Core::end_session(SessionId session, const Status& status) {
  std::shared_ptr<Stream> stream;
  {
    const std::lock_guard lock(mutex_);
    const auto found = streams_.find(session);
    if (found == streams_.end()) return;
    stream = found->second;
  }
  stream->close(status);
  disconnect(session);
}

void Dispatcher::Core::send_work(const Assignment& assignment) {
  const auto give_up = [&] {
    {
      const std::lock_guard lock(mutex_);
      scheduler_.refused(assignment);
    }
    if (auto done = store_.release(assignment.segment, assignment.prover, caller()); !done) {
      note(done.error(), "releasing a segment");
    }
    post([this, job = assignment.job] { reload(job); });
  };
  const auto job = store_.job(assignment.job);
  if (!job) {
    note(job.error(), "reading a job");
    return give_up();
  }
  if (!*job) return give_up();
  auto material = materials_.load((*job)->key);
  if (!material) {
    note(material.error(), "reading a program and its input");
    if (!may_pass(material.error())) fail_job(assignment.job, unavailable(material.error()));
    return give_up();
  }
  std::shared_ptr<Stream> stream;
  {
    const std::lock_guard lock(mutex_);
    const auto found = streams_.find(assignment.session);
    if (found == streams_.end() || scheduler_.work_of(assignment.session) != assignment.segment) return;
    stream = found->second;
  }
  stream->send({.job = assignment.job,
                .segment = assignment.segment,
                .elf = std::move(material->elf),
                .input = std::move(material->input),
                .range = assignment.range});
}

// --- Proofs

void Dispatcher::Core::proof(SessionId session, std::shared_ptr<const Bytes> bytes, std::function<void()> taken) {
  auto proof = std::make_shared<Proof>();
  std::optional<Status> refusal;
  {
    const std::lock_guard lock(mutex_);
    const auto stream = streams_.find(session);
    if (stream != streams_.end()) {
      scheduler_.heartbeat(session, now());
      if (pending_bytes_ + bytes->size() > options_.max_pending_bytes) {
        refusal = {Code::kResourceExhausted,
                   fmt::format("{} bytes wait to be verified, of at most {}, and this proof has {}; connect again and "
                               "send it later",
                               pending_bytes_, options_.max_pending_bytes, bytes->size())};
      } else {
        pending_bytes_ += bytes->size();
        proof->prover = stream->second->prover;
      }
    }
  }
  if (refusal) end_session(session, *refusal);
  if (proof->prover.empty()) return taken();
  proof->session = session;
  proof->pending = std::make_unique<Pending>(*this, bytes->size());
  proof->bytes = std::move(bytes);
  proof->taken = std::move(taken);
  workers_.post(Urgency::kSoon, [this, proof] { check_proof(proof); });
}

template <typename F>
auto Dispatcher::Core::timed(Proof& proof, const F& f) {
  const auto start = SteadyClock::now();
  auto result = f();
  proof.verifying += SteadyClock::now() - start;
  return result;
}

void Dispatcher::Core::check_proof(const std::shared_ptr<Proof>& proof) {
  const auto claim = timed(*proof, [&] { return engine_.identify(*proof->bytes); });
  if (!claim) {
    quarantine(proof->prover, std::nullopt, fmt::format("it sent bytes that are no proof: {}", claim.error()));
    return proof->taken();
  }
  const auto segment = store_.leased_segment(proof->prover, claim->program, claim->input, claim->range);
  if (!segment) {
    note(segment.error(), "looking for a proof's segment");
    return retry_later([this, proof] { workers_.post(Urgency::kSoon, [this, proof] { check_proof(proof); }); });
  }
  if (!*segment) {
    // No lie: a worker that was stopped before it could know that its proof had arrived sends it again, and the job may
    // have expired since then, have been asked for and split anew, or be another installation's. A prover that sends
    // nothing else is late with its work, and overtaken.
    {
      const std::lock_guard lock(mutex_);
      ++counters_.proofs_superseded;
    }
    log({.severity = Event::Severity::kWarning,
         .message = fmt::format("it sent a proof of {} steps from {} on of program {}, which it was not given",
                                claim->range.steps, claim->range.first_step, store::to_hex(claim->program)),
         .prover = proof->prover});
    return proof->taken();
  }
  double hertz = 0;
  {
    const std::lock_guard lock(mutex_);
    hertz = scheduler_.submitted(proof->session, (*segment)->id, now());
  }
  proof->taken();
  wake();  // the prover is idle
  verify_proof(proof, **segment, hertz);
}

void Dispatcher::Core::verify_proof(const std::shared_ptr<Proof>& proof, const SegmentRecord& segment, double hertz) {
  // Nothing is verified that another prover was faster with.
  if (segment.verified) return accept_proof(proof, segment, Digest{}, 0);
  const auto drop = [&] {
    const std::lock_guard lock(mutex_);
    scheduler_.rejected(segment.id, proof->prover);
  };
  const auto again = [&] {
    retry_later([this, proof, segment, hertz] {
      workers_.post(Urgency::kSoon, [this, proof, segment, hertz] { verify_proof(proof, segment, hertz); });
    });
  };
  const auto job = store_.job(segment.job);
  if (!job) {
    note(job.error(), "reading a proof's job");
    return again();
  }
  if (!*job || (*job)->state != JobState::kProving) return accept_proof(proof, segment, Digest{}, 0);
  const auto material = materials_.load((*job)->key);
  if (!material) {
    note(material.error(), "reading a program and its input");
    if (may_pass(material.error())) return again();
    drop();
    return fail_job(segment.job, unavailable(material.error()));
  }
  const auto before = proof->verifying;  // not 0 if it could not be stored before
  const auto verified = timed(*proof, [&] { return engine_.verify(*material, segment.range, *proof->bytes); });
  count(&Counters::verifications, proof->verifying - before);
  if (!verified) {
    if (verified.error().invalid) {
      return quarantine(proof->prover, segment, fmt::format("it sent an invalid proof: {}", verified.error().message));
    }
    log({.severity = Event::Severity::kError,
         .message = fmt::format("a proof could not be verified: {}", verified.error().message),
         .prover = proof->prover,
         .job = segment.job,
         .segment = segment.id});
    {
      const std::lock_guard lock(mutex_);
      ++counters_.verifications_failed;
    }
    drop();
    return wake();
  }
  const auto digest = store_.blobs().put(*proof->bytes, now());
  if (!digest) {
    note(digest.error(), "storing a proof");
    return again();
  }
  accept_proof(proof, segment, *digest, hertz);
}

void Dispatcher::Core::accept_proof(const std::shared_ptr<Proof>& proof, const SegmentRecord& segment,
                                    const Digest& digest, double hertz) {
  const auto outcome = store_.accept_proof(segment.id, proof->prover, digest, hertz, caller());
  if (!outcome) {
    note(outcome.error(), "storing a proof");
    return retry_later([this, proof, segment, digest, hertz] {
      workers_.post(Urgency::kSoon,
                    [this, proof, segment, digest, hertz] { accept_proof(proof, segment, digest, hertz); });
    });
  }
  const bool superseded = *outcome == store::Store::ProofOutcome::kSuperseded;
  {
    const std::lock_guard lock(mutex_);
    scheduler_.verified(proof->session, segment.id, superseded ? 0 : hertz);
    ++(superseded ? counters_.proofs_superseded : counters_.proofs_accepted);
    counters_.steps_verified += superseded ? 0 : segment.range.steps;
    if (!superseded) {
      counters_.proof_bytes += proof->bytes->size();
      counters_.acceptances.add(to_seconds(SteadyClock::now() - proof->arrived - proof->verifying));
    }
  }
  log({.message = superseded ? "another proof was there first" : "proof accepted",
       .prover = proof->prover,
       .job = segment.job,
       .segment = segment.id});
  post([this, job = segment.job] { reload(job); });
}

void Dispatcher::Core::quarantine(const std::string& prover, std::optional<SegmentRecord> segment,
                                  const std::string& reason) {
  std::shared_ptr<Stream> stream;
  {
    const std::lock_guard lock(mutex_);
    ++counters_.proofs_refused;
    const auto found =
        std::find_if(streams_.begin(), streams_.end(), [&](const auto& each) { return each.second->prover == prover; });
    if (found != streams_.end()) {
      stream = found->second;
      scheduler_.expel(found->first);
      streams_.erase(found);
    }
    if (segment) scheduler_.rejected(segment->id, prover);
  }
  Event event{.severity = Event::Severity::kWarning, .message = "in quarantine: " + reason, .prover = prover};
  if (segment) {
    event.job = segment->job;
    event.segment = segment->id;
  }
  log(event);
  const Time until = now() + options_.quarantine;
  // By the core's thread, so that what it does for the prover's sessions before and after comes in order.
  post([this, prover, until, reason] {
    const auto store_it = [this, prover, until, reason] {
      const auto done = store_.quarantine(prover, until, reason, caller());
      if (!done) note(done.error(), "putting a prover in quarantine");
      if (done) static_cast<void>(store_.disconnect_prover(prover, caller()));
      return done.has_value();
    };
    if (!store_it()) retry_later([store_it] { static_cast<void>(store_it()); });
  });
  if (stream) stream->close({Code::kPermissionDenied, fmt::format("prover {} is in quarantine: {}", prover, reason)});
}

// --- The whole

void Dispatcher::Core::drain() {
  {
    const std::lock_guard lock(mutex_);
    draining_ = true;
    scheduler_.drain();
  }
  wake();
}

bool Dispatcher::Core::wait_drained(Duration at_most) {
  std::unique_lock lock(mutex_);
  return drained_.wait_for(lock, at_most, [this] {
    const bool at_work = std::any_of(streams_.begin(), streams_.end(),
                                     [this](const auto& each) { return scheduler_.work_of(each.first).has_value(); });
    return draining_ && !at_work && commands_.empty() && running_commands_ == 0 && retries_.empty() && files_.idle() &&
           workers_.idle();
  });
}

bool Dispatcher::Core::draining() const {
  const std::lock_guard lock(mutex_);
  return draining_;
}

Snapshot Dispatcher::Core::snapshot() const {
  Snapshot snapshot;
  snapshot.orchestrator = self_;
  snapshot.pending_tasks = files_.waiting() + workers_.waiting();
  const std::lock_guard lock(mutex_);
  snapshot.counters = counters_;
  snapshot.jobs = scheduler_.jobs();
  snapshot.provers = scheduler_.provers();
  snapshot.segments = scheduler_.segment_counts(now());
  snapshot.waiting_requests = waiters_.size();
  snapshot.pending_bytes = pending_bytes_;
  snapshot.draining = draining_;
  return snapshot;
}

Dispatcher::Dispatcher(std::unique_ptr<Core> core) : core_(std::move(core)) {}
Dispatcher::~Dispatcher() = default;

store::Result<std::unique_ptr<Dispatcher>> Dispatcher::start(store::Store& store, ProofEngine& engine, Options options,
                                                             std::function<void(const Event&)> log) {
  auto core = std::make_unique<Core>(store, engine, std::move(options), std::move(log));
  if (auto started = core->start(); !started) return tl::unexpected(started.error());
  return std::unique_ptr<Dispatcher>(new Dispatcher(std::move(core)));
}

RequestId Dispatcher::request(ProofRequest request, Reply reply) {
  return core_->request(std::move(request), std::move(reply));
}
void Dispatcher::cancel(RequestId request) {
  core_->cancel(request);
}
Expected<SessionId> Dispatcher::connect(const scheduler::Registration& registration,
                                        std::shared_ptr<ProverStream> stream) {
  return core_->connect(registration, std::move(stream));
}
void Dispatcher::heartbeat(SessionId session) {
  core_->heartbeat(session);
}
void Dispatcher::progress(SessionId session, const scheduler::Progress& progress) {
  core_->progress(session, progress);
}
void Dispatcher::proof(SessionId session, std::shared_ptr<const Bytes> bytes, std::function<void()> taken) {
  core_->proof(session, std::move(bytes), std::move(taken));
}
void Dispatcher::disconnect(SessionId session) {
  core_->disconnect(session);
}
void Dispatcher::drain() {
  core_->drain();
}
bool Dispatcher::wait_drained(Duration at_most) {
  return core_->wait_drained(at_most);
}
bool Dispatcher::draining() const {
  return core_->draining();
}
Snapshot Dispatcher::snapshot() const {
  return core_->snapshot();
}

}  // namespace magnetar::dispatch
