// base^exponent mod modulus on generated numbers of n bits. Input: n, a multiple of 32, by default 128.
// Output: base, exponent, modulus and result, n/8 bytes each, big-endian.
//
// Montgomery's multiplication (P. L. Montgomery, "Modular multiplication without trial division", Math. Comp.
// 44, 1985) in the form that interleaves product and reduction (CIOS: Koç, Acar, Kaliski, "Analyzing and
// comparing Montgomery multiplication algorithms", IEEE Micro 16, 1996).

#include "decimal.h"
#include "generator.h"

enum { kLimbBits = 32, kDefaultBits = 128, kMaxBits = 512, kMaxLimbs = kMaxBits / kLimbBits };

// Limbs from the least significant on.
typedef uint32_t Number[kMaxLimbs];

static Number modulus;
static uint32_t limbs;
static uint32_t minus_inverse;  // -1/modulus mod 2^32

static bool is_less(const uint32_t* a, const uint32_t* b) {
  for (uint32_t i = limbs; i-- > 0;) {
    if (a[i] != b[i]) return a[i] < b[i];
  }
  return false;
}

// result = a - b mod 2^(32 limbs); result may be a.
static void subtract(uint32_t* result, const uint32_t* a, const uint32_t* b) {
  uint32_t borrow = 0;
  for (uint32_t i = 0; i < limbs; ++i) {
    const uint32_t difference = a[i] - b[i];
    const uint32_t next_borrow = (a[i] < b[i]) | (difference < borrow);
    result[i] = difference - borrow;
    borrow = next_borrow;
  }
}

// a = 2a mod modulus, for a < modulus.
static void double_modular(uint32_t* a) {
  uint32_t carry = 0;
  for (uint32_t i = 0; i < limbs; ++i) {
    const uint32_t next_carry = a[i] >> 31;
    a[i] = a[i] << 1 | carry;
    carry = next_carry;
  }
  if (carry || !is_less(a, modulus)) subtract(a, a, modulus);
}

// result = a b / 2^(32 limbs) mod modulus, for a, b < modulus; result may be a or b.
static void multiply(uint32_t* result, const uint32_t* a, const uint32_t* b) {
  uint32_t t[kMaxLimbs + 2] = {0};
  for (uint32_t i = 0; i < limbs; ++i) {
    uint64_t sum = 0;
    for (uint32_t j = 0; j < limbs; ++j) {
      sum = (uint64_t)a[j] * b[i] + t[j] + (sum >> 32);
      t[j] = (uint32_t)sum;
    }
    sum = (uint64_t)t[limbs] + (sum >> 32);
    t[limbs] = (uint32_t)sum;
    t[limbs + 1] = (uint32_t)(sum >> 32);

    // The multiple of the modulus that clears the lowest limb, which then drops out.
    const uint32_t m = t[0] * minus_inverse;
    sum = (uint64_t)m * modulus[0] + t[0];
    for (uint32_t j = 1; j < limbs; ++j) {
      sum = (uint64_t)m * modulus[j] + t[j] + (sum >> 32);
      t[j - 1] = (uint32_t)sum;
    }
    sum = (uint64_t)t[limbs] + (sum >> 32);
    t[limbs - 1] = (uint32_t)sum;
    t[limbs] = t[limbs + 1] + (uint32_t)(sum >> 32);
  }
  if (t[limbs] || !is_less(t, modulus)) subtract(t, t, modulus);
  for (uint32_t i = 0; i < limbs; ++i) result[i] = t[i];
}

static void generate(uint32_t* number, struct generator* generator) {
  for (uint32_t i = 0; i < limbs; ++i) number[i] = next_number(generator);
}

static void write_number(const uint32_t* number) {
  uint8_t bytes[kMaxBits / 8];
  uint8_t* next = bytes;
  for (uint32_t i = limbs; i-- > 0;) {
    for (int shift = kLimbBits - 8; shift >= 0; shift -= 8) *next++ = (uint8_t)(number[i] >> shift);
  }
  magnetar_write(bytes, (size_t)(next - bytes));
}

int main(void) {
  const uint32_t bits = read_size(kDefaultBits, kMaxBits);
  if (bits == UINT32_MAX || bits == 0 || bits % kLimbBits != 0) {
    REFUSE_INPUT("modexp: the input is not a multiple of 32 from 32 to 512");
  }
  limbs = bits / kLimbBits;

  // Odd and of full length, so that a base below 2^n is less than twice the modulus.
  static Number base, exponent;
  struct generator generator = GENERATOR_START;
  generate(base, &generator);
  generate(exponent, &generator);
  generate(modulus, &generator);
  modulus[0] |= 1;
  modulus[limbs - 1] |= 0x80000000;
  if (!is_less(base, modulus)) subtract(base, base, modulus);

  // Newton's iteration doubles the bits that are right, from the three of x = m.
  uint32_t inverse = modulus[0];
  for (int right = 3; right < kLimbBits; right *= 2) inverse *= 2 - modulus[0] * inverse;
  minus_inverse = 0 - inverse;

  MAGNETAR_PROFILE_BEGIN("exponentiation");
  // To Montgomery's form, times 2^n, by doublings. 2^n - modulus is 2^n reduced once: its form of 1.
  static Number power, result;
  for (uint32_t i = 0; i < limbs; ++i) power[i] = base[i];
  for (uint32_t i = 0; i < bits; ++i) double_modular(power);
  subtract(result, result, modulus);

  for (uint32_t i = bits; i-- > 0;) {
    multiply(result, result, result);
    if (exponent[i / kLimbBits] >> i % kLimbBits & 1) multiply(result, result, power);
  }
  static const Number one = {1};
  multiply(result, result, one);
  MAGNETAR_PROFILE_END("exponentiation");

  write_number(base);
  write_number(exponent);
  write_number(modulus);
  write_number(result);
  return 0;
}
