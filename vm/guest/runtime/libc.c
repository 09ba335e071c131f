// What picolibc asks of its environment: an end, and streams. It takes the heap from __heap_start and
// __heap_end of link.ld by itself.

#include <magnetar.h>
#include <stdio.h>

// The last step of exit(), after atexit handlers and destructors.
_Noreturn void _exit(int status) {
  magnetar_halt((uint32_t)status);
}

// Takes the place of picolibc's, which would raise a signal and end with 134.
_Noreturn void abort(void) {
  magnetar_halt(MAGNETAR_ABORTED);
}

// A call of the log costs about as many cycles as a buffer's bookkeeping, so there is none, and nothing to
// flush when the program ends early.
static int log_character(char character, FILE* stream) {
  (void)stream;
  magnetar_log(&character, 1);
  return (unsigned char)character;
}

static int read_character(FILE* stream) {
  (void)stream;
  const int byte = magnetar_read_byte();
  return byte == MAGNETAR_END_OF_INPUT ? _FDEV_EOF : byte;
}

static FILE log_stream = FDEV_SETUP_STREAM(log_character, NULL, NULL, _FDEV_SETUP_WRITE);
static FILE input_stream = FDEV_SETUP_STREAM(NULL, read_character, NULL, _FDEV_SETUP_READ);

FILE* const stdin = &input_stream;
FILE* const stdout = &log_stream;
FILE* const stderr = &log_stream;
