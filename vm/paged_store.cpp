#include "vm/paged_store.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>
#include <type_traits>

namespace magnetar::vm {
namespace {

constexpr std::size_t kTableBytes = kPageCount * sizeof(void*);

}  // namespace

PageTree PageTree::with(const std::vector<NumberedPage>& pages) const {
  PageTree result = *this;
  for (auto next = pages.begin(); next != pages.end();) {
    const std::uint32_t d = next->first / kFanOut;
    auto directory = directories_[d] ? std::make_shared<Directory>(*directories_[d]) : std::make_shared<Directory>();
    for (; next != pages.end() && next->first / kFanOut == d; ++next)
      (*directory)[next->first % kFanOut] = next->second;
    result.directories_[d] = std::move(directory);
  }
  return result;
}

std::shared_ptr<const Page> PageTree::find(std::uint32_t number) const {
  const auto& directory = directories_[number / kFanOut];
  return directory ? (*directory)[number % kFanOut] : nullptr;
}

template <typename T>
PagedStore::Table<T> PagedStore::make_table() {
  static_assert(std::is_pointer_v<T>);
  void* table = mmap(nullptr, kTableBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (table == MAP_FAILED) throw std::bad_alloc();
  return Table<T>(static_cast<T*>(table));
}

void PagedStore::Unmap::operator()(void* table) const {
  munmap(table, kTableBytes);
}

PagedStore::PagedStore(PageTree tree)
    : tree_(std::move(tree)), view_(make_table<const Page*>()), owned_(make_table<Page*>()) {
  tree_.for_each([this](std::uint32_t number, const Page& page) {
    view_[number] = &page;
    present_.push_back(number);
  });
}

Page& PagedStore::own(std::uint32_t number) {
  if (Page* page = owned_[number]) return *page;
  const Page* shared = view_[number];
  auto page = shared != nullptr ? std::make_shared<Page>(*shared) : std::make_shared<Page>();
  if (shared == nullptr) present_.push_back(number);
  owned_[number] = page.get();
  view_[number] = page.get();
  dirty_.emplace_back(number, std::move(page));
  return *owned_[number];
}

PageTree PagedStore::snapshot() {
  std::ranges::sort(dirty_, {}, &decltype(dirty_)::value_type::first);
  std::vector<PageTree::NumberedPage> frozen;
  frozen.reserve(dirty_.size());
  for (auto& [number, page] : dirty_) {
    owned_[number] = nullptr;
    frozen.emplace_back(number, std::move(page));
  }
  dirty_.clear();
  tree_ = tree_.with(frozen);
  return tree_;
}

void PagedStore::clear() {
  for (const std::uint32_t number : present_) {
    view_[number] = nullptr;
    owned_[number] = nullptr;
  }
  present_.clear();
  dirty_.clear();
  tree_ = PageTree();
}

}  // namespace magnetar::vm
