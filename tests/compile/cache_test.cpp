#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "host/compile/compile_cache.h"
#include "host/compile/files.h"

namespace magnetar::compile {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
namespace fs = std::filesystem;

class CompileCacheTest : public testing::Test {
 protected:
  CompileCacheTest() : folder_(testing::TempDir() + "/compile-cache-" + name()) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~CompileCacheTest() override { fs::remove_all(folder_); }

  static std::string name() { return testing::UnitTest::GetInstance()->current_test_info()->name(); }
  static std::string key(char digit) { return std::string(64, digit); }
  fs::path file(char digit) const { return folder_ / (key(digit) + ".elf"); }

  CompileCache cache(std::uint64_t max_bytes = 1 << 20) {
    return {folder_, max_bytes, [this](const std::string& line) { warnings_.push_back(line); }};
  }
  std::string content(char digit) const {
    auto bytes = read_whole(file(digit), 1 << 20);
    return bytes ? *bytes : "";
  }
  void overwrite(char digit, const std::string& bytes) const { std::ofstream(file(digit), std::ios::binary) << bytes; }

  fs::path folder_;
  std::vector<std::string> warnings_;
};

std::string text(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST_F(CompileCacheTest, GivesBackWhatWasStored) {
  CompileCache cache = this->cache();
  EXPECT_FALSE(cache.find(key('a')));
  const std::string elf(
      "\x7f"
      "ELF\0\n",
      6);
  cache.store(key('a'), "warning: unused\n", elf);
  cache.store(key('b'), "", "");
  const auto a = cache.find(key('a'));
  ASSERT_TRUE(a);
  EXPECT_EQ(a->diagnostics, "warning: unused\n");
  EXPECT_EQ(text(a->elf), elf);
  const auto b = cache.find(key('b'));
  ASSERT_TRUE(b);
  EXPECT_EQ(b->diagnostics, "");
  EXPECT_THAT(b->elf, IsEmpty());
  EXPECT_FALSE(cache.find(key('c')));
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(CompileCacheTest, RefusesEveryChangedByte) {
  CompileCache cache = this->cache();
  cache.store(key('a'), "warn", "some program");
  const std::string whole = content('a');
  ASSERT_EQ(whole.size(), 24 + 64 + 64 + 4 + 12u);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string changed = whole;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    overwrite('a', changed);
    warnings_.clear();
    EXPECT_FALSE(cache.find(key('a'))) << "byte " << i;
    ASSERT_EQ(warnings_.size(), 1u);
    EXPECT_THAT(warnings_[0], HasSubstr(file('a').string()));
  }
  overwrite('a', whole);
  EXPECT_TRUE(cache.find(key('a')));
}

TEST_F(CompileCacheTest, RefusesEveryOtherSizeAndKey) {
  CompileCache cache = this->cache();
  cache.store(key('a'), "warn", "some program");
  const std::string whole = content('a');
  for (std::size_t size = 0; size < whole.size(); ++size) {
    overwrite('a', whole.substr(0, size));
    EXPECT_FALSE(cache.find(key('a'))) << size << " bytes";
  }
  overwrite('a', whole + '\0');
  EXPECT_FALSE(cache.find(key('a')));
  overwrite('b', whole);
  EXPECT_FALSE(cache.find(key('b')));
  EXPECT_EQ(warnings_.size(), whole.size() + 2);
  cache.store(key('b'), "", "other");
  EXPECT_TRUE(cache.find(key('b')));
}

TEST_F(CompileCacheTest, RemovesWhatWasNotUsedForLongest) {
  const std::string elf(1000, 'x');
  CompileCache cache = this->cache(3 * 1152 + 100);
  for (const char digit : {'a', 'b', 'c'}) {
    cache.store(key(digit), "", elf);
    // An order that file times show.
    fs::last_write_time(file(digit), fs::file_time_type::clock::now() - std::chrono::hours('d' - digit));
  }
  EXPECT_TRUE(cache.find(key('a')));
  cache.store(key('d'), "", elf);
  EXPECT_TRUE(cache.find(key('a')));
  EXPECT_FALSE(cache.find(key('b')));
  EXPECT_TRUE(cache.find(key('c')));
  EXPECT_TRUE(cache.find(key('d')));
}

TEST_F(CompileCacheTest, WarnsWhenItCannotWrite) {
  CompileCache cache = this->cache();
  fs::remove_all(folder_);
  cache.store(key('a'), "", "program");
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_THAT(warnings_[0], HasSubstr("No such file or directory"));
  EXPECT_FALSE(cache.find(key('a')));
}

TEST_F(CompileCacheTest, ReadersSeeWholeEntriesWhileThreadsWrite) {
  std::vector<std::string> warnings;
  {
    std::vector<std::jthread> threads;
    CompileCache first = cache();
    CompileCache second = cache();
    for (CompileCache* one : {&first, &second}) {
      threads.emplace_back([one] {
        for (int i = 0; i < 50; ++i) one->store(key('a'), "", std::string(20000, 'x'));
      });
      threads.emplace_back([one] {
        for (int i = 0; i < 500; ++i) {
          const auto entry = one->find(key('a'));
          EXPECT_EQ(entry ? entry->elf.size() : 20000u, 20000u);
        }
      });
    }
    threads.clear();
  }
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST(FilesTest, LocksWaitForOneAnotherAndForStops) {
  const fs::path path = testing::TempDir() + "/files-test-lock";
  std::stop_source stop;
  auto held = lock_file(path, stop.get_token());
  ASSERT_TRUE(held);
  stop.request_stop();
  const auto refused = lock_file(path, stop.get_token());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), ECANCELED);
  held->reset();
  EXPECT_TRUE(lock_file(path, stop.get_token()));
  fs::remove(path);
}

TEST(FilesTest, FoldersAreReadableForEveryone) {
  const fs::path root = testing::TempDir() + "/files-test-folder";
  fs::remove_all(root);
  const mode_t mask = ::umask(077);
  const auto made = make_folder(root / "a" / "b");
  ::umask(mask);
  ASSERT_TRUE(made);
  for (const fs::path& folder : {root, root / "a", root / "a" / "b"}) {
    EXPECT_EQ(fs::status(folder).permissions(), fs::perms(0755)) << folder;
  }
  std::ofstream(root / "file") << "x";
  EXPECT_EQ(make_folder(root / "file" / "c").error(), ENOTDIR);
  fs::remove_all(root);
}

}  // namespace
}  // namespace magnetar::compile
