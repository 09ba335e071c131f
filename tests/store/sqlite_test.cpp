#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "host/store/migrations.h"
#include "host/store/sqlite_database.h"
#include "store_suite.h"

namespace magnetar::store {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

tl::expected<std::string, std::string> make_sqlite(const fs::path& folder) {
  return "sqlite:" + (folder / "store.db").string();
}

INSTANTIATE_TEST_SUITE_P(Sqlite, StoreSuite,
                         testing::Values(Backend{"WithFolder", make_sqlite, true},
                                         Backend{"WithBlobs", make_sqlite, false}),
                         name_of);

TEST(SqliteStore, IsForOneOrchestrator) {
  const TemporaryFolder folder;
  const auto first = open_store(*make_sqlite(folder.path()), {});
  ASSERT_TRUE(first);
  EXPECT_FALSE((*first)->shared());
  const auto second = open_store(*make_sqlite(folder.path()), {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, StoreError::Kind::kConfiguration);
  EXPECT_THAT(second.error().message, HasSubstr("in use by another orchestrator"));
}

TEST(SqliteStore, NobodyFromBeforeIsAlive) {
  const TemporaryFolder folder;
  const Time now{std::chrono::hours(500'000)};
  const Caller before{"before", now, now}, after{"after", now, now};
  {
    const auto store = *open_store(*make_sqlite(folder.path()), {});
    ASSERT_TRUE(store->announce(before));
  }
  const auto store = *open_store(*make_sqlite(folder.path()), {});
  ASSERT_TRUE(store->announce(after));
  EXPECT_THAT(*store->living(after), testing::ElementsAre("after"));
}

TEST(Store, RefusesAddressesThatCannotBe) {
  for (const std::string address : {"", "store.db", "sqlite:", "mysql://host/db"}) {
    const auto store = open_store(address, {});
    ASSERT_FALSE(store) << address;
    EXPECT_EQ(store.error().kind, StoreError::Kind::kConfiguration);
  }
  const auto store = open_store("sqlite:/nonexistent/folder/store.db", {});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().kind, StoreError::Kind::kUnavailable);
  EXPECT_THAT(store.error().message, HasSubstr("/nonexistent/folder"));
}

TEST(Store, SaysWhyPostgresCannotBeReachedButNotThePassword) {
  const auto store = open_store("postgres://user:secret@127.0.0.1:1/db", {});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().kind, StoreError::Kind::kUnavailable);
  EXPECT_THAT(store.error().message, HasSubstr("postgres://127.0.0.1:1/db"));
  EXPECT_THAT(store.error().message, testing::Not(HasSubstr("secret")));
}

TEST(SqliteStore, RefusesWhatIsNoDatabase) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "store.db") << std::string(10'000, 'x');
  const auto store = open_store(*make_sqlite(folder.path()), {});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().kind, StoreError::Kind::kCorrupt);
}

// Each question in other words: SQLite answers this pragma when it is prepared, and statements are kept.
TEST(SqliteDatabase, CommitsWaitForTheDiskUnlessOrderIsEnough) {
  const TemporaryFolder folder;
  const auto database = SqliteDatabase::open(folder.path() / "a.db");
  ASSERT_TRUE(database);
  const auto level = [&](std::string_view question) {
    const auto rows = (*database)->query(question);
    return rows ? std::get<std::int64_t>((*rows)[0][0]) : -1;
  };
  const auto run = [&](Durability durability) {
    return in_transaction(
               **database, []() -> Result<void> { return {}; }, durability)
        .has_value();
  };
  constexpr std::int64_t kNormal = 1, kFull = 2;
  EXPECT_EQ(level("PRAGMA synchronous"), kFull);
  for (const std::string space : {" ", "  ", "   "}) {
    ASSERT_TRUE(run(Durability::kOrdered));
    EXPECT_EQ(level("PRAGMA main." + space + "synchronous"), kNormal);
    ASSERT_TRUE(run(Durability::kSynced));
    EXPECT_EQ(level("PRAGMA" + space + "main.synchronous"), kFull);
  }
}

TEST(Migrations, RunOnceEach) {
  const TemporaryFolder folder;
  const auto database = *SqliteDatabase::open(folder.path() / "db");
  const std::vector<Migration> two = {{"CREATE TABLE a (x {id})"}, {"CREATE TABLE b (x {bytes})", "DROP TABLE a"}};
  ASSERT_TRUE(migrate(*database, std::span(two).first(1)));
  EXPECT_TRUE(database->query("INSERT INTO a DEFAULT VALUES"));
  ASSERT_TRUE(migrate(*database, two));
  ASSERT_TRUE(migrate(*database, two));
  EXPECT_FALSE(database->query("SELECT * FROM a"));
  EXPECT_TRUE(database->query("SELECT * FROM b"));
}

