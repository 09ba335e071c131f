#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace magnetar::vm {

inline constexpr std::uint32_t kWordsPerPage = 1024;
inline constexpr std::uint32_t kPageCount = std::uint32_t{1} << 20;

/// A u32 for each of 1,024 consecutive words of memory.
using Page = std::array<std::uint32_t, kWordsPerPage>;

/// An immutable set of pages by number. Copies share everything; `with` shares what it does not replace,
/// so a series of snapshots costs what changed between them.
class PageTree {
 public:
  using NumberedPage = std::pair<std::uint32_t, std::shared_ptr<const Page>>;

  /// This set with `pages` (by increasing number) put in or replaced.
  PageTree with(const std::vector<NumberedPage>& pages) const;

  /// Null where there is no such page: all its words are 0.
  std::shared_ptr<const Page> find(std::uint32_t number) const;

  /// Calls f(number, const Page&) by increasing number.
  template <typename F>
  void for_each(F&& f) const {
    for (std::uint32_t d = 0; d < kFanOut; ++d) {
      if (!directories_[d]) continue;
      for (std::uint32_t p = 0; p < kFanOut; ++p) {
        if (const auto& page = (*directories_[d])[p]) f(d * kFanOut + p, *page);
      }
    }
  }

 private:
  static constexpr std::uint32_t kFanOut = 1024;
  using Directory = std::array<std::shared_ptr<const Page>, kFanOut>;
  std::array<std::shared_ptr<const Directory>, kFanOut> directories_{};
};

/// A sparse map from the 2^30 words of memory to u32, zero where nothing was written, with snapshots. Reads
/// and writes take one table look-up; a page is copied at the first write after a snapshot.
class PagedStore {
 public:
  explicit PagedStore(PageTree tree);

  /// The page for reading; null if it has never been written.
  const Page* find(std::uint32_t number) const { return view_[number]; }

  /// The page for writing if this store has already made it its own since the last snapshot, else null.
  Page* find_owned(std::uint32_t number) const { return owned_[number]; }

  /// The page for writing, made or copied if need be.
  Page& own(std::uint32_t number);

  /// The present content, which later writes do not change.
  PageTree snapshot();

  /// Pages that are not known to be all zero.
  std::size_t pages() const { return present_.size(); }

  /// Their numbers, in no order.
  const std::vector<std::uint32_t>& present() const { return present_; }

  /// Makes every word 0 again.
  void clear();

 private:
  // A table by page number: 8 MiB of address space of which only the parts that are used become memory.
  struct Unmap {
    void operator()(void* table) const;
  };
  template <typename T>
  using Table = std::unique_ptr<T[], Unmap>;
  template <typename T>
  static Table<T> make_table();

  PageTree tree_;            // as of the last snapshot
  Table<const Page*> view_;  // every present page
  Table<Page*> owned_;       // those written since the last snapshot
  std::vector<std::uint32_t> present_;
  std::vector<std::pair<std::uint32_t, std::shared_ptr<Page>>> dirty_;  // what owned_ points to
};

}  // namespace magnetar::vm
