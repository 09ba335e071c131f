#pragma once

/// Decimal numbers as input and output.

#include <magnetar.h>
#include <stdbool.h>
#include <stdint.h>

/// Exit code of a program that cannot use its input.
enum { kUnusableInput = 2 };

static inline bool is_space(int byte) {
  return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/// Writes `message`, a string literal, to the log as a line, and ends the program.
#define REFUSE_INPUT(message) (magnetar_log(message "\n", sizeof(message)), magnetar_halt(kUnusableInput))

/// Reads the whole input: one decimal number with white space around it, or nothing but white space.
/// Gives the number, or `otherwise` for nothing; UINT32_MAX if the input is anything else, or a number
/// above `limit`.
static inline uint32_t read_size(uint32_t otherwise, uint32_t limit) {
  int byte = magnetar_read_byte();
  while (is_space(byte)) byte = magnetar_read_byte();
  if (byte == MAGNETAR_END_OF_INPUT) return otherwise;
  uint32_t number = 0;
  do {
    if (byte < '0' || byte > '9') return UINT32_MAX;
    // As 10 number + digit > limit, without overflow.
    const uint32_t digit = (uint32_t)(byte - '0');
    if (number > limit / 10 || (number == limit / 10 && digit > limit % 10)) return UINT32_MAX;
    number = 10 * number + digit;
    byte = magnetar_read_byte();
  } while (byte != MAGNETAR_END_OF_INPUT && !is_space(byte));
  while (is_space(byte)) byte = magnetar_read_byte();
  return byte == MAGNETAR_END_OF_INPUT ? number : UINT32_MAX;
}

/// Digits of a uint32_t at most.
enum { kMaxDigits = 10 };

/// Writes the digits of `number` before `end`, with zeros in front up to `width` digits; gives the first.
static inline char* write_digits(char* end, uint32_t number, int width) {
  char* first = end;
  while (number != 0 || width > 0) {
    *--first = (char)('0' + number % 10);
    number /= 10;
    --width;
  }
  return first;
}
