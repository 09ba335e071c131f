// lui: rd = immediate << 12
#include "check.h"

  .irp value, 0, 1, 0x7ff, 0x800, 0xfff, 0x12345, 0x55555, 0x7ffff, 0x80000, 0x80001, 0xaaaaa, 0xfedcb, 0xffffe, 0xfffff
  li a1, 0x5a5a5a5a
  lui a1, \value
  expect a1, \value << 12
  .endr
  // Every bit of the immediate alone.
  .set bit, 0
  .rept 20
  lui a1, 1 << bit
  expect a1, 1 << (bit + 12)
  .set bit, bit + 1
  .endr
  .irp register, MOST_REGISTERS, x30
  lui \register, 0xc0ffe
  expect \register, 0xc0ffe000
  .endr
  lui x31, 0xc0ffe
  expect x31, 0xc0ffe000, x5
  lui x0, 0xc0ffe
  expect x0, 0
  mv a1, x0
  expect a1, 0
  .irp distance, 0, 1, 2
  li s0, 2
1:
  lui a1, 0x80001
  nops \distance
  addi a1, a1, -1
  expect a1, 0x80000fff
  addi s0, s0, -1
  bnez s0, 1b
  .endr

  pass
