// Counts the lines, words and bytes of the input, as wc does in the C locale. Output: the three numbers in
// decimal, with spaces between them and a newline.

#include "decimal.h"

int main(void) {
  uint32_t lines = 0;
  uint32_t words = 0;
  uint32_t bytes = 0;
  bool in_word = false;
  for (int byte; (byte = magnetar_read_byte()) != MAGNETAR_END_OF_INPUT; ++bytes) {
    if (byte == '\n') ++lines;
    const bool space = is_space(byte);
    if (!space && !in_word) ++words;
    in_word = !space;
  }

  char text[3 * (kMaxDigits + 1)];
  char* const end = text + sizeof text;
  char* first = end;
  *--first = '\n';
  first = write_digits(first, bytes, 1);
  *--first = ' ';
  first = write_digits(first, words, 1);
  *--first = ' ';
  first = write_digits(first, lines, 1);
  magnetar_write(first, (size_t)(end - first));
  return 0;
}
