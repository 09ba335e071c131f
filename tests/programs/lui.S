// lui: rd = immediate << 12
#include "check.h"

// The 20-bit `immediate`, shifted, without LUI.
  .macro expect_upper register, immediate, scratch=x31
  addi \scratch, x0, (\immediate) >> 11
  slli \scratch, \scratch, 11
  ori \scratch, \scratch, (\immediate) & 0x7ff
  slli \scratch, \scratch, 12
  beq \register, \scratch, .Lupper\@
  fail
.Lupper\@:
  .endm

  .irp value, 0, 1, 0x7ff, 0x800, 0xfff, 0x12345, 0x55555, 0x7ffff, 0x80000, 0x80001, 0xaaaaa, 0xfedcb, 0xffffe, 0xfffff
  addi a1, x0, -1
  lui a1, \value
  expect_upper a1, \value
  .endr
  // Every bit of the immediate alone.
  .set bit, 0
  .rept 20
  lui a1, 1 << bit
  expect_upper a1, 1 << bit
  .set bit, bit + 1
  .endr
  .irp register, MOST_REGISTERS, x30
  lui \register, 0xc0ffe
  expect_upper \register, 0xc0ffe
  .endr
  lui x31, 0xc0ffe
  expect_upper x31, 0xc0ffe, x5
  lui x0, 0xc0ffe
  expect_x0_is_zero
  .irp distance, 0, 1, 2
  li s0, 2
1:
  lui a1, 0x80001
  nops \distance
  mv a2, a1
  expect_upper a2, 0x80001
  addi s0, s0, -1
  bnez s0, 1b
  .endr

  pass
