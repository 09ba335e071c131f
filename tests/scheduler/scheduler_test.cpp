#include "host/scheduler/scheduler.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace magnetar::scheduler {
namespace {

using namespace std::chrono_literals;
using store::Code;
using store::JobRecord;
using store::JobState;
using store::ProverType;
using store::SegmentRange;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

constexpr double kCyclesPerStep = 1024;

class SchedulerTest : public testing::Test {
 protected:
  static Policy policy() {
    Policy policy;
    policy.gathering = 0;
    policy.bounds.min_steps = 1;
    return policy;
  }

  SessionId connect(const std::string& prover, double steps_a_second = 1, ProverType type = ProverType::kVolunteer) {
    const auto connected = scheduler_.connect({prover, type, steps_a_second * kCyclesPerStep}, now_);
    EXPECT_TRUE(connected) << connected.error().message;
    scheduler_.admit(connected->session, 0, now_);
    return connected->session;
  }
  /// A job that was executed.
  JobRecord ready(std::int64_t id, std::uint64_t steps, const std::string& requester = "alice") {
    JobRecord job;
    job.id = JobId{id};
    job.requester = requester;
    job.state = JobState::kReady;
    job.owner = "self";
    job.steps = job.steps_in_trace = steps;
    job.created_at = now_;
    scheduler_.update(job, now_);
    return job;
  }
  /// As the store does it: segment ids are 100 * job + position.
  JobRecord split(JobRecord job, const std::vector<SegmentRange>& ranges) {
    job.state = JobState::kProving;
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      store::SegmentRecord segment;
      segment.id = SegmentId{static_cast<std::int64_t>(job.id) * 100 + static_cast<std::int64_t>(i)};
      segment.job = job.id;
      segment.position = static_cast<std::uint32_t>(i);
      segment.range = ranges[i];
      job.segments.push_back(segment);
    }
    scheduler_.update(job, now_);
    return job;
  }
  JobRecord proving(std::int64_t id, const std::vector<std::uint64_t>& lengths,
                    const std::string& requester = "alice") {
    std::vector<SegmentRange> ranges;
    std::uint64_t steps = 0;
    for (const std::uint64_t length : lengths) {
      ranges.push_back({steps, length});
      steps += length;
    }
    return split(ready(id, steps, requester), ranges);
  }
  /// Decides, splits what is to be split, and grants all assignments.
  std::vector<Assignment> assign() {
    std::vector<Assignment> all;
    while (true) {
      const Decisions decisions = scheduler_.decide(now_);
      for (const auto& each : decisions.splits) {
        JobRecord job;
        job.id = each.job;
        for (const auto& view : scheduler_.jobs()) {
          if (view.id == each.job) job.requester = view.requester, job.steps = view.progress.steps;
        }
        job.steps_in_trace = job.steps;
        split(job, each.segments);
      }
      for (const Assignment& assignment : decisions.assignments) {
        EXPECT_TRUE(scheduler_.granted(assignment, now_));
        all.push_back(assignment);
      }
      if (decisions.splits.empty()) return all;
    }
  }
  static std::vector<std::string> provers_of(const std::vector<Assignment>& assignments) {
    std::vector<std::string> names;
    for (const Assignment& each : assignments) names.push_back(each.prover);
    return names;
  }
  static std::vector<std::int64_t> segments_of(const std::vector<Assignment>& assignments) {
    std::vector<std::int64_t> ids;
    for (const Assignment& each : assignments) ids.push_back(static_cast<std::int64_t>(each.segment));
    return ids;
  }
  void finish(const Assignment& assignment) {
    const double hertz = scheduler_.submitted(assignment.session, assignment.segment, now_);
    scheduler_.verified(assignment.session, assignment.segment, hertz);
  }

