// auipc: rd = pc + (immediate << 12)
#include "check.h"

  .macro auipc_case register, value, scratch
.Lhere\@:
  auipc \register, \value
  load_address \scratch, .Lhere\@
  sub \register, \register, \scratch
  expect \register, (\value) << 12, \scratch
  .endm

  .irp value, 0, 1, 2, 0x7ff, 0x800, 0xfff, 0x12345, 0x55555, 0x7ffff, 0x80000, 0x80001, 0xaaaaa, 0xffffe, 0xfffff
  auipc_case a1, \value, a2
  .endr
  .set bit, 0
  .rept 20
  auipc_case a1, 1 << bit, a2
  .set bit, bit + 1
  .endr
  .irp register, MOST_REGISTERS, x30
  auipc_case \register, 0x81234, x31
  auipc_case \register, 0, x31
  .endr
  auipc_case x31, 0x81234, x5
  auipc x0, 0x81234
  expect_x0_is_zero
  // The same instruction at two places gives two values.
  li s0, 0
1:
  auipc a1, 0xfffff
  auipc a2, 0xfffff
  sub a3, a2, a1
  expect a3, 4
  addi s0, s0, 1
  li a4, 2
  bne s0, a4, 1b
  // Far from 0, where the sum wraps.
  load_address a1, far
  jalr a5, a1, 0
  expect a2, 0x000ff000
  expect a3, 0x00100004
  expect a4, 0x80100008

  pass

  .section .text.far, "ax"
far:
  auipc a2, 0xfffff
  auipc a3, 0
  auipc a4, 0x80000
  jalr x0, a5, 0
