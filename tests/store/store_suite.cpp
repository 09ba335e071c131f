#include "store_suite.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <thread>

namespace magnetar::store {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;
using enum Store::LeaseOutcome;
using enum Store::ProofOutcome;

TemporaryFolder::TemporaryFolder() {
  std::string name = (fs::temp_directory_path() / "magnetar-store-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) std::abort();
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code error;
  fs::remove_all(path_, error);
}

Bytes bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

std::string name_of(const testing::TestParamInfo<Backend>& backend) {
  return backend.param.name;
}

void StoreSuite::SetUp() {
  const auto made = GetParam().make(folder_.path());
  if (!made) GTEST_SKIP() << made.error();
  address_ = *made;
  store_ = open();
  ASSERT_TRUE(store_->announce(caller()));
}

fs::path StoreSuite::blob_folder() const {
  return GetParam().blobs_in_folder ? folder_.path() / "blobs" : fs::path();
}

std::unique_ptr<Store> StoreSuite::open() {
  auto store = open_store(address_, blob_folder());
  EXPECT_TRUE(store) << store.error().message;
  return store ? *std::move(store) : nullptr;
}

void StoreSuite::reopen() {
  store_.reset();
  store_ = open();
  ASSERT_TRUE(store_->announce(caller()));
}

Caller StoreSuite::caller(const std::string& id) const {
  return {id, now_, now_ - 30s};
}

Digest StoreSuite::put(const std::string& content) {
  const auto digest = store_->blobs().put(bytes_of(content), now_);
  EXPECT_TRUE(digest) << digest.error().message;
  return digest.value_or(Digest{});
}

JobKey StoreSuite::key(const std::string& program, std::optional<std::uint64_t> steps) {
  return {put(program), put("input"), 0, steps};
}

Store::Submission StoreSuite::submit(const std::string& program, const std::string& requester,
                                     std::optional<std::uint64_t> steps) {
  const auto submitted = store_->submit(key(program, steps), requester, {}, caller());
  EXPECT_TRUE(submitted && *submitted);
  return **submitted;
}

JobRecord StoreSuite::proving(const std::string& program, const std::vector<std::uint64_t>& lengths) {
  const JobId id = submit(program).job.id;
  std::vector<SegmentRange> ranges;
  std::uint64_t steps = 0;
  for (const std::uint64_t length : lengths) {
    ranges.push_back({steps, length});
    steps += length;
  }
  EXPECT_TRUE(*store_->set_ready(id, steps, steps, caller()));
  EXPECT_TRUE(*store_->split(id, ranges, caller()));
  for (const std::string prover : {"p", "q", "r"}) {
    EXPECT_TRUE(*store_->connect_prover(prover, ProverType::kVolunteer, 1000, caller()));
  }
  return job(id);
}

JobRecord StoreSuite::job(JobId id) {
  const auto record = store_->job(id);
  EXPECT_TRUE(record && *record);
  return **record;
}

// --- Jobs

TEST_P(StoreSuite, KeepsAJobFromItsRequestToItsResult) {
  const auto [accepted, created] = submit("elf");
  EXPECT_TRUE(created);
  EXPECT_EQ(accepted.state, JobState::kAccepted);
  EXPECT_EQ(accepted.owner, "one");
  EXPECT_EQ(accepted.requester, "alice");
  EXPECT_EQ(accepted.key, key("elf"));
  EXPECT_EQ(accepted.created_at, now_);

  EXPECT_TRUE(*store_->set_ready(accepted.id, 9, 7, caller()));
  EXPECT_FALSE(*store_->set_ready(accepted.id, 9, 7, caller())) << "it is ready already";
  const std::array ranges = {SegmentRange{0, 4}, SegmentRange{4, 3}};
  EXPECT_TRUE(*store_->split(accepted.id, ranges, caller()));
  EXPECT_FALSE(*store_->split(accepted.id, ranges, caller())) << "it is split already";
  ASSERT_TRUE(*store_->connect_prover("p", ProverType::kCi, 1234.5, caller()));
  reopen();

  const JobRecord split = job(accepted.id);
  EXPECT_EQ(split.state, JobState::kProving);
  EXPECT_EQ(split.steps_in_trace, 9U);
  EXPECT_EQ(split.steps, 7U);
  ASSERT_THAT(split.segments, SizeIs(2));
  EXPECT_EQ(split.segments[0].range, ranges[0]);
  EXPECT_EQ(split.segments[1].range, ranges[1]);

  for (const SegmentRecord& segment : split.segments) {
    EXPECT_EQ(*store_->lease(segment.id, "p", 1, caller()), kGranted);
  }
  EXPECT_EQ(*store_->accept_proof(split.segments[1].id, "p", put("proof 1"), 500, caller()), kAccepted);
  reopen();
  const JobRecord half = job(accepted.id);
  EXPECT_EQ(half.state, JobState::kProving);
  EXPECT_FALSE(half.segments[0].verified);
  EXPECT_TRUE(half.segments[1].verified);
  EXPECT_EQ(half.segments[1].proof, put("proof 1"));
  EXPECT_EQ(half.segments[1].prover, "p");
  EXPECT_FALSE(*store_->finish(accepted.id, put("bundle"), now_ + 1h, caller())) << "a segment is missing";

  EXPECT_EQ(*store_->accept_proof(half.segments[0].id, "p", put("proof 0"), 0, caller()), kAcceptedLast);
  EXPECT_EQ(job(accepted.id).state, JobState::kAssembling);
  EXPECT_FALSE(*store_->finish(accepted.id, put("bundle"), now_ + 1h, caller("two"))) << "not the owner";
  EXPECT_TRUE(*store_->finish(accepted.id, put("bundle"), now_ + 1h, caller()));
  reopen();
  const JobRecord done = job(accepted.id);
  EXPECT_EQ(done.state, JobState::kDone);
  EXPECT_EQ(done.result, put("bundle"));
  EXPECT_EQ(done.expires_at, now_ + 1h);
  EXPECT_FALSE(*store_->fail(accepted.id, {Code::kInternal, "late"}, now_, caller()));

  const auto prover = *store_->prover("p");
  ASSERT_TRUE(prover);
  EXPECT_EQ(prover->type, ProverType::kCi);
  EXPECT_EQ(prover->claimed_hertz, 1234.5);
  EXPECT_EQ(prover->observed_hertz, 500) << "0 keeps what is known";
  EXPECT_EQ(prover->proofs_accepted, 2U);
}

TEST_P(StoreSuite, EqualRequestsShareAJob) {
  const auto first = submit("elf", "alice");
  const auto again = submit("elf", "bob");
  EXPECT_FALSE(again.created);
  EXPECT_EQ(again.job.id, first.job.id);
  EXPECT_EQ(again.job.requester, "alice");
  EXPECT_TRUE(submit("elf", "bob", 5).created) << "another range";
  EXPECT_TRUE(submit("other elf", "bob").created);

  ASSERT_TRUE(*store_->fail(first.job.id, {Code::kDeadlineExceeded, "too old"}, now_ + 1h, caller()));
  const auto retried = submit("elf", "bob");
  EXPECT_TRUE(retried.created) << "what failed is tried again";
  const JobRecord failed = job(first.job.id);
  EXPECT_EQ(failed.failure, (Status{Code::kDeadlineExceeded, "too old"}));
}

TEST_P(StoreSuite, LimitsTheQueue) {
  const QueueLimits limits{.jobs = 3, .jobs_per_requester = 2};
  const auto ask = [&](const std::string& program, const std::string& requester) {
    return *store_->submit(key(program), requester, limits, caller());
  };
  ASSERT_TRUE(ask("1", "alice"));
  ASSERT_TRUE(ask("2", "alice"));
  const auto third = ask("3", "alice");
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, Code::kResourceExhausted);
  EXPECT_THAT(third.error().message, HasSubstr("alice has 2 jobs in the queue, of at most 2"));
  ASSERT_TRUE(ask("1", "alice")) << "a shared one is no new one";
  ASSERT_TRUE(ask("3", "bob"));
  const auto fourth = ask("4", "carol");
  ASSERT_FALSE(fourth);
  EXPECT_EQ(fourth.error().code, Code::kResourceExhausted);
  EXPECT_THAT(fourth.error().message, HasSubstr("3 jobs of at most 3"));
  ASSERT_TRUE(*store_->fail(ask("1", "alice")->job.id, {Code::kInternal, ""}, now_, caller()));
  EXPECT_TRUE(ask("4", "carol")) << "one has left the queue";
}

TEST_P(StoreSuite, ListsOpenJobsInOrder) {
  const JobRecord a = proving("a", {1, 2});
  const JobId b = submit("b").job.id;
  const JobId c = submit("c").job.id;
  ASSERT_TRUE(*store_->fail(b, {Code::kInternal, "x"}, now_ + 1h, caller()));
  ASSERT_EQ(*store_->lease(a.segments[1].id, "p", 1, caller()), kGranted);
  const auto open = *store_->open_jobs();
  ASSERT_THAT(open, SizeIs(2));
  EXPECT_EQ(open[0].id, a.id);
  EXPECT_EQ(open[1].id, c);
  ASSERT_THAT(open[0].segments, SizeIs(2));
  EXPECT_THAT(open[0].segments[0].leases, IsEmpty());
  ASSERT_THAT(open[0].segments[1].leases, SizeIs(1));
  EXPECT_EQ(open[0].segments[1].leases[0].prover, "p");
  EXPECT_EQ(open[0].segments[1].leases[0].orchestrator, "one");
  EXPECT_EQ(open[0].segments[1].leases[0].granted_at, now_);
  EXPECT_FALSE(*store_->job(JobId{999'999}));
}

TEST_P(StoreSuite, AJobOfADeadOrchestratorIsAdopted) {
  const JobId id = submit("elf").job.id;
  ASSERT_TRUE(store_->announce(caller("two")));
  EXPECT_FALSE(*store_->adopt(id, caller("two"))) << "its owner is alive";
  now_ += 31s;
  ASSERT_TRUE(store_->announce(caller("two")));
  EXPECT_THAT(*store_->living(caller("two")), ElementsAre("two"));
  EXPECT_TRUE(*store_->adopt(id, caller("two")));
  EXPECT_EQ(job(id).owner, "two");
  EXPECT_FALSE(*store_->set_ready(id, 1, 1, caller("one"))) << "it lost the job";
  EXPECT_TRUE(*store_->set_ready(id, 1, 1, caller("two")));
  EXPECT_FALSE(*store_->adopt(id, caller("three"))) << "ready jobs need no owner";
}

// --- Leases and proofs

TEST_P(StoreSuite, ASegmentHasAsManyLeasesAsAllowed) {
  const JobRecord record = proving("elf", {8});
  const SegmentId segment = record.segments[0].id;
  EXPECT_EQ(*store_->lease(segment, "p", 1, caller()), kGranted);
  EXPECT_EQ(*store_->lease(segment, "p", 1, caller()), kGranted) << "its own lease is not in its way";
  EXPECT_EQ(*store_->lease(segment, "q", 1, caller()), kTaken);
  EXPECT_EQ(*store_->lease(segment, "q", 2, caller()), kGranted);
  EXPECT_EQ(*store_->lease(segment, "r", 2, caller()), kTaken);
  ASSERT_TRUE(store_->release(segment, "p", caller("two")));
  EXPECT_EQ(*store_->lease(segment, "r", 2, caller()), kTaken) << "another orchestrator's lease was not released";
  ASSERT_TRUE(store_->release(segment, "p", caller()));
  EXPECT_EQ(*store_->lease(segment, "r", 2, caller()), kGranted);
  EXPECT_EQ(*store_->accept_proof(segment, "q", put("proof"), 0, caller()), kAcceptedLast);
  EXPECT_EQ(*store_->lease(segment, "p", 1, caller()), kVerified);
  ASSERT_TRUE(*store_->finish(record.id, put("bundle"), now_, caller()));
  EXPECT_EQ(*store_->lease(segment, "p", 1, caller()), kGone);
  EXPECT_EQ(*store_->lease(SegmentId{999'999}, "p", 1, caller()), kGone);
}

TEST_P(StoreSuite, LeasesOfDeadOrchestratorsDoNotCount) {
  const SegmentId segment = proving("elf", {8}).segments[0].id;
  ASSERT_EQ(*store_->lease(segment, "p", 1, caller("one")), kGranted);
  ASSERT_TRUE(store_->announce(caller("two")));
  EXPECT_EQ(*store_->lease(segment, "q", 1, caller("two")), kTaken);
  now_ += 31s;
  EXPECT_EQ(*store_->lease(segment, "q", 1, caller("two")), kGranted);
}

TEST_P(StoreSuite, RetiringReleasesAndDisconnects) {
  const SegmentId segment = proving("elf", {8}).segments[0].id;
  ASSERT_EQ(*store_->lease(segment, "p", 1, caller("one")), kGranted);
  ASSERT_TRUE(store_->announce(caller("two")));
  ASSERT_TRUE(store_->retire(caller("one")));
  EXPECT_THAT(*store_->living(caller("two")), ElementsAre("two"));
  EXPECT_EQ(*store_->lease(segment, "q", 1, caller("two")), kGranted);
  EXPECT_EQ((*store_->prover("p"))->orchestrator, "");
  EXPECT_TRUE(*store_->connect_prover("p", ProverType::kVolunteer, 0, caller("two")));
}

TEST_P(StoreSuite, TheFirstProofWins) {
  const JobRecord record = proving("elf", {8, 8});
  const SegmentId segment = record.segments[0].id;
  ASSERT_EQ(*store_->lease(segment, "p", 1, caller()), kGranted);
  ASSERT_EQ(*store_->lease(segment, "q", 2, caller()), kGranted);
  EXPECT_EQ(*store_->accept_proof(segment, "q", put("of q"), 0, caller()), kAccepted);
  EXPECT_EQ(*store_->accept_proof(segment, "p", put("of p"), 0, caller()), kSuperseded);
  const JobRecord after = job(record.id);
  EXPECT_EQ(after.segments[0].proof, put("of q"));
  EXPECT_EQ(after.segments[0].prover, "q");
  EXPECT_THAT(after.segments[0].leases, IsEmpty());
  EXPECT_EQ((*store_->prover("q"))->proofs_accepted, 1U);
  EXPECT_EQ((*store_->prover("p"))->proofs_accepted, 0U);
  ASSERT_TRUE(*store_->fail(record.id, {Code::kInternal, ""}, now_, caller()));
  EXPECT_EQ(*store_->accept_proof(record.segments[1].id, "p", put("of p"), 0, caller()), kSuperseded);
}

TEST_P(StoreSuite, RemembersWhoWasGivenWhat) {
  const JobRecord record = proving("elf", {8, 4});
  const Digest program = record.key.program, input = record.key.input;
  const auto given = [&](const std::string& prover, const SegmentRange& range) {
    return *store_->leased_segment(prover, program, input, range);
  };
  EXPECT_FALSE(given("p", {0, 8}));
  ASSERT_EQ(*store_->lease(record.segments[0].id, "p", 1, caller()), kGranted);
  ASSERT_TRUE(store_->release(record.segments[0].id, "p", caller()));
  reopen();
  ASSERT_TRUE(given("p", {0, 8}));
  EXPECT_EQ(given("p", {0, 8})->id, record.segments[0].id);
  EXPECT_EQ(given("p", {0, 8})->job, record.id);
  EXPECT_FALSE(given("p", {0, 8})->verified);
  EXPECT_FALSE(given("p", {8, 4})) << "another range";
  EXPECT_FALSE(given("q", {0, 8})) << "another prover";
  EXPECT_FALSE(*store_->leased_segment("p", input, input, {0, 8})) << "another program";
  EXPECT_FALSE(*store_->leased_segment("p", program, program, {0, 8})) << "another input";
  ASSERT_EQ(*store_->accept_proof(record.segments[0].id, "q", put("0"), 0, caller()), kAccepted);
  ASSERT_EQ(*store_->accept_proof(record.segments[1].id, "q", put("1"), 0, caller()), kAcceptedLast);
  ASSERT_TRUE(*store_->finish(record.id, put("bundle"), now_ + 1h, caller()));
  ASSERT_TRUE(given("p", {0, 8}));
  EXPECT_TRUE(given("p", {0, 8})->verified);
}

// --- Provers

TEST_P(StoreSuite, QuarantineKeepsAProverOutForItsTime) {
  const JobRecord record = proving("elf", {8});
  ASSERT_EQ(*store_->lease(record.segments[0].id, "p", 1, caller()), kGranted);
  ASSERT_TRUE(store_->quarantine("p", now_ + 1h, "it lied", caller()));
  EXPECT_EQ(*store_->lease(record.segments[0].id, "q", 1, caller()), kGranted) << "its lease has ended";
  reopen();
  now_ += 30min;
  const auto refused = *store_->connect_prover("p", ProverType::kVolunteer, 0, caller());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kPermissionDenied);
  EXPECT_THAT(refused.error().message, HasSubstr("30 min more: it lied"));
  EXPECT_EQ((*store_->prover("p"))->proofs_refused, 1U);
  now_ += 30min;
  EXPECT_TRUE(*store_->connect_prover("p", ProverType::kVolunteer, 0, caller()));
  EXPECT_FALSE((*store_->prover("p"))->quarantined_until);
}

TEST_P(StoreSuite, AProverIsConnectedToOneLivingOrchestrator) {
  ASSERT_TRUE(store_->announce(caller("two")));
  ASSERT_TRUE(*store_->connect_prover("p", ProverType::kVolunteer, 0, caller("one")));
  ASSERT_TRUE(*store_->connect_prover("p", ProverType::kVolunteer, 0, caller("one"))) << "once more to the same";
  const auto second = *store_->connect_prover("p", ProverType::kVolunteer, 0, caller("two"));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kAlreadyExists);
  ASSERT_TRUE(store_->disconnect_prover("p", caller("two")));
  EXPECT_FALSE(*store_->connect_prover("p", ProverType::kVolunteer, 0, caller("two"))) << "only its own can tell";
  ASSERT_TRUE(store_->disconnect_prover("p", caller("one")));
  EXPECT_TRUE(*store_->connect_prover("p", ProverType::kVolunteer, 0, caller("two")));
  now_ += 31s;
  EXPECT_TRUE(*store_->connect_prover("p", ProverType::kVolunteer, 0, caller("three"))) << "two is dead";
}

TEST_P(StoreSuite, KnowsWhoIsIdleElsewhere) {
  const SegmentId segment = proving("elf", {8, 8}).segments[0].id;  // connects p, q, r at 1000 Hz
  ASSERT_TRUE(store_->announce(caller("two")));
  ASSERT_EQ(*store_->lease(segment, "p", 1, caller("one")), kGranted);
  ASSERT_EQ(*store_->lease(segment, "q", 2, caller("one")), kGranted);
  ASSERT_EQ(*store_->accept_proof(segment, "q", put("proof"), 2500, caller("one")), kAccepted);
  EXPECT_THAT(*store_->idle_elsewhere(caller("two")), UnorderedElementsAre(2500, 1000));
  EXPECT_THAT(*store_->idle_elsewhere(caller("one")), IsEmpty());
  now_ += 31s;
  EXPECT_THAT(*store_->idle_elsewhere(caller("two")), IsEmpty()) << "one is dead";
}

// --- Housekeeping

TEST_P(StoreSuite, RemovesWhatHasExpired) {
  const JobRecord done = proving("elf", {8});
  ASSERT_EQ(*store_->accept_proof(done.segments[0].id, "p", put("proof"), 0, caller()), kAcceptedLast);
  ASSERT_TRUE(*store_->finish(done.id, put("bundle"), now_ + 2h, caller()));
  const JobRecord open = proving("open elf", {8, 8});
  ASSERT_EQ(*store_->accept_proof(open.segments[0].id, "p", put("open proof"), 0, caller()), kAccepted);
  ASSERT_TRUE(store_->retire(caller()));
  const auto has = [&](std::string_view content) { return *store_->blobs().contains(digest_of(bytes_of(content))); };

  now_ += 90min;
  ASSERT_TRUE(store_->announce(caller()));
  auto removed = *store_->collect_garbage(24h, 1h, caller());
  EXPECT_EQ(removed.jobs, 0U);
  EXPECT_EQ(removed.blobs, 1U) << "the proof that is in the bundle";
  EXPECT_FALSE(has("proof"));
  EXPECT_TRUE(has("bundle"));
  EXPECT_FALSE(submit("elf").created) << "the result is there still";
  EXPECT_EQ(*store_->blobs().get(*job(done.id).result), bytes_of("bundle"));

  now_ += 30min;
  removed = *store_->collect_garbage(24h, 1h, caller());
  EXPECT_EQ(removed.jobs, 1U);
  EXPECT_FALSE(*store_->job(done.id));
  EXPECT_FALSE(has("bundle"));
  EXPECT_TRUE(has("elf")) << "asked for 30 minutes ago";
  EXPECT_TRUE(has("open proof")) << "of an open job";
  EXPECT_TRUE(has("input"));

  now_ += 23h;
  removed = *store_->collect_garbage(24h, 1h, caller());
  EXPECT_FALSE(has("elf"));
  EXPECT_TRUE(has("open elf"));
  EXPECT_EQ(removed.provers, 3U);
  EXPECT_FALSE(*store_->prover("p"));
}

// --- Blobs

TEST_P(StoreSuite, BlobsComeBackAsTheyWere) {
  std::mt19937_64 random(1);
  for (const std::size_t size : {0UL, 1UL, 4096UL, 4UL << 20, (9UL << 20) + 5}) {
    Bytes content(size);
    for (std::byte& byte : content) byte = static_cast<std::byte>(random());
    const auto digest = store_->blobs().put(content, now_);
    ASSERT_TRUE(digest) << digest.error().message;
    EXPECT_EQ(*digest, digest_of(content));
    EXPECT_EQ(*store_->blobs().put(content, now_), *digest);
    reopen();
    EXPECT_TRUE(*store_->blobs().contains(*digest));
    const auto read = store_->blobs().get(*digest);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, content);
  }
  const auto missing = store_->blobs().get(digest_of(bytes_of("nothing")));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, StoreError::Kind::kMissing);
  EXPECT_FALSE(*store_->blobs().contains(digest_of(bytes_of("nothing"))));
}

TEST_P(StoreSuite, ManyThreadsPutTheSameBlob) {
  const Bytes content(100'000, std::byte{7});
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 5; ++j) good += store_->blobs().put(content, now_).has_value() ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 20);
  EXPECT_EQ(*store_->blobs().get(digest_of(content)), content);
}

// --- Many at once

// Two stores where the back end allows it, each used by two threads.
TEST_P(StoreSuite, ConcurrentThreadsNeverGetTheSameSegment) {
  constexpr std::size_t kSegments = 30;
  const JobRecord record = proving("elf", std::vector<std::uint64_t>(kSegments, 4));
  std::unique_ptr<Store> second = store_->shared() ? open() : nullptr;
  ASSERT_TRUE(store_->announce(caller("two")));
  std::map<SegmentId, std::atomic<int>> granted;
  for (const SegmentRecord& segment : record.segments) granted[segment.id] = 0;
  std::atomic<int> last = 0, created = 0, errors = 0;
  const Digest program = digest_of(bytes_of("another elf")), input = digest_of(bytes_of("input"));
  put("another elf");
  const auto work = [&](Store& store, const std::string& orchestrator, const std::string& prover) {
    const Caller self{orchestrator, now_, now_ - 30s};
    const auto submitted = store.submit({program, input, 0, 3}, "alice", {}, self);
    if (!submitted || !*submitted) {
      ++errors;
    } else {
      created += (*submitted)->created ? 1 : 0;
    }
    for (const SegmentRecord& segment : record.segments) {
      const auto outcome = store.lease(segment.id, prover, 1, self);
      errors += outcome ? 0 : 1;
      if (!outcome || *outcome != kGranted) continue;
      ++granted[segment.id];
      const auto accepted = store.accept_proof(segment.id, prover, program, 0, self);
      errors += accepted ? 0 : 1;
      last += accepted && *accepted == kAcceptedLast ? 1 : 0;
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    Store& store = i % 2 == 1 && second ? *second : *store_;
    threads.emplace_back(work, std::ref(store), i % 2 == 1 ? "two" : "one", fmt::format("prover{}", i));
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(errors, 0);
  EXPECT_EQ(created, 1);
  EXPECT_EQ(last, 1);
  for (const auto& [segment, times] : granted) EXPECT_EQ(times, 1) << static_cast<std::int64_t>(segment);
}

// --- Crashes

// A child works through jobs and says on a pipe what the store said is done; it is killed at some moment, again and
// again. Everything it said, and nothing half, must be there.
TEST_P(StoreSuite, AKilledProcessLosesNothingThatWasPromised) {
  // SQLite's file lock, PostgreSQL's connections and threads do not survive a fork.
  store_.reset();
  std::mt19937 random(7);
  std::map<std::int64_t, int> promised;  // segments verified, by job; kFinished: the job is done
  constexpr int kFinished = 100;
  const int rounds = 12;
  std::size_t jobs = 0;
  for (int round = 0; round < rounds; ++round) {
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe(pipe.data()), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(pipe[0]);
      auto opened = open_store(address_, blob_folder());
      if (!opened) ::_exit(1);
      Store& store = **opened;
      const Caller self{fmt::format("round{}", round), now_, now_ - 30s};
      const auto say = [&](JobId job, int what) {
        const std::array<std::int64_t, 2> message = {static_cast<std::int64_t>(job), what};
        if (::write(pipe[1], message.data(), sizeof message) != sizeof message) ::_exit(2);
      };
      if (!store.announce(self)) ::_exit(3);
      for (int i = 0;; ++i) {
        const Digest elf = *store.blobs().put(bytes_of(fmt::format("elf {} {}", round, i)), now_);
        const Digest input = *store.blobs().put(Bytes(200'000, static_cast<std::byte>(i)), now_);
        const JobId id = (*store.submit({elf, input, 0, {}}, "alice", {.jobs = 1'000'000}, self))->job.id;
        say(id, 0);
        const std::array ranges = {SegmentRange{0, 2}, SegmentRange{2, 2}, SegmentRange{4, 2}};
        if (!*store.set_ready(id, 6, 6, self) || !*store.split(id, ranges, self)) ::_exit(4);
        const JobRecord record = **store.job(id);
        int verified = 0;
        for (const SegmentRecord& segment : record.segments) {
          if (*store.lease(segment.id, "p", 1, self) != kGranted) ::_exit(5);
          const Digest proof = *store.blobs().put(bytes_of(fmt::format("proof {} {}", round, i)), now_);
          if (!store.accept_proof(segment.id, "p", proof, 0, self)) ::_exit(6);
          say(id, ++verified);
        }
        const Digest bundle = *store.blobs().put(bytes_of(fmt::format("bundle {} {}", round, i)), now_);
        if (!*store.finish(id, bundle, now_ + 1h, self)) ::_exit(7);
        say(id, kFinished);
      }
    }
    ::close(pipe[1]);
    // Every other child is killed after its first promise, the others also while they open the store.
    std::array<std::int64_t, 2> message{};
    if (round % 2 == 1 && ::read(pipe[0], message.data(), sizeof message) == sizeof message) {
      promised[message[0]] = static_cast<int>(message[1]);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 100));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << WEXITSTATUS(status);
    while (::read(pipe[0], message.data(), sizeof message) == sizeof message) {
      promised[message[0]] = std::max(promised[message[0]], static_cast<int>(message[1]));
    }
    ::close(pipe[0]);

    const auto store = open();
    ASSERT_TRUE(store);
    for (const auto& [id, segments] : promised) {
      const auto record = store->job(JobId{id});
      ASSERT_TRUE(record && *record) << "accepted job " << id << " is lost";
      const JobRecord& kept = **record;
      EXPECT_TRUE(store->blobs().get(kept.key.program));
      EXPECT_TRUE(store->blobs().get(kept.key.input));
      int verified = 0;
      for (const SegmentRecord& segment : kept.segments) {
        verified += segment.verified ? 1 : 0;
        if (segment.proof) {
          EXPECT_TRUE(store->blobs().get(*segment.proof));
        }
      }
      if (segments == kFinished) {
        ASSERT_EQ(kept.state, JobState::kDone);
        EXPECT_TRUE(store->blobs().get(*kept.result));
      } else {
        EXPECT_GE(verified, segments) << "a verified segment of job " << id << " is lost";
      }
      EXPECT_EQ(kept.state == JobState::kAssembling || kept.state == JobState::kDone, verified == 3);
      EXPECT_TRUE(kept.segments.empty() || kept.segments.size() == 3U) << "half a split";
    }
    jobs = promised.size();
  }
  EXPECT_GE(jobs, static_cast<std::size_t>(rounds) / 2) << "the children came to nothing";
}

}  // namespace magnetar::store
