// jalr: rd = pc + 4, on at (rs1 + offset) with bit 0 cleared
#include "check.h"

  j start
absolute:
  expect_address a1, after_absolute
  j absolute_done
  fail
start:

  .macro jalr_case register, base, offset, odd=0, scratch=x31
  load_address \base, .Ltarget\@ + \odd - (\offset)
  jalr \register, \offset(\base)
.Lafter\@:
  fail
.Ltarget\@:
  expect_address \register, .Lafter\@, \scratch
  .ifnc \register, \base
  expect_address \base, .Ltarget\@ + \odd - (\offset), \scratch
  .endif
  .endm

  .irp offset, -2048, -2047, -1025, -4, -3, -2, -1, 0, 1, 2, 3, 4, 1023, 1024, 2046, 2047
  jalr_case a1, a2, \offset
  // Bit 0 of the sum does not count, whichever of the two brings it in.
  jalr_case a1, a2, \offset, 1
  // rd = rs1: the jump goes by the old value.
  jalr_case a2, a2, \offset
  .endr

  .irp register, MOST_REGISTERS, x30
  jalr_case \register, x31, 8, 0, x31
  .endr
  .irp register, x1, x2, x3, x4, x5, x6, x7, x8, x9, x10, x11, x12, x13, x14, x15, x16, x17, x18, x19, x20, x21, x22, \
      x23, x24, x25, x26, x27, x28
  jalr_case x30, \register, -8
  jalr_case \register, \register, -8
  .endr
  jalr_case x31, x5, 0, 0, x6
  jalr_case x5, x31, 0, 0, x6
  jalr_case x31, x31, 0, 0, x6
  jalr_case x30, x29, 0

  // rd = x0: no link.
  load_address a1, 1f
  jalr x0, a1, 0
  fail
1:
  expect_x0_is_zero
  // rs1 = x0: an absolute address.
  jalr a1, %lo(absolute)(x0)
after_absolute:
  fail
absolute_done:
  // Back.
  load_address a1, 5f
  j 6f
5:
  expect_address a2, 7f
  j 8f
6:
  jalr a2, a1, 0
7:
  fail
8:
  // A call and its return.
  load_address a1, function
  li a3, 5
  jalr ra, a1, 0
  expect a3, 6
  jalr ra, a1, 0
  expect a3, 7

  // The base at distances 0 to 2, the link too, each twice.
  .irp first, 0, 1, 2
  .irp second, 0, 1, 2
  li s0, 2
1:
  load_address a1, 2f
  nops \first
  jalr a2, a1, 0
  fail
2:
  nops \second
  mv a3, a2
  sub a3, a1, a3
  // What `fail` takes: two words.
  expect a3, 8
  addi s0, s0, -1
  bnez s0, 1b
  .endr
  .endr
  pass

function:
  addi a3, a3, 1
  ret
