// ecall 3: bytes to the output, from any address, none too
#include "check.h"

  // Nothing.
  system_call 3, text, 0
  expect a0, 0
  li s2, 3
  li a1, -1
  li a2, 0
  ecall
  expect a0, 0
  // All but a0 stay as they are.
  fill_registers
  load_address a1, text
  li a2, 4
  li s2, 3
  ecall
  expect a0, 0
  expect_address a1, text
  expect a2, 4
  expect s2, 3
  li a0, OWN_VALUE(10) & 0xffffffff
  li a1, OWN_VALUE(11) & 0xffffffff
  li a2, OWN_VALUE(12) & 0xffffffff
  li s2, OWN_VALUE(18) & 0xffffffff
  expect_registers
  // Every alignment of the start and of the end.
  .irp start, 0, 1, 2, 3
  .irp length, 1, 2, 3, 4, 5
  system_call 3, text + \start, \length
  expect a0, 0
  .endr
  .endr
  // Memory that was never stored to, and text.
  system_call 3, nothing, 2
  li s2, 3
  li a1, 0
  li a2, 4
  ecall
  // From the last byte of memory on to the first.
  li t0, -4
  li t1, 0xee000000
  sw t1, 0(t0)
  li s2, 3
  li a1, -1
  li a2, 2
  ecall
  expect a0, 0
  // What is there at the time of the call, not later.
  system_call 3, text, 1
  load_address a1, text
  li t0, 'z'
  sb t0, 0(a1)
  system_call 3, text, 1

  pass

  .data
  .balign 4
text:
  .ascii "abcdefgh"
  .bss
nothing:
  .skip 4
