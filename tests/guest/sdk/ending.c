// Ends in the way that the first byte of the input names, and writes what it must not return from.

#include <assert.h>
#include <magnetar.h>
#include <stdio.h>
#include <stdlib.h>

static void at_exit(void) {
  printf("at exit\n");
}

// Deeper than any stack, which every level takes some of.
__attribute__((noinline)) static int recurse(volatile int* depth) {
  if (*depth == 1 << 20) return 0;
  volatile int frame[64];
  frame[0] = *depth + 1;
  return recurse(frame) + frame[0];
}

int main(void) {
  atexit(at_exit);
  volatile int depth = 0;
  switch (magnetar_read_byte()) {
    case 'r':
      return 0;
    case 'e':
      exit(3);
    case 'n':
      exit(-1);
    case '_':
      _Exit(4);
    case 'h':
      magnetar_halt(5);
    case 'a':
      abort();
    case 'A':
      assert(depth != 0);
      break;
    case 't':
      __builtin_trap();
    case 's':
      return recurse(&depth);
    case 'f':
      *(volatile int*)main = 0;
      break;
  }
  magnetar_write("not ended", 9);
  return 77;
}
