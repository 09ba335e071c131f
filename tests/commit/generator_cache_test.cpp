#include "engine/commit/generator_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "engine/commit/generators.h"
#include "engine/hash/sha256.h"

namespace magnetar::commit {
namespace {

using algebra::AffinePoint;
using algebra::Bn254;
using algebra::Grumpkin;
using Fault = GeneratorCacheFault;
using testing::HasSubstr;

constexpr std::string_view kTag = "generator-cache-test";
constexpr std::size_t kCount = 3;
constexpr std::size_t kHeaderBytes = 72;

class GeneratorCache : public testing::Test {
 public:
  GeneratorCache() {
    std::string name = testing::TempDir() + "generators-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  ~GeneratorCache() override {
    std::error_code error;
    std::filesystem::remove_all(folder_, error);
  }

  template <class C = Bn254>
  static std::vector<AffinePoint<C>> derived(std::size_t count, std::string_view tag = kTag) {
    std::vector<AffinePoint<C>> points(count);
    EXPECT_TRUE(derive_generators<C>(tag, 0, points));
    return points;
  }

  template <class C = Bn254>
  CachedGenerators<C> load(std::size_t count, std::string_view tag = kTag) {
    auto loaded = load_generators<C>(folder_, tag, count);
    EXPECT_TRUE(loaded);
    return std::move(*loaded);
  }

  std::filesystem::path file() const { return generator_file<Bn254>(folder_, kTag); }
  std::string content() const {
    std::ifstream input(file(), std::ios::binary);
    return {std::istreambuf_iterator<char>(input), {}};
  }
  void write(const std::string& bytes) const {
    std::ofstream output(file(), std::ios::binary | std::ios::trunc);
    output << bytes;
  }

  /// A right file of kCount generators.
  std::string right_file() {
    std::filesystem::remove(file());
    load(kCount);
    return content();
  }

  /// `bytes` as file are not used, for this reason.
  void expect_refused(const std::string& bytes, Fault fault) const {
    write(bytes);
    const auto read = read_generators<Bn254>(file(), kTag, kCount);
    ASSERT_FALSE(read);
    EXPECT_EQ(name(read.error().fault), name(fault)) << read.error().message;
    EXPECT_THAT(read.error().message, HasSubstr(file().string()));
  }

  /// With `bytes` as file: the fault is reported, the right generators come back and the file is mended.
  void expect_rebuilt(const std::string& bytes, Fault fault) {
    write(bytes);
    const auto result = load(kCount);
    EXPECT_EQ(result.points, derived(kCount));
    EXPECT_EQ(result.loaded, 0U);
    ASSERT_EQ(result.warnings.size(), 1U);
    EXPECT_EQ(name(result.warnings[0].fault), name(fault)) << result.warnings[0].message;
    EXPECT_THAT(result.warnings[0].message, HasSubstr(file().string()));
    EXPECT_THAT(result.warnings[0].message, HasSubstr("derived again"));
    const auto again = load(kCount);
    EXPECT_EQ(again.loaded, kCount);
    EXPECT_TRUE(again.warnings.empty());
  }

