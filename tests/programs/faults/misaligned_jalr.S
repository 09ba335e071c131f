// jalr to ADDEND + OFFSET behind a word of text
#include "check.h"

  .globl fault
  load_address a1, target + ADDEND
fault:
  jalr a2, OFFSET(a1)
target:
  nop

  pass
