#pragma once

/// The machine's system calls for guest programs in C. They are compatible with programs built for the
/// Nexus zkVM 0.2: `ecall` with the number in s2, arguments in a1 and a2, the result in a0. No other register
/// changes.

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// What magnetar_read_byte gives when all input has been read.
#define MAGNETAR_END_OF_INPUT (-1)

/// The exit code of abort(), and so of a failed assert().
#define MAGNETAR_ABORTED 1

enum magnetar_call {
  MAGNETAR_CALL_LOG = 1,
  MAGNETAR_CALL_READ = 2,
  MAGNETAR_CALL_WRITE = 3,
  MAGNETAR_CALL_PROFILE = 5,
};

static inline uint32_t magnetar_call(enum magnetar_call number, const void* address, size_t size) {
  register uint32_t call_number __asm__("s2") = number;
  register uintptr_t argument_1 __asm__("a1") = (uintptr_t)address;
  register size_t argument_2 __asm__("a2") = size;
  register uint32_t result __asm__("a0");
  __asm__ volatile("ecall" : "=r"(result) : "r"(call_number), "r"(argument_1), "r"(argument_2) : "memory");
  return result;
}

/// Appends `size` bytes to the log, which a proof says nothing about. Costs the same for any size.
static inline void magnetar_log(const void* bytes, size_t size) {
  (void)magnetar_call(MAGNETAR_CALL_LOG, bytes, size);
}

/// The next byte of the input, 0 to 255, or MAGNETAR_END_OF_INPUT, again and again once it is reached.
static inline int magnetar_read_byte(void) {
  return (int)magnetar_call(MAGNETAR_CALL_READ, NULL, 0);
}

/// Reads up to `size` bytes of the input; gives how many there were, less than `size` only at the end.
static inline size_t magnetar_read(void* buffer, size_t size) {
  uint8_t* bytes = (uint8_t*)buffer;
  for (size_t i = 0; i < size; ++i) {
    const int byte = magnetar_read_byte();
    if (byte == MAGNETAR_END_OF_INPUT) return i;
    bytes[i] = (uint8_t)byte;
  }
  return size;
}

/// Appends `size` bytes to the output, which a proof states. Costs four cycles a byte.
static inline void magnetar_write(const void* bytes, size_t size) {
  (void)magnetar_call(MAGNETAR_CALL_WRITE, bytes, size);
}

/// MAGNETAR_PROFILE_BEGIN("sort") and MAGNETAR_PROFILE_END("sort") bracket what `magnetar run` counts cycles
/// for under that name, a string literal.
#define MAGNETAR_PROFILE_BEGIN(name) ((void)magnetar_call(MAGNETAR_CALL_PROFILE, "^#" name, sizeof("^#" name) - 1))
#define MAGNETAR_PROFILE_END(name) ((void)magnetar_call(MAGNETAR_CALL_PROFILE, "$#" name, sizeof("$#" name) - 1))

/// Ends the program at once, without what exit() does before. The process that runs the machine passes on
/// the code's low byte.
#ifdef __cplusplus
[[noreturn]]
#else
_Noreturn
#endif
void magnetar_halt(uint32_t exit_code);

#ifdef __cplusplus
}
#endif
