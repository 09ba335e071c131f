#pragma once

#ifdef __linux__
#include <sys/mman.h>
#endif

#include <cstddef>
#include <limits>
#include <new>

namespace magnetar::commit {

/// Allocates blocks of 2 MiB and more on huge pages where the system grants them: points are read in random order, and
/// with 4 KiB pages most reads would miss the translation cache as well.
template <class T>
struct HugePageAllocator {
  using value_type = T;
  static constexpr std::size_t kPageBytes = std::size_t{1} << 21;

  HugePageAllocator() = default;
  template <class U>
  explicit HugePageAllocator(const HugePageAllocator<U>&) {}

  T* allocate(std::size_t count) {
    if (count > std::numeric_limits<std::size_t>::max() / sizeof(T)) throw std::bad_array_new_length();
    const std::size_t bytes = count * sizeof(T);
    void* const block = ::operator new(bytes, alignment(count));
#ifdef __linux__
    // Refused advice costs speed only.
    if (bytes >= kPageBytes) static_cast<void>(madvise(block, bytes, MADV_HUGEPAGE));
#endif
    return static_cast<T*>(block);
  }
  void deallocate(T* block, std::size_t count) {
    ::operator delete(block, alignment(count));
  }

  friend bool operator==(const HugePageAllocator&, const HugePageAllocator&) {
    return true;
  }

 private:
  static std::align_val_t alignment(std::size_t count) {
    return std::align_val_t{count * sizeof(T) >= kPageBytes ? kPageBytes : alignof(T)};
  }
};

}  // namespace magnetar::commit
