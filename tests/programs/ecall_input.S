// ecall 2: the input byte by byte, then 0xffffffff again and again. Input: bytes 0, 0x7f, 0x80, 0xff.
#include "check.h"

  // All but a0 stay as they are; the arguments do not count.
  fill_registers
  li s2, 2
  ecall
  expect a0, 0
  li a0, OWN_VALUE(10) & 0xffffffff
  expect s2, 2
  li s2, OWN_VALUE(18) & 0xffffffff
  expect_registers

  .irp byte, 0x7f, 0x80, 0xff, 0xffffffff, 0xffffffff
  li s2, 2
  li a0, 0x55555555
  ecall
  expect a0, \byte
  .endr
  li s0, 1000
1:
  li a0, 0x55555555
  ecall
  expect a0, 0xffffffff
  addi s0, s0, -1
  bnez s0, 1b

  pass
