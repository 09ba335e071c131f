#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <vector>

#include "host/scheduler/scheduler.h"

namespace magnetar::scheduler {
namespace {

using namespace std::chrono_literals;
using store::JobRecord;
using store::JobState;
using store::LeaseRecord;
using store::ProverType;
using store::SegmentRecord;

constexpr std::uint64_t kCiMaxSteps = 60;

/// Orchestrators on one queue, and provers that crash, return, stall and lie; in simulated time, by chance. What a
/// store does is done here by the book, and everything the schedulers decide is checked.
class Simulation {
 public:
  explicit Simulation(std::uint64_t seed, std::size_t orchestrators) : random_(seed) {
    for (std::size_t i = 0; i < orchestrators; ++i) start_orchestrator(i);
  }

  /// How often what happened that all this is about.
  struct Incidents {
    std::size_t stragglers = 0, refused = 0, superseded = 0, lost = 0, collisions = 0;
  };

  void run() {
    for (int second = 0; second < 1500; ++second) step(true);
    // From now on nothing goes wrong, and all must be done.
    for (int second = 0; second < 6000 && !all_done(); ++second) step(false);
    EXPECT_TRUE(all_done()) << open() << " jobs of " << jobs_.size() << " are not done";
    EXPECT_GT(jobs_.size(), 20U);
    for (const auto& [id, job] : jobs_) check_covered(job);
    const auto in_hand = static_cast<std::size_t>(
        std::count_if(provers_.begin(), provers_.end(), [](const Prover& prover) { return prover.work.has_value(); }));
    EXPECT_EQ(grants_, accepted_ + refused_ + superseded_ + lost_ + in_hand);
    EXPECT_EQ(accepted_, segments_.size());
    // Nothing is proved twice but by provers that were late, or gone for a while.
    EXPECT_LE(superseded_, stragglers_ + kept_);
  }

  void add_to(Incidents& sum) const {
    sum.stragglers += stragglers_;
    sum.refused += refused_;
    sum.superseded += superseded_;
    sum.lost += lost_;
    sum.collisions += collisions_;
  }

 private:
  struct Work {
    SegmentId segment{};
    double done = 0;  // steps
  };
  struct Prover {
    std::string name;
    ProverType type;
    double speed;  // steps a second
    bool liar;
    bool quarantined = false;
    int away = 0;        // seconds until it connects again
    int stalled = 0;     // seconds in which it proves nothing
    std::size_t at = 0;  // orchestrator
    std::optional<SessionId> session{};
    std::optional<Work> work{};
  };
  struct Orchestrator {
    store::OrchestratorId id;
    std::unique_ptr<Scheduler> scheduler;
    int down = 0;  // seconds
  };

  bool chance(double probability) { return std::uniform_real_distribution<>(0, 1)(random_) < probability; }
  std::uint64_t up_to(std::uint64_t most) { return random_() % (most + 1); }

  void start_orchestrator(std::size_t index) {
    Policy policy;
    policy.bounds = {.min_steps = 5, .max_steps = 120, .max_segments = 50};
    policy.ci_max_steps = kCiMaxSteps;
    if (orchestrators_.size() <= index) orchestrators_.resize(index + 1);
    Orchestrator& self = orchestrators_[index];
    self.id = fmt::format("o{}-{}", index, ++starts_);
    self.scheduler = std::make_unique<Scheduler>(policy, self.id);
    living_[self.id] = now_;
    for (const auto& [id, job] : jobs_) self.scheduler->update(job, now_);
  }

  void step(bool faults) {
    now_ += 1s;
    if (faults && jobs_.size() < 60 && chance(0.08)) add_job();
    if (provers_.size() < 8) add_prover();
    for (std::size_t i = 0; i < orchestrators_.size(); ++i) {
      Orchestrator& self = orchestrators_[i];
      if (self.down > 0 && --self.down == 0) start_orchestrator(i);
      if (faults && self.down == 0 && chance(0.005)) crash(i);
    }
    for (Prover& prover : provers_) act(prover, faults);
    std::vector<store::OrchestratorId> living;
    for (const auto& [id, seen] : living_) {
      if (now_ - seen < 30s) living.push_back(id);
    }
    for (Orchestrator& self : orchestrators_) {
      if (self.down != 0) continue;
      living_[self.id] = now_;
      self.scheduler->set_living(living);
      // News come late or twice.
      if (chance(0.3)) {
        for (const auto& [id, job] : jobs_) self.scheduler->update(job, now_);
      }
      for (int i = 0; i < 8 && decide(self); ++i) {
      }
    }
  }

  void crash(std::size_t index) {
    orchestrators_[index].down = 1 + static_cast<int>(up_to(60));
    orchestrators_[index].scheduler.reset();
    for (Prover& prover : provers_) {
      if (prover.at != index || !prover.session) continue;
      prover.session.reset();
      prover.away = 1 + static_cast<int>(up_to(10));
      kept_ += prover.work ? 1 : 0;
    }
  }

