// jal: rd = pc + 4, on at pc + offset
#include "check.h"

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
  .irp distance, 1, 2, 3, 4, 8, 255, 256, 511, 512, 513, 1023, 1024
  jal a1, .Ltarget\distance
.Lafter\distance:
  nops "\distance - 1"
.Ltarget\distance:
  expect_address a1, .Lafter\distance
  .endr

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
  expect x0, 0
  mv a2, x0
  expect a2, 0
  expect a1, 0x5a5a5a5a

  // The link is there at once, and jumps twice over the same way.
  .irp distance, 0, 1, 2
  li s0, 2
1:
  jal a1, .Llink\distance
.Lreturn\distance:
  fail
.Llink\distance:
  nops \distance
  mv a2, a1
  expect_address a2, .Lreturn\distance
  addi s0, s0, -1
  bnez s0, 1b
  .endr

  // Almost the whole range: all bits of the offset, both signs.
  jal a1, far
near:
  expect_address a1, after_far
  jal a1, far_end
after_near:
  fail
back_again:
  expect_address a1, after_far_end

  pass

  .section .text.far, "ax"
far:
  expect_address a1, near
  jal a1, near
after_far:
  fail
far_end:
  expect_address a1, after_near
  jal a1, back_again
after_far_end:
  fail