  std::filesystem::path folder_;
};

/// Gives a changed file the digest that belongs to it.
std::string with_right_digest(std::string bytes) {
  hash::Sha256 hash;
  const std::span all(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  hash.update(all.first(40));
  hash.update(all.subspan(kHeaderBytes));
  const auto digest = hash.finish();
  std::copy(digest.begin(), digest.end(), bytes.begin() + 40);
  return bytes;
}

TEST_F(GeneratorCache, StoresAndLoads) {
  const auto first = load(kCount);
  EXPECT_EQ(first.points, derived(kCount));
  EXPECT_EQ(first.loaded, 0U);
  EXPECT_TRUE(first.warnings.empty());
  EXPECT_EQ(content().size(), kHeaderBytes + kTag.size() + 64 * kCount);
  EXPECT_EQ(with_right_digest(content()), content());
  const auto second = load(kCount);
  EXPECT_EQ(second.points, first.points);
  EXPECT_EQ(second.loaded, kCount);
  EXPECT_TRUE(second.warnings.empty());
}

TEST_F(GeneratorCache, ExtendsAndGivesPrefixes) {
  load(5);
  const auto more = load(2000);
  EXPECT_EQ(more.loaded, 5U);
  EXPECT_EQ(more.points, derived(2000));
  const std::string stored = content();
  for (const std::size_t count : {0U, 1U, 1999U, 2000U}) {
    const auto part = load(count);
    EXPECT_EQ(part.loaded, count);
    EXPECT_EQ(part.points, derived(count));
    EXPECT_TRUE(part.warnings.empty());
  }
  EXPECT_EQ(content(), stored);
}

TEST_F(GeneratorCache, LoadsMoreThanIsReadAtOnce) {
  constexpr std::size_t kMany = 9000;  // more than two reads
  const auto expected = derived(kMany);
  load(kMany);
  for (const std::size_t count : {std::size_t{4095}, std::size_t{4096}, std::size_t{4097}, kMany}) {
    const auto part = load(count);
    EXPECT_EQ(part.loaded, count);
    EXPECT_TRUE(std::equal(part.points.begin(), part.points.end(), expected.begin()));
  }
}

TEST_F(GeneratorCache, KeepsCurvesAndTagsApart) {
  const std::string long_tag(1000, 'x');
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(load<Bn254>(2).points, derived<Bn254>(2));
    EXPECT_EQ(load<Grumpkin>(2).points, derived<Grumpkin>(2));
    EXPECT_EQ(load<Bn254>(2, "another/tag").points, derived<Bn254>(2, "another/tag"));
    EXPECT_EQ(load<Bn254>(2, long_tag).points, derived<Bn254>(2, long_tag));
    EXPECT_EQ(load<Bn254>(2, long_tag).loaded, 2U);
  }
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 4);
}

TEST_F(GeneratorCache, RefusesAnEmptyTag) {
  EXPECT_EQ(load_generators<Bn254>(folder_, "", 1).error(), hash::ExpandMessageError::kEmptyTag);
}

TEST_F(GeneratorCache, CreatesItsFolder) {
  folder_ /= "a/b";
  load(kCount);
  EXPECT_EQ(load(kCount).loaded, kCount);
  folder_ = folder_.parent_path().parent_path();
}

TEST_F(GeneratorCache, RefusesTruncationAnywhere) {
  const std::string right = right_file();
  for (std::size_t size = 0; size < right.size(); ++size) {
    SCOPED_TRACE(size);
    expect_refused(right.substr(0, size), Fault::kTruncated);
    if (HasFailure()) return;
  }
}

TEST_F(GeneratorCache, RefusesTheChangeOfAnyByte) {
  const std::string right = right_file();
  for (std::size_t i = 0; i < right.size(); ++i) {
    SCOPED_TRACE(i);
    std::string changed = right;
    changed[i] = static_cast<char>(changed[i] ^ (1 << (i % 8)));
    Fault fault = Fault::kWrongDigest;
    if (i < 8) {
      fault = Fault::kWrongMagic;
    } else if (i < 12) {
      fault = Fault::kWrongVersion;
    } else if (i < 16) {
      fault = Fault::kWrongTag;
    } else if (i < 32) {
      fault = Fault::kWrongCurve;
    } else if (i < 40) {
      // The bit set or cleared in the number of generators, 3.
      fault = i == 32 ? Fault::kTrailingBytes : Fault::kTruncated;
    } else if (i >= kHeaderBytes && i < kHeaderBytes + kTag.size()) {
      fault = Fault::kWrongTag;
    }
    expect_refused(changed, fault);
    if (HasFailure()) return;
  }
}

TEST_F(GeneratorCache, ADigestDoesNotExcuseAForeignHeader) {
  const std::string right = right_file();
  const auto changed = [&](std::size_t index, char value) {
    std::string bytes = right;
    bytes[index] = value;
    return with_right_digest(bytes);
  };
  expect_refused(changed(0, 'm'), Fault::kWrongMagic);
  expect_refused(changed(8, 2), Fault::kWrongVersion);
  expect_refused(changed(12, static_cast<char>(kTag.size() + 1)), Fault::kWrongTag);
  expect_refused(changed(15, 127), Fault::kWrongTag);
  expect_refused(changed(16, 'g'), Fault::kWrongCurve);
  expect_refused(changed(32, 4), Fault::kTruncated);
  expect_refused(changed(39, -1), Fault::kTruncated);  // 64 times this overflows
  expect_refused(changed(39, 4), Fault::kTruncated);   // 64 times this is 192 modulo 2^64
  expect_refused(changed(32, 2), Fault::kTrailingBytes);
  expect_refused(changed(kHeaderBytes, 'G'), Fault::kWrongTag);
  expect_refused(with_right_digest(right + '\0'), Fault::kTrailingBytes);
  expect_refused(with_right_digest(right + std::string(64, '\0')), Fault::kTrailingBytes);
}

TEST_F(GeneratorCache, ADigestDoesNotExcuseWrongPoints) {
  constexpr std::size_t kMany = 500;
  load(kMany);
  const std::string right = content();
  const std::size_t first_point = kHeaderBytes + kTag.size();
  // The file with these generators replaced by their neighbours, so that all points are of the curve.
  const auto with_wrong = [&](std::size_t first, std::size_t last) {
    std::string bytes = right;
    for (std::size_t i = first; i < last; ++i) {
      bytes.replace(first_point + 64 * i, 64, right, first_point + 64 * ((i + 1) % kMany), 64);
    }
    return with_right_digest(bytes);
  };
  const auto fault_of = [&](const std::string& bytes, std::size_t limit) -> std::string {
    write(bytes);
    const auto read = read_generators<Bn254>(file(), kTag, limit);
    return read ? "none" : read.error().message;
  };
  EXPECT_EQ(fault_of(right, kMany), "none");
  EXPECT_THAT(fault_of(with_wrong(0, 1), kMany), HasSubstr("generator 0 is not"));
  EXPECT_THAT(fault_of(with_wrong(kMany - 1, kMany), kMany), HasSubstr("generator 499 is not"));
  EXPECT_THAT(fault_of(with_wrong(99, 100), 100), HasSubstr("generator 99 is not"));  // the last that is read
  EXPECT_EQ(fault_of(with_wrong(100, kMany), 100), "none");                           // none of those that are read
  EXPECT_THAT(fault_of(with_wrong(1, kMany - 1), kMany), HasSubstr("is not"));        // the digest's choice
  // What is derived in place of the file's points is right, and so is the file then.
  write(with_wrong(0, kMany));
  const auto mended = load(kMany);
  EXPECT_EQ(mended.points, derived(kMany));
  ASSERT_EQ(mended.warnings.size(), 1U);
  EXPECT_EQ(name(mended.warnings[0].fault), "wrong-point");
  EXPECT_EQ(load(kMany).loaded, kMany);
  EXPECT_EQ(content(), right);
}

TEST_F(GeneratorCache, RebuildsCorruptAndForeignFiles) {
  const std::string right = right_file();
  expect_rebuilt("", Fault::kTruncated);
  expect_rebuilt(right.substr(0, right.size() - 1), Fault::kTruncated);
  expect_rebuilt(right + '\0', Fault::kTrailingBytes);
  std::string changed = right;
  changed.back() = static_cast<char>(changed.back() ^ 1);
  expect_rebuilt(changed, Fault::kWrongDigest);
  load<Grumpkin>(kCount);
  std::filesystem::rename(generator_file<Grumpkin>(folder_, kTag), file());
  expect_rebuilt(content(), Fault::kWrongCurve);
  load<Bn254>(kCount, "Generator-cache-test");
  std::filesystem::rename(generator_file<Bn254>(folder_, "Generator-cache-test"), file());
  expect_rebuilt(content(), Fault::kWrongTag);
  expect_rebuilt(std::string(100'000, 'x'), Fault::kWrongMagic);
}

TEST_F(GeneratorCache, AMissingFileIsNoFault) {
  const auto read = read_generators<Bn254>(file(), kTag, 10);
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->empty());
}

TEST_F(GeneratorCache, AFolderThatCannotBeWrittenIsAWarning) {
  write("a file in the folder's place");
  const std::filesystem::path place = file() / "folder";
  const auto result = load_generators<Bn254>(place, kTag, kCount);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->points, derived(kCount));
  ASSERT_EQ(result->warnings.size(), 2U);  // neither read nor written
  EXPECT_EQ(result->warnings[0].fault, Fault::kUnreadable);
  EXPECT_EQ(result->warnings[1].fault, Fault::kUnwritable);
  EXPECT_THAT(result->warnings[1].message, HasSubstr(place.string()));
  EXPECT_THAT(result->warnings[1].message, HasSubstr("not stored"));
}

TEST_F(GeneratorCache, AFullDiskIsAWarningAndLeavesTheOldFile) {
  load(kCount);
  const std::string stored = content();
  // Files must not grow beyond this: a write fails half-way.
  rlimit old_limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old_limit), 0);
  const rlimit limit{stored.size(), old_limit.rlim_max};
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  const auto result = load_generators<Bn254>(folder_, kTag, kCount + 1);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old_limit), 0);
  std::signal(SIGXFSZ, old_handler);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->points, derived(kCount + 1));
  ASSERT_EQ(result->warnings.size(), 1U);
  EXPECT_EQ(result->warnings[0].fault, Fault::kUnwritable);
  EXPECT_EQ(content(), stored);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(GeneratorCache, WhatIsNoFileIsAWarning) {
  std::filesystem::create_directory(file());
  const auto directory = load(kCount);
  EXPECT_EQ(directory.points, derived(kCount));
  ASSERT_EQ(directory.warnings.size(), 2U);
  EXPECT_EQ(directory.warnings[0].fault, Fault::kUnreadable);
  EXPECT_EQ(directory.warnings[1].fault, Fault::kUnwritable);
  // Nothing is left behind.
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
  std::filesystem::remove(file());

  ASSERT_EQ(::mkfifo(file().c_str(), 0600), 0);  // must not wait for a writer
  const auto pipe = load(kCount);
  EXPECT_EQ(pipe.points, derived(kCount));
  ASSERT_EQ(pipe.warnings.size(), 1U);
  EXPECT_EQ(pipe.warnings[0].fault, Fault::kUnreadable);
  EXPECT_EQ(load(kCount).loaded, kCount);
}

TEST_F(GeneratorCache, ThreadsThatLoadAndExtendAtOnceSeeWholeFiles) {
  const auto expected = derived(400);
  const auto work = [&](std::size_t step) {
    for (std::size_t count = step; count <= 400; count += step) {
      const auto result = load_generators<Bn254>(folder_, kTag, count);
      ASSERT_TRUE(result);
      EXPECT_TRUE(result->warnings.empty()) << result->warnings[0].message;
      EXPECT_TRUE(std::equal(result->points.begin(), result->points.end(), expected.begin()));
    }
  };
  std::thread first(work, 9);
  std::thread second(work, 13);
  first.join();
  second.join();
  EXPECT_GE(load(400).loaded, 390U);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST(GeneratorCacheFaults, HaveDistinctNames) {
  std::vector<std::string_view> names;
  for (int fault = 0; fault <= static_cast<int>(Fault::kUnwritable); ++fault) {
    names.push_back(name(static_cast<Fault>(fault)));
  }
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
}

}  // namespace
}  // namespace magnetar::commit
