// fence, fence.tso, pause and fence.i: nothing happens, whatever their fields
#include "check.h"

  fill_registers
  fence
  fence rw, rw
  fence r, w
  fence w, r
  fence i, o
  fence io, rw
  .word 0x8330000f  // fence.tso
  .word 0x0100000f  // pause
  .word 0x0000000f  // no set at all
  .word 0x0ff0000f
  .word 0x0000100f  // fence.i
  // rd and rs1 are reserved, and ignored as the specification demands.
  .word 0x0ff0000f | 5 << 7 | 6 << 15
  .word 0x0ff0000f | 31 << 7 | 31 << 15
  .word 0x0000100f | 7 << 7 | 8 << 15 | 0xfff << 20
  // A reserved mode is an ordinary fence.
  .word 0xfff0000f
  expect_registers

  // Stores on both sides of it are there.
  load_address a1, place
  li a2, 0x12345678
  sw a2, 0(a1)
  fence
  lw a3, 0(a1)
  expect a3, 0x12345678
  .word 0x0000100f
  lw a3, 0(a1)
  expect a3, 0x12345678

  pass

  .data
  .balign 4
place:
  .word 0
