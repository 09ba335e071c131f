// WORD is no instruction of the machine.
#include "check.h"

  .globl fault
fault:
  .word WORD

  pass
