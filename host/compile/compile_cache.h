#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace magnetar::compile {

/// Compiled programs in files, one for each key, a digest in hexadecimal. All integers are little-endian:
///
///   bytes   content
///   8       "MGNTRELF"
///   4       format version, 1
///   4       size d of the diagnostics
///   8       size e of the ELF file
///   64      the key
///   64      SHA-256 of all other parts, in hexadecimal
///   d       the diagnostics
///   e       the ELF file
///
/// The digest guards against accidents: whoever can write the folder can choose the programs. Any number of threads
/// and processes may use one folder.
class CompileCache {
 public:
  struct Entry {
    std::string diagnostics;
    std::vector<std::byte> elf;
  };

  /// `folder` exists. Entries are removed, those first that were not used for the longest time, when all have more
  /// than `max_bytes`. `warn` gets a line for everything that costs time but not the result.
  CompileCache(std::filesystem::path folder, std::uint64_t max_bytes, std::function<void(const std::string&)> warn);

  /// Nothing if there is no entry, or one that fails a check.
  std::optional<Entry> find(const std::string& key) const;

  void store(const std::string& key, std::string_view diagnostics, std::string_view elf);

 private:
  void make_room();

  std::filesystem::path folder_;
  std::uint64_t max_bytes_;
  std::function<void(const std::string&)> warn_;
  std::mutex making_room_;
};

}  // namespace magnetar::compile
