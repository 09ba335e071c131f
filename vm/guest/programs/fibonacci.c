// The n-th Fibonacci number in full, in decimal. Input: n, by default 1000.

#include "decimal.h"

enum {
  kDefaultIndex = 1000,
  kMaxIndex = 10000,
  // Digits in a limb, and limbs for F(10000), which has 2090 digits.
  kLimbDigits = 9,
  kLimbs = 233,
};
#define LIMB_BASE 1000000000U

static uint32_t numbers[2][kLimbs];

// a += b over `size` limbs; gives the size of the sum.
static uint32_t add(uint32_t* a, const uint32_t* b, uint32_t size) {
  uint32_t carry = 0;
  for (uint32_t i = 0; i < size; ++i) {
    const uint32_t sum = a[i] + b[i] + carry;
    carry = sum >= LIMB_BASE;
    a[i] = carry ? sum - LIMB_BASE : sum;
  }
  if (carry) a[size++] = 1;
  return size;
}

int main(void) {
  const uint32_t index = read_size(kDefaultIndex, kMaxIndex);
  if (index == UINT32_MAX) REFUSE_INPUT("fibonacci: the input is not a number from 0 to 10000");

  // At the top of the loop, F(i) and F(i - 1), with F(-1) = 1.
  uint32_t* current = numbers[0];
  uint32_t* previous = numbers[1];
  previous[0] = 1;
  uint32_t size = 1;
  for (uint32_t i = 0; i < index; ++i) {
    size = add(previous, current, size);
    uint32_t* const next = previous;
    previous = current;
    current = next;
  }

  static char text[kLimbs * kLimbDigits + 1];
  char* const end = text + sizeof text;
  char* first = end;
  *--first = '\n';
  for (uint32_t i = 0; i + 1 < size; ++i) first = write_digits(first, current[i], kLimbDigits);
  first = write_digits(first, current[size - 1], 1);
  magnetar_write(first, (size_t)(end - first));
  return 0;
}