  Time now_{std::chrono::hours(500'000)};
  Scheduler scheduler_{policy(), "self"};
};

// --- Connections

TEST_F(SchedulerTest, RefusesRegistrationsThatCannotBe) {
  for (const std::string& name : {std::string(), std::string("a b"), std::string("a\n"), std::string(129, 'x')}) {
    const auto refused = scheduler_.connect({name, ProverType::kVolunteer, {}}, now_);
    ASSERT_FALSE(refused) << name;
    EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
  }
  for (const double hertz : {-1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    const auto refused = scheduler_.connect({"p", ProverType::kVolunteer, hertz}, now_);
    ASSERT_FALSE(refused) << hertz;
    EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
  }
  EXPECT_EQ(scheduler_.connected(), 0U);
}

TEST_F(SchedulerTest, LimitsConnections) {
  Policy two = policy();
  two.max_provers = 2;
  Scheduler scheduler(two, "self");
  ASSERT_TRUE(scheduler.connect({"a", ProverType::kVolunteer, {}}, now_));
  ASSERT_TRUE(scheduler.connect({"b", ProverType::kVolunteer, {}}, now_));
  const auto third = scheduler.connect({"c", ProverType::kVolunteer, {}}, now_);
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, Code::kResourceExhausted);
  EXPECT_THAT(third.error().message, HasSubstr("2 provers are connected, of at most 2"));
}

TEST_F(SchedulerTest, ASecondConnectionIsRefusedUnlessTheFirstIsStale) {
  const SessionId first = connect("p");
  now_ += 14s;
  const auto second = scheduler_.connect({"p", ProverType::kVolunteer, {}}, now_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kAlreadyExists);
  scheduler_.heartbeat(first, now_);
  now_ += 14s;
  EXPECT_FALSE(scheduler_.connect({"p", ProverType::kVolunteer, {}}, now_)) << "it was heard";
  now_ += 1s;
  const auto replacing = scheduler_.connect({"p", ProverType::kVolunteer, {}}, now_);
  ASSERT_TRUE(replacing);
  EXPECT_EQ(replacing->replaced, first);
  EXPECT_EQ(scheduler_.connected(), 1U);
}

TEST_F(SchedulerTest, AReplacedConnectionsWorkGoesOn) {
  connect("p");
  proving(1, {10});
  ASSERT_THAT(assign(), SizeIs(1));
  now_ += 15s;
  const auto again = scheduler_.connect({"p", ProverType::kVolunteer, {}}, now_);
  ASSERT_TRUE(again);
  EXPECT_THAT(assign(), IsEmpty()) << "the store has not admitted it";
  scheduler_.admit(again->session, 0, now_);
  EXPECT_THAT(segments_of(assign()), ElementsAre(100));
}

TEST_F(SchedulerTest, GetsNoWorkBeforeTheStoreKnowsIt) {
  const auto connected = scheduler_.connect({"p", ProverType::kVolunteer, {}}, now_);
  proving(1, {10});
  EXPECT_THAT(assign(), IsEmpty());
  scheduler_.admit(connected->session, 0, now_);
  EXPECT_THAT(provers_of(assign()), ElementsAre("p"));
}

// --- Splitting and sharing

TEST_F(SchedulerTest, SplitsAJobAmongIdleProversByTheirSpeeds) {
  connect("slow", 1);
  connect("fast", 3);
  ready(1, 100);
  const auto assignments = assign();
  ASSERT_THAT(provers_of(assignments), ElementsAre("fast", "slow"));
  EXPECT_EQ(assignments[0].range, (SegmentRange{0, 75}));
  EXPECT_EQ(assignments[1].range, (SegmentRange{75, 25}));
}

TEST_F(SchedulerTest, UsesObservedSpeedsBeforeClaimedOnes) {
  const SessionId boaster = connect("boaster", 1000);
  connect("modest", 1);
  scheduler_.admit(boaster, 1 * kCyclesPerStep, now_);
  ready(1, 100);
  const auto assignments = assign();
  ASSERT_THAT(assignments, SizeIs(2));
  EXPECT_EQ(assignments[0].range.steps, 50U);
}

TEST_F(SchedulerTest, LearnsSpeedsFromProofs) {
  const SessionId p = connect("p", 1000);
  proving(1, {100});
  const auto first = assign();
  now_ += 50s;
  const double hertz = scheduler_.submitted(p, first[0].segment, now_);
  EXPECT_DOUBLE_EQ(hertz, 2 * kCyclesPerStep);
  EXPECT_DOUBLE_EQ(scheduler_.provers()[0].hertz, 1000 * kCyclesPerStep) << "not before it is verified";
  scheduler_.verified(p, first[0].segment, hertz);
  EXPECT_DOUBLE_EQ(scheduler_.provers()[0].hertz, 2 * kCyclesPerStep);
  proving(2, {100});
  const auto second = assign();
  now_ += 25s;
  EXPECT_DOUBLE_EQ(scheduler_.submitted(p, second[0].segment, now_), 3 * kCyclesPerStep) << "the mean of 2 and 4";
}

// Most of what a short proof takes does not depend on its length.
TEST_F(SchedulerTest, LearnsLittleFromShortProofs) {
  const SessionId p = connect("p", 1000);
  proving(1, {10});
  const auto first = assign();
  now_ += 2s;
  const double hertz = scheduler_.submitted(p, first[0].segment, now_);
  EXPECT_DOUBLE_EQ(hertz, (0.8 * 1000 + 0.2 * 5) * kCyclesPerStep) << "2 s are a fifth of a full measurement";
  scheduler_.verified(p, first[0].segment, hertz);
  proving(2, {10});
  const auto second = assign();
  now_ += 2s;
  EXPECT_DOUBLE_EQ(scheduler_.submitted(p, second[0].segment, now_), 0.9 * hertz + 0.1 * 5 * kCyclesPerStep);
  proving(3, {10});
  scheduler_.verified(p, second[0].segment, 0);
  const auto third = assign();
  now_ += 999ms;
  EXPECT_EQ(scheduler_.submitted(p, third[0].segment, now_), 0);
}

TEST_F(SchedulerTest, WaitingJobsGetTheirSharesOfTheIdleProvers) {
  for (int i = 0; i < 4; ++i) connect(fmt::format("p{}", i));
  ready(1, 100);
  ready(2, 100);
  const auto assignments = assign();
  ASSERT_THAT(assignments, SizeIs(4));
  EXPECT_THAT(segments_of(assignments), UnorderedElementsAre(100, 101, 200, 201));
}

TEST_F(SchedulerTest, JobsAreNotSplitWhenThereAreMoreOfThemThanProvers) {
  connect("a");
  connect("b");
  for (int i = 1; i <= 5; ++i) ready(i, 1000);
  const auto assignments = assign();
  ASSERT_THAT(segments_of(assignments), UnorderedElementsAre(100, 200));
  EXPECT_EQ(assignments[0].range.steps, 1000U);
}

TEST_F(SchedulerTest, SplitsForProversElsewhereToo) {
  connect("here", 1);
  const std::array elsewhere = {3 * kCyclesPerStep};
  scheduler_.set_idle_elsewhere(elsewhere);
  ready(1, 100);
  const Decisions decisions = scheduler_.decide(now_);
  ASSERT_THAT(decisions.splits, SizeIs(1));
  EXPECT_THAT(decisions.splits[0].segments, ElementsAre(SegmentRange{0, 75}, SegmentRange{75, 25}));
}

TEST_F(SchedulerTest, TheFastestProverGetsTheLongestSegment) {
  proving(1, {10, 40, 20});
  connect("middle", 2);
  connect("fast", 3);
  const auto assignments = assign();
  EXPECT_THAT(provers_of(assignments), ElementsAre("fast", "middle"));
  EXPECT_THAT(segments_of(assignments), ElementsAre(101, 102));
}

TEST_F(SchedulerTest, AnEmptyExecutionIsOneSegment) {
  connect("a");
  connect("b");
  ready(1, 0);
  const auto assignments = assign();
  ASSERT_THAT(assignments, SizeIs(1));
  EXPECT_EQ(assignments[0].range, (SegmentRange{0, 0}));
}

TEST_F(SchedulerTest, RequestersShareProversByStepsNotByJobs) {
  // Alice has many jobs, asked for first; Bob's are as long; Carol's are twice as long.
  std::int64_t id = 0;
  for (int i = 0; i < 100; ++i) proving(++id, {10}, "alice");
  for (int i = 0; i < 100; ++i) proving(++id, {10}, "bob");
  for (int i = 0; i < 100; ++i) proving(++id, {20}, "carol");
  connect("p");
  std::map<std::string, int> steps;
  for (int i = 0; i < 100; ++i) {
    const auto assignments = assign();
    ASSERT_THAT(assignments, SizeIs(1));
    const auto job = static_cast<std::int64_t>(assignments[0].job);
    steps[job <= 100 ? "alice" : job <= 200 ? "bob" : "carol"] += static_cast<int>(assignments[0].range.steps);
    now_ += 10s;
    finish(assignments[0]);
  }
  EXPECT_NEAR(steps["alice"], steps["bob"], 20);
  EXPECT_NEAR(steps["alice"], steps["carol"], 20);
}

TEST_F(SchedulerTest, ARequesterThatWasAwayHasNoCredit) {
  for (int i = 1; i <= 30; ++i) proving(i, {10}, "alice");
  connect("p");
  for (int i = 0; i < 20; ++i) {
    finish(assign()[0]);
    now_ += 1s;
  }
  for (int i = 31; i <= 60; ++i) proving(i, {10}, "bob");
  int bob = 0;
  for (int i = 0; i < 10; ++i) {
    const auto assignments = assign();
    bob += static_cast<std::int64_t>(assignments[0].job) > 30 ? 1 : 0;
    finish(assignments[0]);
    now_ += 1s;
  }
  EXPECT_EQ(bob, 5);
}

TEST_F(SchedulerTest, ARequestersJobsComeInOrder) {
  for (int i = 1; i <= 3; ++i) proving(i, {10});
  connect("p");
  for (int i = 1; i <= 3; ++i) {
    const auto assignments = assign();
    EXPECT_THAT(segments_of(assignments), ElementsAre(i * 100));
    finish(assignments[0]);
  }
}

TEST_F(SchedulerTest, CiProversGetShortExecutionsOnly) {
  Policy short_ones = policy();
  short_ones.ci_max_steps = 50;
  scheduler_ = Scheduler(short_ones, "self");
  connect("ci", 100, ProverType::kCi);
  ready(1, 51);
  EXPECT_THAT(assign(), IsEmpty());
  ready(2, 50);
  EXPECT_THAT(segments_of(assign()), ElementsAre(200));
  connect("volunteer");
  EXPECT_THAT(segments_of(assign()), ElementsAre(100));
}

TEST_F(SchedulerTest, WaitsALittleForMoreProversToCome) {
  Policy patient = policy();
  patient.gathering = 0.1;
  patient.max_gathering = 10s;
  scheduler_ = Scheduler(patient, "self");
  connect("a");
  ready(1, 50);  // 50 s for one prover: it waits for 5 s
  EXPECT_TRUE(scheduler_.decide(now_).empty());
  now_ += 3s;
  connect("b");
  const auto assignments = assign();
  EXPECT_THAT(assignments, SizeIs(2)) << "with two provers it is 2.5 s";
}

TEST_F(SchedulerTest, DoesNotWaitForMoreProversThanThePolicySays) {
  Policy patient = policy();
  patient.gathering = 0.1;
  patient.max_gathering = 10s;
  scheduler_ = Scheduler(patient, "self");
  connect("a");
  scheduler_.decide(now_);
  ready(1, 1'000'000);
  now_ += 9999ms;
  EXPECT_TRUE(scheduler_.decide(now_).empty());
  ready(2, 1);
  EXPECT_FALSE(scheduler_.decide(now_).empty()) << "more jobs than provers: nothing to wait for";
  scheduler_.remove(JobId{2});
  now_ += 1ms;
  EXPECT_THAT(assign(), SizeIs(1));
}

// --- Provers that disappear

TEST_F(SchedulerTest, AClosedConnectionsSegmentGoesToAnotherProver) {
  const SessionId p = connect("p", 2);
  proving(1, {10});
  ASSERT_THAT(provers_of(assign()), ElementsAre("p"));
  connect("q");
  scheduler_.disconnect(p, now_);
  now_ += 4999ms;
  EXPECT_THAT(assign(), IsEmpty()) << "p may come back";
  now_ += 1ms;
  const Decisions decisions = scheduler_.decide(now_);
  ASSERT_THAT(decisions.releases, SizeIs(1));
  EXPECT_EQ(decisions.releases[0].prover, "p");
  EXPECT_THAT(provers_of(decisions.assignments), ElementsAre("q"));
}

TEST_F(SchedulerTest, AProverThatComesBackGoesOnWithItsSegment) {
  const SessionId p = connect("p");
  proving(1, {20, 10});
  ASSERT_THAT(segments_of(assign()), ElementsAre(100));
  scheduler_.disconnect(p, now_);
  now_ += 2s;
  connect("p");
  connect("q", 9);
  const auto assignments = assign();
  EXPECT_THAT(provers_of(assignments), ElementsAre("p", "q"));
  EXPECT_THAT(segments_of(assignments), ElementsAre(100, 101));
}

TEST_F(SchedulerTest, ASilentProverHasDisappeared) {
  const SessionId p = connect("p");
  const SessionId q = connect("q");
  proving(1, {10});
  const auto assignments = assign();
  ASSERT_THAT(assignments, SizeIs(1));
  const bool p_works = assignments[0].prover == "p";
  const SessionId working = p_works ? p : q, waiting = p_works ? q : p;
  for (int i = 0; i < 3; ++i) {
    now_ += 10s;
    scheduler_.heartbeat(waiting, now_);
    EXPECT_THAT(scheduler_.decide(now_).lost, IsEmpty());
  }
  now_ += 1ms;
  const auto lost = scheduler_.decide(now_).lost;
  ASSERT_THAT(lost, SizeIs(1));
  EXPECT_EQ(lost[0].session, working);
  now_ += 5s;
  EXPECT_THAT(provers_of(assign()), ElementsAre(p_works ? "q" : "p"));
  EXPECT_EQ(scheduler_.connected(), 1U);
}

TEST_F(SchedulerTest, ProgressKeepsAProverAlive) {
  const SessionId p = connect("p");
  for (int i = 0; i < 10; ++i) {
    now_ += 25s;
    ASSERT_TRUE(scheduler_.progress(p, {0.5, 10, 10, 5}, now_));
    EXPECT_THAT(scheduler_.decide(now_).lost, IsEmpty());
  }
}

TEST_F(SchedulerTest, ALeaseGrantedToAProverThatIsGoneIsToBeReleased) {
  const SessionId p = connect("p");
  proving(1, {10});
  const Decisions decisions = scheduler_.decide(now_);
  ASSERT_THAT(decisions.assignments, SizeIs(1));
  scheduler_.disconnect(p, now_);
  EXPECT_FALSE(scheduler_.granted(decisions.assignments[0], now_));
  connect("q");
  EXPECT_THAT(provers_of(assign()), ElementsAre("q")) << "at once";
}

TEST_F(SchedulerTest, ARefusedAssignmentLeavesTheProverIdle) {
  connect("p");
  const JobRecord job = proving(1, {10, 5});
  const Decisions decisions = scheduler_.decide(now_);
  scheduler_.refused(decisions.assignments.at(0));
  JobRecord theirs = job;
  theirs.segments[0].leases.push_back({"other", "elsewhere", now_});
  const std::array<std::string, 2> living = {"self", "elsewhere"};
  scheduler_.set_living(living);
  scheduler_.update(theirs, now_);
  EXPECT_THAT(segments_of(assign()), ElementsAre(101));
}

// --- Other orchestrators and restarts

TEST_F(SchedulerTest, SegmentsOfADeadOrchestratorWaitForTheirProversAndThenGoToOthers) {
  JobRecord job = proving(1, {10, 5});
  job.segments[0].leases.push_back({"p", "dead", now_ - 1h});
  job.segments[1].leases.push_back({"q", "dead", now_ - 1h});
  scheduler_.update(job, now_);
  const SessionId third = connect("r", 100);
  EXPECT_THAT(assign(), IsEmpty());
  now_ += 3s;
  connect("q");
  EXPECT_THAT(segments_of(assign()), ElementsAre(101)) << "q has its own again";
  scheduler_.update(job, now_);
  now_ += 2s;
  EXPECT_THAT(provers_of(assign()), ElementsAre("r"));
  EXPECT_EQ(scheduler_.work_of(third), SegmentId{100});
  scheduler_.update(job, now_);
  EXPECT_EQ(scheduler_.work_of(third), SegmentId{100});
}

TEST_F(SchedulerTest, LeavesALivingOrchestratorsSegmentsAlone) {
  JobRecord job = proving(1, {10});
  job.segments[0].leases.push_back({"p", "elsewhere", now_});
  const std::array<std::string, 2> living = {"self", "elsewhere"};
  scheduler_.set_living(living);
  scheduler_.update(job, now_);
  const SessionId q = connect("q");
  now_ += 10s;
  scheduler_.heartbeat(q, now_);
  EXPECT_THAT(assign(), IsEmpty());
  scheduler_.set_living(std::span(living).first(1));
  EXPECT_THAT(assign(), IsEmpty()) << "its prover may come here";
  now_ += 5s;
  EXPECT_THAT(provers_of(assign()), ElementsAre("q"));
}

TEST_F(SchedulerTest, ReleasesLeasesThatItDoesNotKnowOf) {
  JobRecord job = proving(1, {10});
  job.segments[0].leases.push_back({"p", "self", now_});  // the answer to lease() was lost
  scheduler_.update(job, now_);
  const auto releases = scheduler_.decide(now_).releases;
  ASSERT_THAT(releases, SizeIs(1));
  EXPECT_EQ(releases[0].prover, "p");
}

TEST_F(SchedulerTest, NewsThatAreOldChangeNothing) {
  const SessionId p = connect("p");
  const JobRecord old = proving(1, {10});
  const auto assignments = assign();
  scheduler_.update(old, now_);
  EXPECT_EQ(scheduler_.work_of(p), SegmentId{100});
  finish(assignments[0]);
  scheduler_.update(old, now_);
  EXPECT_THAT(assign(), IsEmpty()) << "a verified segment stays verified";
}

// --- Stragglers

TEST_F(SchedulerTest, ALateSegmentIsGivenToASecondProver) {
  const SessionId slow = connect("slow", 2);
  proving(1, {100});  // 50 s
  ASSERT_THAT(assign(), SizeIs(1));
  const SessionId idle = connect("idle", 1);
  const auto wait = [&](Duration time) {
    now_ += time;
    scheduler_.heartbeat(slow, now_);
    scheduler_.heartbeat(idle, now_);
  };
  for (int i = 0; i < 13; ++i) {
    wait(10s);
    EXPECT_THAT(assign(), IsEmpty());
  }
  wait(1ms);  // 2 * 50 s and 30 s
  const auto second = assign();
  ASSERT_THAT(second, SizeIs(1));
  EXPECT_TRUE(second[0].straggler);
  EXPECT_EQ(second[0].prover, "idle");
  connect("third");
  wait(10s);
  EXPECT_THAT(assign(), IsEmpty()) << "two are enough";
  // The second one is first.
  finish(second[0]);
  EXPECT_THAT(assign(), IsEmpty());
  EXPECT_EQ(scheduler_.submitted(slow, SegmentId{100}, now_) > 0, true);
  scheduler_.verified(slow, SegmentId{100}, 0);
  EXPECT_EQ(scheduler_.idle(), 3U);
}

TEST_F(SchedulerTest, ALateSegmentThatIsNearlyDoneIsLeftAlone) {
  const SessionId slow = connect("slow", 2);
  proving(1, {100});
  ASSERT_THAT(assign(), SizeIs(1));
  const SessionId idle = connect("idle", 2);
  for (int i = 0; i < 20; ++i) {
    now_ += 10s;
    scheduler_.heartbeat(idle, now_);
    ASSERT_TRUE(scheduler_.progress(slow, {0.95, 100, 100, 95}, now_));
  }
  EXPECT_THAT(assign(), IsEmpty()) << "some 10 s are left, and the other one needs 50 s";
  ASSERT_TRUE(scheduler_.progress(slow, {0.5, 100, 100, 50}, now_));
  EXPECT_THAT(assign(), SizeIs(1)) << "some 200 s are left";
}

TEST_F(SchedulerTest, WaitingWorkComesBeforeStragglers) {
  const SessionId slow = connect("slow", 2);
  proving(1, {100});
  ASSERT_THAT(assign(), SizeIs(1));
  for (int i = 0; i < 20; ++i) {
    now_ += 10s;
    scheduler_.heartbeat(slow, now_);
  }
  proving(2, {1});
  connect("idle", 1);
  EXPECT_THAT(segments_of(assign()), ElementsAre(200));
}

TEST_F(SchedulerTest, AStragglersElsewhereIsOvertaken) {
  JobRecord job = proving(1, {100});
  job.segments[0].leases.push_back({"p", "elsewhere", now_});
  const std::array<std::string, 2> living = {"self", "elsewhere"};
  scheduler_.set_living(living);
  scheduler_.update(job, now_);
  const SessionId idle = connect("idle", 2);  // would need 50 s
  for (int i = 0; i < 23; ++i) {
    now_ += 10s;
    scheduler_.heartbeat(idle, now_);
    EXPECT_THAT(assign(), IsEmpty());
  }
  now_ += 1ms;  // twice twice 50 s, and 30 s
  EXPECT_THAT(assign(), SizeIs(1));
}

// --- Proofs

TEST_F(SchedulerTest, AProverIsIdleWhileItsProofIsVerified) {
  const SessionId p = connect("p");
  proving(1, {20, 10});
  const auto first = assign();
  connect("q");
  scheduler_.submitted(p, first[0].segment, now_);
  const auto second = assign();
  ASSERT_THAT(second, SizeIs(1)) << "nobody else gets the segment meanwhile";
  EXPECT_EQ(second[0].segment, SegmentId{101});
}

TEST_F(SchedulerTest, ARejectedProofsSegmentGoesToAnotherProver) {
  const SessionId liar = connect("liar", 2);
  proving(1, {20});
  const auto first = assign();
  connect("honest");
  scheduler_.submitted(liar, first[0].segment, now_);
  scheduler_.expel(liar);
  scheduler_.rejected(first[0].segment, "liar");
  EXPECT_THAT(provers_of(assign()), ElementsAre("honest"));
  EXPECT_EQ(scheduler_.connected(), 1U);
}

TEST_F(SchedulerTest, ALateProofOfFormerWorkDoesNotEndThePresentOne) {
  const SessionId p = connect("p");
  proving(1, {20});
  proving(2, {10});
  const auto first = assign();
  ASSERT_THAT(segments_of(first), ElementsAre(100));
  EXPECT_EQ(scheduler_.submitted(p, SegmentId{200}, now_), 0);
  EXPECT_EQ(scheduler_.work_of(p), SegmentId{100});
  scheduler_.verified(p, SegmentId{200}, 0);
  connect("q");
  EXPECT_THAT(assign(), IsEmpty());
}

TEST_F(SchedulerTest, AJobThatIsGoneLeavesItsProverBusyUntilItsProof) {
  const SessionId p = connect("p");
  proving(1, {20});
  ASSERT_THAT(assign(), SizeIs(1));
  scheduler_.remove(JobId{1});
  proving(2, {20});
  EXPECT_THAT(assign(), IsEmpty());
  scheduler_.submitted(p, SegmentId{100}, now_);
  scheduler_.verified(p, SegmentId{100}, 0);
  EXPECT_THAT(segments_of(assign()), ElementsAre(200));
}

// --- Progress, draining

TEST_F(SchedulerTest, RefusesProgressThatCannotBe) {
  const SessionId p = connect("p");
  for (const Progress& wrong : {Progress{-0.1, 10, 10, 0}, Progress{1.1, 10, 10, 10}, Progress{std::nan(""), 10, 10, 1},
                                Progress{0.5, 10, 10, 11}, Progress{0.5, 10, 11, 5}}) {
    const auto taken = scheduler_.progress(p, wrong, now_);
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().code, Code::kInvalidArgument);
  }
  EXPECT_TRUE(scheduler_.progress(p, {1, 10, 10, 10}, now_));
}

TEST_F(SchedulerTest, AddsUpAJobsProgress) {
  const SessionId a = connect("a", 3);
  const SessionId b = connect("b", 2);
  connect("c", 1);
  proving(1, {60, 30, 10});
  const auto assignments = assign();
  ASSERT_THAT(provers_of(assignments), ElementsAre("a", "b", "c"));
  ASSERT_TRUE(scheduler_.progress(a, {0.5, 100, 60, 30}, now_));
  auto progress = scheduler_.job_progress(JobId{1});
  ASSERT_TRUE(progress);
  EXPECT_DOUBLE_EQ(progress->fraction, 0.3);
  EXPECT_EQ(progress->provers, 3U);
  EXPECT_EQ(progress->steps, 100U);
  now_ += 10s;
  scheduler_.submitted(b, assignments[1].segment, now_);
  EXPECT_DOUBLE_EQ(scheduler_.job_progress(JobId{1})->fraction, 0.6);
  EXPECT_EQ(scheduler_.job_progress(JobId{1})->steps_verified, 0U);
  scheduler_.verified(b, assignments[1].segment, 0);
  progress = scheduler_.job_progress(JobId{1});
  EXPECT_DOUBLE_EQ(progress->fraction, 0.6);
  EXPECT_EQ(progress->steps_verified, 30U);
  EXPECT_EQ(progress->segments_verified, 1U);
  EXPECT_EQ(progress->provers, 2U);
  EXPECT_FALSE(scheduler_.job_progress(JobId{2}));
}

TEST_F(SchedulerTest, CountsSegmentsByState) {
  const auto counts = [&] {
    const SegmentCounts c = scheduler_.segment_counts(now_);
    return std::vector<std::size_t>{c.pending, c.proving, c.verifying, c.verified};
  };
  const SessionId a = connect("a", 2);
  connect("b", 1);
  proving(1, {60, 30, 10});
  EXPECT_THAT(counts(), ElementsAre(3, 0, 0, 0));
  const auto assignments = assign();
  ASSERT_THAT(provers_of(assignments), ElementsAre("a", "b"));
  EXPECT_THAT(counts(), ElementsAre(1, 2, 0, 0));
  scheduler_.submitted(a, assignments[0].segment, now_);
  EXPECT_THAT(counts(), ElementsAre(1, 1, 1, 0));
  scheduler_.verified(a, assignments[0].segment, 0);
  EXPECT_THAT(counts(), ElementsAre(1, 1, 0, 1));
  scheduler_.remove(JobId{1});
  EXPECT_THAT(counts(), ElementsAre(0, 0, 0, 0));
}

TEST_F(SchedulerTest, ADrainingSchedulerGivesOutNothing) {
  connect("p");
  proving(1, {20, 20});
  const auto first = assign();
  scheduler_.drain();
  finish(first[0]);
  connect("q");
  EXPECT_THAT(assign(), IsEmpty());
}

}  // namespace
}  // namespace magnetar::scheduler
