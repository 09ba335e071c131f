#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "host/store/postgres_database.h"
#include "postgres_server.h"
#include "store_suite.h"

namespace magnetar::store {
namespace {

using namespace std::chrono_literals;

tl::expected<std::string, std::string> make_postgres(const std::filesystem::path& /*folder*/) {
  const auto& server = PostgresServer::instance();
  if (!server) return tl::unexpected(server.error());
  return server->new_database();
}

INSTANTIATE_TEST_SUITE_P(Postgres, StoreSuite,
                         testing::Values(Backend{"WithFolder", make_postgres, true},
                                         Backend{"WithBlobs", make_postgres, false}),
                         name_of);

/// What a watcher heard.
class Heard {
 public:
  void operator()(std::optional<JobId> job) {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(job);
    changed_.notify_all();
  }
  /// Whether it comes within ten seconds.
  bool waits_for(std::optional<JobId> job) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 10s, [&] { return std::find(jobs_.begin(), jobs_.end(), job) != jobs_.end(); });
  }
  void forget() {
    const std::lock_guard lock(mutex_);
    jobs_.clear();
  }
  std::vector<std::optional<JobId>> jobs() {
    const std::lock_guard lock(mutex_);
    return jobs_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::optional<JobId>> jobs_;
};

class PostgresStore : public testing::Test {
 protected:
  void SetUp() override {
    const auto address = make_postgres({});
    if (!address) GTEST_SKIP() << address.error();
    address_ = *address;
    first_ = *open_store(address_, {});
    second_ = *open_store(address_, {});
    ASSERT_TRUE(first_->announce(caller("one")));
    ASSERT_TRUE(second_->announce(caller("two")));
  }

  Caller caller(const std::string& id) const { return {id, now_, now_ - 30s}; }
  JobId submit(Store& store, const std::string& program, const std::string& orchestrator) {
    const Digest digest = *store.blobs().put(bytes_of(program), now_);
    return (*store.submit({digest, digest, 0, {}}, "alice", {}, caller(orchestrator)))->job.id;
  }
  /// Cuts all connections to the database but the one that asks.
  void cut() {
    const auto database = *PostgresDatabase::open(address_);
    ASSERT_TRUE(
        database->query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND "
                        "pid <> pg_backend_pid()"));
  }

  std::string address_;
  std::unique_ptr<Store> first_, second_;
  Time now_{std::chrono::hours(500'000)};
};

TEST_F(PostgresStore, TellsOfWhatOthersChange) {
  EXPECT_TRUE(first_->shared());
  Heard heard;
  first_->watch(std::ref(heard));
  ASSERT_TRUE(heard.waits_for(std::nullopt)) << "of what was before";
  const JobId own = submit(*first_, "own", "one");
  const JobId other = submit(*second_, "other", "two");
  EXPECT_TRUE(heard.waits_for(other));
  EXPECT_THAT(heard.jobs(), testing::Not(testing::Contains(std::optional(own))));
  first_->watch({});
}

TEST_F(PostgresStore, OutlivesItsConnections) {
  Heard heard;
  first_->watch(std::ref(heard));
  ASSERT_TRUE(heard.waits_for(std::nullopt));
  const JobId before = submit(*first_, "before", "one");
  heard.forget();
  cut();
  EXPECT_TRUE((*first_->job(before)).has_value());
  EXPECT_TRUE((*second_->job(before)).has_value());
  EXPECT_TRUE(heard.waits_for(std::nullopt)) << "something may have been missed";
  const JobId after = submit(*second_, "after", "two");
  EXPECT_TRUE(heard.waits_for(after));
  first_->watch({});
}

TEST_F(PostgresStore, LeavesAloneWhatAnotherIsJustTaking) {
  const JobId id = submit(*first_, "elf", "one");
  ASSERT_TRUE(*first_->set_ready(id, 8, 8, caller("one")));
  const std::vector<SegmentRange> ranges = {{0, 8}};
  const auto other = *PostgresDatabase::open(address_);
  ASSERT_TRUE(other->begin(Durability::kSynced));
  ASSERT_TRUE(other->query("SELECT 1 FROM jobs FOR UPDATE"));
  EXPECT_FALSE(*first_->split(id, ranges, caller("one"))) << "without waiting";
  other->rollback();
  ASSERT_TRUE(*first_->split(id, ranges, caller("one")));
  const SegmentId segment = (**first_->job(id)).segments[0].id;
  ASSERT_TRUE(other->begin(Durability::kSynced));
  ASSERT_TRUE(other->query("SELECT 1 FROM segments FOR UPDATE"));
  EXPECT_EQ(*first_->lease(segment, "p", 1, caller("one")), Store::LeaseOutcome::kTaken) << "without waiting";
  other->rollback();
  EXPECT_EQ(*first_->lease(segment, "p", 1, caller("one")), Store::LeaseOutcome::kGranted);
}

}  // namespace
}  // namespace magnetar::store
