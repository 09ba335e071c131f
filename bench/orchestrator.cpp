#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdlib>
#include <vector>

#include "host/scheduler/scheduler.h"

namespace {

using namespace magnetar;
using namespace magnetar::scheduler;

// What one orchestrator is to bear.
constexpr int kProvers = 1000;
constexpr int kJobs = 200;

const Time kStart{std::chrono::hours(500'000)};

/// A scheduler with idle provers of various speeds, and jobs that wait to be split.
class Swarm {
 public:
  Swarm(int provers, int jobs) : scheduler_(policy(provers), "self") {
    for (int i = 0; i < provers; ++i) {
      const auto connected =
          scheduler_.connect({fmt::format("prover{}", i), store::ProverType::kVolunteer, 1e4 * (1 + i % 7)}, kStart);
      if (!connected) std::abort();
      sessions_.push_back(connected->session);
      scheduler_.admit(connected->session, 0, kStart);
    }
    for (int i = 0; i < jobs; ++i) {
      store::JobRecord job;
      job.id = JobId{i + 1};
      job.requester = fmt::format("requester{}", i % 20);
      job.state = store::JobState::kReady;
      job.steps = job.steps_in_trace = 100'000;
      scheduler_.update(job, kStart);
    }
  }

  /// Decides until nothing is left to be done, as with a store that agrees. Returns how many provers got work.
  std::size_t assign() {
    std::size_t assigned = 0;
    for (Decisions decisions = scheduler_.decide(kStart); !decisions.empty(); decisions = scheduler_.decide(kStart)) {
      for (const auto& split : decisions.splits) {
        store::JobRecord job;
        job.id = split.job;
        job.requester = fmt::format("requester{}", (static_cast<std::int64_t>(split.job) - 1) % 20);
        job.state = store::JobState::kProving;
        job.steps = job.steps_in_trace = 100'000;
        for (const auto& range : split.segments) {
          store::SegmentRecord segment;
          segment.id = SegmentId{++segments_};
          segment.job = job.id;
          segment.range = range;
          job.segments.push_back(segment);
        }
        scheduler_.update(job, kStart);
      }
      for (const Assignment& assignment : decisions.assignments) scheduler_.granted(assignment, kStart);
      assigned += decisions.assignments.size();
    }
    return assigned;
  }

  Scheduler& scheduler() { return scheduler_; }
  const std::vector<SessionId>& sessions() const { return sessions_; }

 private:
  static Policy policy(int provers) {
    Policy policy;
    policy.gathering = 0;
    policy.max_provers = static_cast<std::size_t>(provers);
    return policy;
  }

  Scheduler scheduler_;
  std::vector<SessionId> sessions_;
  std::int64_t segments_ = 0;
};

// One heartbeat, among 1,000 provers.
void Heartbeat(benchmark::State& state) {
  Swarm swarm(kProvers, 0);
  std::size_t next = 0;
  for (auto _ : state) {
    swarm.scheduler().heartbeat(swarm.sessions()[next], kStart);
    next = (next + 1) % swarm.sessions().size();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}
BENCHMARK(Heartbeat);

// One progress message, of 1,000 provers at work on 200 jobs.
void Progress(benchmark::State& state) {
  Swarm swarm(kProvers, kJobs);
  swarm.assign();
  std::size_t next = 0;
  for (auto _ : state) {
    const auto taken = swarm.scheduler().progress(swarm.sessions()[next], {0.5, 100'000, 20'000, 10'000}, kStart);
    benchmark::DoNotOptimize(taken);
    next = (next + 1) % swarm.sessions().size();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}
BENCHMARK(Progress);

// All decisions by which idle provers get all of 200 waiting jobs; items are provers that get work.
void Schedule(benchmark::State& state) {
  std::size_t assigned = 0;
  for (auto _ : state) {
    state.PauseTiming();
    Swarm swarm(static_cast<int>(state.range(0)), kJobs);
    state.ResumeTiming();
    assigned += swarm.assign();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(assigned));
}
BENCHMARK(Schedule)->Arg(10)->Arg(100)->Arg(1000)->Unit(benchmark::kMicrosecond);

}  // namespace
