// OPERATION on X and Y, taken, to the middle of the word behind it
#include "check.h"

  .globl fault
  li a1, X
  li a2, Y
fault:
  OPERATION a1, a2, . + 6
  nop

  pass
