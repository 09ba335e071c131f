// jal: rd = pc + 4, on at pc + offset
#include "check.h"

  j start
  // The ends of the range, which have all bits of the offset set, and none but the sign: 0xffffc bytes on and
  // 0x100000 back.
  .org 8
range:
  jal a1, far
range_back:
  j range_done
  fail

start:
  // Forward, over code that must not run, and back.
  jal a1, forward
after_forward:
  fail
backward:
  expect_address a1, after_backward
  j distances
  fail
forward:
  expect_address a1, after_forward
  jal a1, backward
after_backward:
  fail

distances:
  // s1 counts the targets that were reached.
  li s1, 0
  .irp distance, 1, 2, 3, 4, 8, 255, 256, 511, 512, 513, 1023, 1024
  jal a1, .Lreached_\distance
.Llink_\distance:
  nops "\distance - 1"
.Lreached_\distance:
  addi s1, s1, 1
  expect_address a1, .Llink_\distance
  .endr
  expect s1, 12

  .macro link_register register, scratch=x31
  jal \register, .Ltarget\@
.Lafter\@:
  fail
.Ltarget\@:
  expect_address \register, .Lafter\@, \scratch
  .endm

  .irp register, MOST_REGISTERS, x30
  link_register \register
  .endr
  link_register x31, x5

  li a1, 0x5a5a5a5a
  jal x0, 1f
  fail
1:
  expect_x0_is_zero
  expect a1, 0x5a5a5a5a

  // The link is there at once, and jumps twice over the same way.
  .irp distance, 0, 1, 2
  li s0, 2
1:
  jal a1, .Lgoal_\distance
.Lreturn_\distance:
  fail
.Lgoal_\distance:
  nops \distance
  mv a2, a1
  expect_address a2, .Lreturn_\distance
  addi s0, s0, -1
  bnez s0, 1b
  .endr

  j range
range_done:
  expect_address a1, range_back
  expect_address a2, after_far

  pass

  .section .text.far, "ax"
  nop
far:
  nop
  nop
  jal a2, range_back
after_far:
  fail
