// ebreak: nothing happens
#include "check.h"

  fill_registers
  ebreak
  ebreak
  ebreak
  expect_registers
  // Neither before a branch nor as its target.
  li a1, 3
1:
  ebreak
  addi a1, a1, -1
  ebreak
  bnez a1, 1b
  expect a1, 0
  j 2f
  fail
2:
  ebreak

  pass
