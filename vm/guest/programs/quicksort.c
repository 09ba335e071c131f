// Sorts n generated numbers. Input: n, by default 1000. Output: the numbers in increasing order, four bytes
// each, little-endian.

#include "decimal.h"
#include "generator.h"

enum { kDefaultCount = 1000, kMaxCount = 100000 };

static uint32_t numbers[kMaxCount];

// Spans up to this size are left to the insertion sort at the end.
enum { kSmallSpan = 12 };

static void swap(uint32_t* a, uint32_t* b) {
  const uint32_t t = *a;
  *a = *b;
  *b = t;
}

// Hoare's partition of [first, last] by the median of three, which also bounds both scans. Everything up to
// the result is at most everything after it, and neither side is empty.
static uint32_t* partition(uint32_t* first, uint32_t* last) {
  uint32_t* const middle = first + (last - first) / 2;
  if (*middle < *first) swap(middle, first);
  if (*last < *first) swap(last, first);
  if (*last < *middle) swap(last, middle);
  const uint32_t pivot = *middle;
  uint32_t* low = first;
  uint32_t* high = last;
  for (;;) {
    do ++low;
    while (*low < pivot);
    do --high;
    while (*high > pivot);
    if (low >= high) return high;
    swap(low, high);
  }
}

// Leaves no number more than kSmallSpan places from where it belongs.
static void sort_roughly(uint32_t* first, uint32_t* last) {
  while (last - first >= kSmallSpan) {
    uint32_t* const split = partition(first, last);
    // Recursion into the smaller side keeps the stack logarithmic.
    if (split - first < last - split) {
      sort_roughly(first, split);
      first = split + 1;
    } else {
      sort_roughly(split + 1, last);
      last = split;
    }
  }
}

static void insertion_sort(uint32_t* array, uint32_t count) {
  for (uint32_t i = 1; i < count; ++i) {
    const uint32_t number = array[i];
    uint32_t at = i;
    for (; at > 0 && array[at - 1] > number; --at) array[at] = array[at - 1];
    array[at] = number;
  }
}

int main(void) {
  const uint32_t count = read_size(kDefaultCount, kMaxCount);
  if (count == UINT32_MAX) REFUSE_INPUT("quicksort: the input is not a number from 0 to 100000");

  struct generator generator = GENERATOR_START;
  for (uint32_t i = 0; i < count; ++i) numbers[i] = next_number(&generator);

  MAGNETAR_PROFILE_BEGIN("sort");
  if (count > 1) sort_roughly(numbers, numbers + count - 1);
  insertion_sort(numbers, count);
  MAGNETAR_PROFILE_END("sort");

  magnetar_write(numbers, count * sizeof numbers[0]);
  return 0;
}
