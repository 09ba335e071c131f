// Stores to a word of every page
#include "check.h"

  .globl fault
  load_address a1, place
  li a2, 4096
1:
fault:
  OPERATION a3, 0(a1)
  add a1, a1, a2
  j 1b

  .data
  .balign 4
place:
  .word 0
