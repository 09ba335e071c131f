#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "host/store/store.h"

namespace magnetar::store {

/// A kind of store that the suite runs on.
struct Backend {
  std::string name;
  /// The address of a new store, in a folder for what it needs; the error is a reason to skip.
  std::function<tl::expected<std::string, std::string>(const std::filesystem::path& folder)> make;
  bool blobs_in_folder;
};

/// A folder of the test's own, removed after it.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

Bytes bytes_of(std::string_view text);

class StoreSuite : public testing::TestWithParam<Backend> {
 protected:
  void SetUp() override;
  std::unique_ptr<Store> open();
  /// The store as it is on the disk.
  void reopen();
  std::filesystem::path blob_folder() const;

  /// An orchestrator at the test's time; those that announced themselves in the last 30 s are alive.
  Caller caller(const std::string& id = "one") const;
  /// Puts the blobs and submits.
  Store::Submission submit(const std::string& program, const std::string& requester = "alice",
                           std::optional<std::uint64_t> steps = std::nullopt);
  JobKey key(const std::string& program, std::optional<std::uint64_t> steps = std::nullopt);
  /// A job in kProving with segments of these lengths.
  JobRecord proving(const std::string& program, const std::vector<std::uint64_t>& lengths);
  JobRecord job(JobId id);
  Digest put(const std::string& content);

  TemporaryFolder folder_;
  std::string address_;
  std::unique_ptr<Store> store_;
  Time now_{std::chrono::hours(500'000)};
};

/// For names of test cases.
std::string name_of(const testing::TestParamInfo<Backend>& backend);

}  // namespace magnetar::store
