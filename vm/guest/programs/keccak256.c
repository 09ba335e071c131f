// Keccak-256 of the input, as Ethereum has it: the Keccak submission's padding, not that of FIPS 202's SHA3-256.
// Output: the 32 bytes of the digest.

#include <magnetar.h>
#include <stdint.h>

enum { kLanes = 25, kRateBytes = 136, kDigestBytes = 32, kRounds = 24 };

static const uint64_t round_constants[kRounds] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b,
    0x0000000080000001, 0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088,
    0x0000000080008009, 0x000000008000000a, 0x000000008000808b, 0x800000000000008b, 0x8000000000008089,
    0x8000000000008003, 0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008};

// The lanes in the order in which pi moves them, from lane 1, and the rotations that rho gives on the way.
static const uint8_t pi_lanes[kLanes - 1] = {10, 7,  11, 17, 18, 3, 5,  16, 8,  21, 24, 4,
                                             15, 23, 19, 13, 12, 2, 20, 14, 22, 9,  6,  1};
static const uint8_t rho_offsets[kLanes - 1] = {1,  3,  6,  10, 15, 21, 28, 36, 45, 55, 2,  14,
                                                27, 41, 56, 8,  25, 43, 62, 18, 39, 61, 20, 44};

static uint64_t rotate_left(uint64_t x, unsigned n) {
  return x << n | x >> (64 - n);
}

// Keccak-f[1600]; lane (x, y) is a[x + 5y]. (The Keccak reference, version 3.0, section 1.2.)
static void permute(uint64_t a[kLanes]) {
  for (int round = 0; round < kRounds; ++round) {
    // theta
    uint64_t parity[5];
    for (int x = 0; x < 5; ++x) parity[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
    for (int x = 0; x < 5; ++x) {
      const uint64_t d = parity[x == 0 ? 4 : x - 1] ^ rotate_left(parity[x == 4 ? 0 : x + 1], 1);
      for (int y = 0; y < kLanes; y += 5) a[x + y] ^= d;
    }
    // rho and pi
    uint64_t moved = a[1];
    for (int i = 0; i < kLanes - 1; ++i) {
      const uint64_t replaced = a[pi_lanes[i]];
      a[pi_lanes[i]] = rotate_left(moved, rho_offsets[i]);
      moved = replaced;
    }
    // chi
    for (int y = 0; y < kLanes; y += 5) {
      const uint64_t a0 = a[y], a1 = a[y + 1], a2 = a[y + 2], a3 = a[y + 3], a4 = a[y + 4];
      a[y] = a0 ^ (~a1 & a2);
      a[y + 1] = a1 ^ (~a2 & a3);
      a[y + 2] = a2 ^ (~a3 & a4);
      a[y + 3] = a3 ^ (~a4 & a0);
      a[y + 4] = a4 ^ (~a0 & a1);
    }
    // iota
    a[0] ^= round_constants[round];
  }
}

int main(void) {
  // The lanes are little-endian, as the machine is.
  union {
    uint64_t lanes[kLanes];
    uint8_t bytes[8 * kLanes];
  } state = {0};

  for (;;) {
    int at = 0;
    for (int byte; at < kRateBytes && (byte = magnetar_read_byte()) != MAGNETAR_END_OF_INPUT; ++at) {
      state.bytes[at] ^= (uint8_t)byte;
    }
    if (at < kRateBytes) {
      state.bytes[at] ^= 0x01;
      state.bytes[kRateBytes - 1] ^= 0x80;
      break;
    }
    permute(state.lanes);
  }
  permute(state.lanes);
  magnetar_write(state.bytes, kDigestBytes);
  return 0;
}
