// OPERATION at an address that its size does not divide; ADDEND comes by the base, OFFSET by the instruction.
#include "check.h"

  .globl fault
  load_address a1, place + ADDEND
fault:
  OPERATION a2, OFFSET(a1)

  pass

  .data
  .balign 8
place:
  .word 1, 2, 3
