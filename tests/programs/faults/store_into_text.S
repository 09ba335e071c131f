// OPERATION to ADDRESS, in text. The word that must not change is what the program would halt with.
#include "check.h"

  .globl fault
  load_address a1, ADDRESS
  li a2, 0
fault:
  OPERATION a2, 0(a1)
own:
  pass
last:
  .word 0x12345678

  .section .text.far, "ax"
far:
  nop
