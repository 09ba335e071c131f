// jal REGISTER to the middle of the word behind it
#include "check.h"

  .globl fault
fault:
  jal REGISTER, . + 6
  nop

  pass
