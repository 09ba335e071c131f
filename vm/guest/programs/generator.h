#pragma once

#include <stdint.h>

/// The numbers that programs work on when only their size is given: Marsaglia's 32-bit xorshift, triple
/// (13, 17, 5), from his example's seed. (G. Marsaglia, "Xorshift RNGs", J. Stat. Soft. 8(14), 2003.)
struct generator {
  uint32_t state;
};

#define GENERATOR_START ((struct generator){2463534242U})

static inline uint32_t next_number(struct generator* generator) {
  uint32_t x = generator->state;
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  generator->state = x;
  return x;
}