TEST(Migrations, AreWholeOrNothing) {
  const TemporaryFolder folder;
  const auto database = *SqliteDatabase::open(folder.path() / "db");
  const std::vector<Migration> broken = {{"CREATE TABLE a (x BIGINT)"}, {"CREATE TABLE b (x BIGINT)", "no SQL"}};
  const auto failed = migrate(*database, broken);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, StoreError::Kind::kBug);
  EXPECT_TRUE(database->query("SELECT * FROM a")) << "the first one is done";
  EXPECT_FALSE(database->query("SELECT * FROM b")) << "nothing of the second one";
  const std::vector<Migration> mended = {broken[0], {"CREATE TABLE b (x BIGINT)"}};
  EXPECT_TRUE(migrate(*database, mended));
  EXPECT_TRUE(database->query("SELECT * FROM b"));
}

TEST(Migrations, RefuseALaterSchema) {
  const TemporaryFolder folder;
  {
    const auto database = *SqliteDatabase::open(folder.path() / "store.db");
    std::vector<Migration> later(migrations().begin(), migrations().end());
    later.push_back({"CREATE TABLE of_a_later_release (x BIGINT)"});
    ASSERT_TRUE(migrate(*database, later));
  }
  const auto store = open_store(*make_sqlite(folder.path()), {});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().kind, StoreError::Kind::kConfiguration);
  EXPECT_THAT(store.error().message, HasSubstr("later release"));
}

class DirectoryBlobsTest : public testing::Test {
 protected:
  fs::path file_of(const Digest& digest) const {
    const std::string hex = to_hex(digest);
    return folder_.path() / hex.substr(0, 2) / hex;
  }

  TemporaryFolder folder_;
  std::unique_ptr<DirectoryBlobs> blobs_ = *DirectoryBlobs::open(folder_.path());
  Time now_{std::chrono::hours(500'000)};
};

TEST_F(DirectoryBlobsTest, ADamagedFileIsTold) {
  const Digest digest = *blobs_->put(bytes_of("content"), now_);
  std::ofstream(file_of(digest)) << "contenT";
  const auto read = blobs_->get(digest);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().kind, StoreError::Kind::kCorrupt);
  EXPECT_THAT(read.error().message, HasSubstr(to_hex(digest)));
}

TEST_F(DirectoryBlobsTest, ATruncatedFileIsWrittenAgain) {
  const Digest digest = *blobs_->put(bytes_of("content"), now_);
  fs::resize_file(file_of(digest), 3);
  EXPECT_FALSE(blobs_->get(digest));
  EXPECT_TRUE(blobs_->put(bytes_of("content"), now_));
  EXPECT_EQ(*blobs_->get(digest), bytes_of("content"));
}

TEST_F(DirectoryBlobsTest, LeavesNothingUnfinishedWhenWritingFails) {
  const Digest digest = digest_of(bytes_of("content"));
  // A file where the blob's folder would be.
  std::ofstream(folder_.path() / to_hex(digest).substr(0, 2)) << "x";
  const auto put = blobs_->put(bytes_of("content"), now_);
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().kind, StoreError::Kind::kUnavailable);
  EXPECT_TRUE(fs::is_empty(folder_.path() / "unfinished"));
}

TEST_F(DirectoryBlobsTest, OpeningRemovesWhatACrashLeft) {
  const fs::path old = folder_.path() / "unfinished" / "1-1", fresh = folder_.path() / "unfinished" / "1-2";
  std::ofstream(old) << "half";
  std::ofstream(fresh) << "being written";
  fs::last_write_time(old, fs::file_time_type::clock::now() - std::chrono::hours(2));
  blobs_ = *DirectoryBlobs::open(folder_.path());
  EXPECT_FALSE(fs::exists(old));
  EXPECT_TRUE(fs::exists(fresh));
}

TEST_F(DirectoryBlobsTest, PuttingAgainKeepsABlobFromCollection) {
  const Digest kept = *blobs_->put(bytes_of("put again"), now_);
  const Digest gone = *blobs_->put(bytes_of("put once"), now_);
  const Digest referenced = *blobs_->put(bytes_of("referenced"), now_);
  EXPECT_EQ(*blobs_->put(bytes_of("put again"), now_ + std::chrono::hours(2)), kept);
  EXPECT_EQ(*blobs_->collect(std::span(&referenced, 1), now_ + std::chrono::hours(1)), 1U);
  EXPECT_TRUE(*blobs_->contains(kept));
  EXPECT_FALSE(*blobs_->contains(gone));
  EXPECT_TRUE(*blobs_->contains(referenced));
}

}  // namespace
}  // namespace magnetar::store
