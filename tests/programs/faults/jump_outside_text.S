// jalr to ADDRESS, which is not text
#include "check.h"

  .globl fault
  .set fault, ADDRESS
  li a1, ADDRESS
  jalr a2, a1, 0

  pass

  .section .text.far, "ax"
  nop
  .data
  .word 0x00000013, 0xc0001073  // nop, unimp: data are not fetched