  void add_job() {
    JobRecord job;
    job.id = JobId{static_cast<std::int64_t>(jobs_.size() + 1)};
    job.requester = fmt::format("requester{}", up_to(3));
    job.state = JobState::kReady;
    job.key.first_step = up_to(100);
    job.steps = up_to(400);
    job.steps_in_trace = job.key.first_step + job.steps;
    job.created_at = now_;
    jobs_[job.id] = job;
    announce(job.id);
  }

  void add_prover() {
    const std::size_t index = provers_.size();
    provers_.push_back({.name = fmt::format("p{}-{}", index, ++starts_),
                        .type = index == 0 ? ProverType::kCi : ProverType::kVolunteer,
                        .speed = std::exp(std::uniform_real_distribution<>(-1.5, 1.5)(random_)),
                        .liar = index == 1});
  }

  void act(Prover& prover, bool faults) {
    if (prover.quarantined) {
      // Its owner gives up the name.
      prover = Prover{fmt::format("{}x", prover.name), prover.type, prover.speed, faults && chance(0.3)};
      return;
    }
    if (!faults) prover.liar = false;
    if (!prover.session) {
      if (prover.away > 0 && --prover.away > 0) return;
      connect(prover, faults);
      return;
    }
    Scheduler& scheduler = *orchestrators_[prover.at].scheduler;
    if (faults && chance(0.004)) {
      // Closes its stream, or vanishes without a word; may keep its work.
      if (chance(0.5)) scheduler.disconnect(*prover.session, now_);
      prover.session.reset();
      prover.away = static_cast<int>(up_to(40));
      if (prover.work) {
        const bool keeps = chance(0.5);
        ++(keeps ? kept_ : lost_);
        if (!keeps) prover.work.reset();
      }
      return;
    }
    if (faults && chance(0.002)) prover.stalled = static_cast<int>(up_to(400));
    scheduler.heartbeat(*prover.session, now_);
    if (!prover.work) return;
    if (prover.stalled > 0) {
      --prover.stalled;
      return;
    }
    prover.work->done += prover.speed;
    const SegmentRecord& segment = segment_of(prover.work->segment);
    const auto length = static_cast<double>(segment.range.steps);
    if (prover.work->done < length) {
      EXPECT_TRUE(
          scheduler.progress(*prover.session, {prover.work->done / length, 1000, segment.range.steps, 0}, now_));
      return;
    }
    submit(prover, scheduler);
  }

  void connect(Prover& prover, bool faults) {
    prover.at = up_to(orchestrators_.size() - 1);
    Orchestrator& self = orchestrators_[prover.at];
    if (self.down != 0) return;
    const double claimed = faults && chance(0.2) ? prover.speed * 50 : prover.speed;
    const auto connected = self.scheduler->connect({prover.name, prover.type, claimed * 1024}, now_);
    if (!connected) {
      EXPECT_EQ(connected.error().code, store::Code::kAlreadyExists);
      prover.away = 5;
      return;
    }
    prover.session = connected->session;
    self.scheduler->admit(*prover.session, 0, now_);
  }

  void submit(Prover& prover, Scheduler& scheduler) {
    const SegmentId id = prover.work->segment;
    prover.work.reset();
    const SessionId session = *prover.session;
    const double hertz = scheduler.submitted(session, id, now_);
    SegmentRecord& segment = segment_of(id);
    if (segment.verified) {
      ++superseded_;
      scheduler.verified(session, id, 0);
      return;
    }
    end_leases(segment, prover.name);
    if (prover.liar && chance(0.5)) {
      ++refused_;
      scheduler.expel(session);
      scheduler.rejected(id, prover.name);
      prover.session.reset();
      prover.quarantined = true;
      for (auto& [job_id, job] : jobs_) {
        for (SegmentRecord& each : job.segments) end_leases(each, prover.name);
      }
      return;
    }
    segment.verified = true;
    segment.prover = prover.name;
    ++accepted_;
    scheduler.verified(session, id, hertz);
    JobRecord& job = jobs_[segment.job];
    if (std::all_of(job.segments.begin(), job.segments.end(), [](const auto& each) { return each.verified; })) {
      job.state = JobState::kDone;
    }
    announce(job.id);
  }

  bool decide(Orchestrator& self) {
    const Decisions decisions = self.scheduler->decide(now_);
    bool again = false;
    for (const auto& lost : decisions.lost) {
      for (Prover& prover : provers_) {
        const bool here = &orchestrators_[prover.at] == &self && prover.session == lost.session;
        EXPECT_FALSE(prover.name == lost.prover && here) << lost.prover << " was heard";
      }
    }
    for (const auto& release : decisions.releases) {
      if (!segments_.contains(release.segment)) continue;
      SegmentRecord& segment = segment_of(release.segment);
      std::erase_if(segment.leases, [&](const LeaseRecord& lease) {
        return lease.prover == release.prover && lease.orchestrator == self.id;
      });
    }
    for (const auto& split : decisions.splits) {
      again = true;
      JobRecord& job = jobs_[split.job];
      if (job.state == JobState::kReady) {
        job.state = JobState::kProving;
        for (const auto& range : split.segments) {
          SegmentRecord segment;
          segment.id = SegmentId{static_cast<std::int64_t>(segments_.size() + 1)};
          segment.job = job.id;
          segment.range = range;
          segments_[segment.id] = {job.id, job.segments.size()};
          job.segments.push_back(segment);
        }
        announce(job.id);
      }
      self.scheduler->update(job, now_);
    }
    for (const Assignment& assignment : decisions.assignments) again = lease(self, assignment) || again;
    return again;
  }

