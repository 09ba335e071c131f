// What a C program may expect of its environment before, in and after main; each line of the log is a claim.

#include <errno.h>
#include <magnetar.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int zeroed[1000];
static int initialised[3] = {1, 2, 3};
static const char* const constant = "constant";
static _Thread_local int thread_initialised = 17;
static _Thread_local int thread_zeroed[3];
static _Thread_local _Alignas(64) char thread_aligned[5];
static int constructed;

// A section that the linker script does not name.
__attribute__((section("extra_data"), used)) static int extra = 99;

__attribute__((constructor)) static void construct(void) {
  constructed = 23;
}

__attribute__((destructor)) static void destruct(void) {
  printf("destructor\n");
}

static void at_exit(void) {
  printf("at exit\n");
}

int main(int argc, char** argv) {
  printf("arguments %d %d\n", argc, argv == NULL);
  int sum = 0;
  for (size_t i = 0; i < sizeof zeroed / sizeof zeroed[0]; ++i) sum |= zeroed[i];
  printf("zeroed %d initialised %d %s extra %d\n", sum, initialised[0] + initialised[1] + initialised[2], constant,
         extra);
  printf("thread-local %d %d %d\n", thread_initialised, thread_zeroed[0] | thread_zeroed[1] | thread_zeroed[2],
         (int)((uintptr_t)thread_aligned % 64));
  thread_zeroed[2] = 5;
  memset(thread_aligned, 0xff, sizeof thread_aligned);
  initialised[0] = 10;
  printf("stored %d %d %d errno %d\n", thread_initialised, thread_zeroed[2], initialised[0], errno);
  printf("constructed %d\n", constructed);

  char* large = malloc(1 << 20);
  char* small = malloc(3);
  printf("heap %d %d\n", large != NULL && small != NULL && large != small, (int)((uintptr_t)large % 8));
  memset(large, 0xa5, 1 << 20);
  free(large);
  errno = 0;
  printf("too much %d %d\n", malloc((size_t)1 << 30) == NULL, errno == ENOMEM);

  printf("divide %lld %f\n", 1000000000000LL / 7, 2.5 / 3);
  fprintf(stderr, "stderr\n");
  for (int i = 0; i < 4; ++i) printf("input %d\n", getchar());
  printf("still at the end %d\n", feof(stdin) != 0);
  magnetar_write("binary\0output", 13);
  magnetar_write(NULL, 0);
  MAGNETAR_PROFILE_BEGIN("labelled");
  MAGNETAR_PROFILE_END("labelled");
  atexit(at_exit);
  return 0x12345;
}
