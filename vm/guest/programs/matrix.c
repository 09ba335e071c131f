// The product of two generated n by n matrices over the integers modulo 2^32. Input: n, by default 16.
// Output: the product by rows, four bytes an entry, little-endian.

#include "decimal.h"
#include "generator.h"

enum { kDefaultSize = 16, kMaxSize = 64 };

static uint32_t a[kMaxSize * kMaxSize];
static uint32_t b_transposed[kMaxSize * kMaxSize];
static uint32_t product[kMaxSize * kMaxSize];

static uint32_t inner_product(const uint32_t* x, const uint32_t* y, uint32_t size) {
  uint32_t sum = 0;
  // The machine has no multiplication: this one is a call.
  for (uint32_t i = 0; i < size; ++i) sum += x[i] * y[i];
  return sum;
}

int main(void) {
  const uint32_t size = read_size(kDefaultSize, kMaxSize);
  if (size == UINT32_MAX) REFUSE_INPUT("matrix: the input is not a number from 0 to 64");

  // First A by rows, then B by rows; B is kept transposed, so that a column is consecutive.
  struct generator generator = GENERATOR_START;
  uint32_t* entry = a;
  for (uint32_t row = 0; row < size; ++row) {
    for (uint32_t column = 0; column < size; ++column) *entry++ = next_number(&generator);
  }
  for (uint32_t row = 0; row < size; ++row) {
    entry = b_transposed + row;
    for (uint32_t column = 0; column < size; ++column, entry += size) *entry = next_number(&generator);
  }

  MAGNETAR_PROFILE_BEGIN("product");
  entry = product;
  const uint32_t* row = a;
  for (uint32_t i = 0; i < size; ++i, row += size) {
    const uint32_t* column = b_transposed;
    for (uint32_t j = 0; j < size; ++j, column += size) *entry++ = inner_product(row, column, size);
  }
  MAGNETAR_PROFILE_END("product");

  magnetar_write(product, (size_t)((const uint8_t*)entry - (const uint8_t*)product));
  return 0;
}