  // Whether it was refused.
  bool lease(Orchestrator& self, const Assignment& assignment) {
    SegmentRecord& segment = segment_of(assignment.segment);
    const JobRecord& job = jobs_[segment.job];
    std::size_t others = 0;
    for (const LeaseRecord& lease : segment.leases) {
      others += lease.prover != assignment.prover && now_ - living_[lease.orchestrator] < 30s ? 1 : 0;
    }
    if (segment.verified || job.state != JobState::kProving || others >= (assignment.straggler ? 2U : 1U)) {
      ++collisions_;
      self.scheduler->refused(assignment);
      self.scheduler->update(job, now_);
      return true;
    }
    const auto prover = std::find_if(provers_.begin(), provers_.end(),
                                     [&](const Prover& each) { return each.name == assignment.prover; });
    // Of a prover that vanished without a word its orchestrator does not know yet.
    const bool there =
        prover != provers_.end() && prover->session == assignment.session && &orchestrators_[prover->at] == &self;
    EXPECT_TRUE(prover == provers_.end() || !prover->quarantined || !there);
    EXPECT_TRUE(prover == provers_.end() || prover->type != ProverType::kCi || job.steps_in_trace <= kCiMaxSteps);
    std::erase_if(segment.leases, [&](const LeaseRecord& lease) { return lease.prover == assignment.prover; });
    segment.leases.push_back({assignment.prover, self.id, now_});
    EXPECT_TRUE(self.scheduler->granted(assignment, now_));
    EXPECT_LE(others, 1U);
    ++grants_;
    stragglers_ += assignment.straggler ? 1 : 0;
    if (!there) {
      ++lost_;
      return false;
    }
    if (prover->work && prover->work->segment == assignment.segment) {
      ++lost_;  // it goes on with what it has, under a new lease
    } else {
      lost_ += prover->work ? 1 : 0;
      prover->work = Work{assignment.segment};
    }
    announce(job.id);
    return false;
  }

  void end_leases(SegmentRecord& segment, const std::string& prover) {
    std::erase_if(segment.leases, [&](const LeaseRecord& lease) { return lease.prover == prover; });
  }

  // Orchestrators hear of most changes at once.
  void announce(JobId id) {
    for (Orchestrator& self : orchestrators_) {
      if (self.down == 0 && self.scheduler && chance(0.7)) self.scheduler->update(jobs_[id], now_);
    }
  }

  SegmentRecord& segment_of(SegmentId id) {
    const auto& [job, place] = segments_.at(id);
    return jobs_.at(job).segments[place];
  }

  std::size_t open() const {
    return static_cast<std::size_t>(std::count_if(
        jobs_.begin(), jobs_.end(), [](const auto& each) { return each.second.state != JobState::kDone; }));
  }
  bool all_done() const { return open() == 0; }
  static void check_covered(const JobRecord& job) {
    std::uint64_t next = job.key.first_step;
    for (const SegmentRecord& segment : job.segments) {
      EXPECT_EQ(segment.range.first_step, next);
      EXPECT_TRUE(segment.verified);
      next += segment.range.steps;
    }
    EXPECT_EQ(next, job.key.first_step + job.steps);
  }

  std::mt19937_64 random_;
  Time now_{std::chrono::hours(500'000)};
  std::map<JobId, JobRecord> jobs_;
  std::map<SegmentId, std::pair<JobId, std::size_t>> segments_;
  std::vector<Orchestrator> orchestrators_;
  std::map<store::OrchestratorId, Time> living_;
  std::vector<Prover> provers_;
  std::size_t starts_ = 0, grants_ = 0, stragglers_ = 0, accepted_ = 0, refused_ = 0, superseded_ = 0, lost_ = 0,
              kept_ = 0, collisions_ = 0;
};

class SimulationTest : public testing::TestWithParam<std::size_t> {};

TEST_P(SimulationTest, NothingIsLostWhateverFails) {
  Simulation::Incidents incidents;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Simulation simulation(seed, GetParam());
    simulation.run();
    if (HasFailure()) return;
    simulation.add_to(incidents);
  }
  EXPECT_GT(incidents.stragglers, 0U);
  EXPECT_GT(incidents.refused, 0U);
  EXPECT_GT(incidents.superseded, 0U);
  EXPECT_GT(incidents.lost, 0U);
  if (GetParam() > 1) {
    EXPECT_GT(incidents.collisions, 0U);
  }
}

INSTANTIATE_TEST_SUITE_P(Orchestrators, SimulationTest, testing::Values(1, 2, 3));

}  // namespace
}  // namespace magnetar::scheduler
