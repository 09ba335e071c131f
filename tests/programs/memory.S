// Loads after stores of other widths, and the ends of memory
#include "check.h"

  // What a store leaves, as every load sees it.
  .macro store_load store, load, value, store_at, load_at, expected
  load_address a1, place
  li a2, 0x44332211
  sw a2, 0(a1)
  li a2, \value
  \store a2, \store_at(a1)
  \load a3, \load_at(a1)
  expect a3, \expected
  .endm

  store_load sb, lw, 0x1ff, 0, 0, 0x443322ff
  store_load sb, lw, 0x1fe, 1, 0, 0x4433fe11
  store_load sb, lw, 0x1fd, 2, 0, 0x44fd2211
  store_load sb, lw, 0x1fc, 3, 0, 0xfc332211
  store_load sb, lh, 0x180, 1, 0, 0xffff8011
  store_load sb, lhu, 0x180, 1, 0, 0x00008011
  store_load sb, lh, 0x180, 0, 0, 0x00002280
  store_load sb, lh, 0x180, 3, 2, 0xffff8033
  store_load sb, lb, 0x180, 2, 2, 0xffffff80
  store_load sb, lbu, 0x180, 2, 2, 0x00000080
  store_load sb, lb, 0x180, 2, 1, 0x00000022
  store_load sh, lw, 0x1beef, 0, 0, 0x4433beef
  store_load sh, lw, 0x1beef, 2, 0, 0xbeef2211
  store_load sh, lb, 0x1beef, 2, 2, 0xffffffef
  store_load sh, lbu, 0x1beef, 2, 3, 0x000000be
  store_load sh, lb, 0x1beef, 2, 1, 0x00000022
  store_load sh, lh, 0x1beef, 0, 0, 0xffffbeef
  store_load sh, lhu, 0x1beef, 0, 0, 0x0000beef
  store_load sh, lhu, 0x1beef, 0, 2, 0x00004433
  store_load sw, lb, 0x8081f2f3, 0, 0, 0xfffffff3
  store_load sw, lb, 0x8081f2f3, 0, 1, 0xfffffff2
  store_load sw, lbu, 0x8081f2f3, 0, 2, 0x00000081
  store_load sw, lbu, 0x8081f2f3, 0, 3, 0x00000080
  store_load sw, lh, 0x8081f2f3, 0, 0, 0xfffff2f3
  store_load sw, lhu, 0x8081f2f3, 0, 2, 0x00008081

  // A load's result is at once the next one's base, a store's value, an operand of a branch.
  load_address a1, pointer
  lw a2, 0(a1)
  lw a3, 0(a2)
  expect a3, 0x600dcafe
  lw a3, 0(a2)
  sw a3, 4(a2)
  lw a4, 4(a2)
  expect a4, 0x600dcafe
  lw a3, 0(a2)
  beq a3, a4, 1f
  fail
1:
  lw a2, 0(a1)
  sw a1, 4(a2)
  lw a3, 4(a2)
  lw a3, 0(a3)
  beq a3, a2, 1f
  fail
1:

  // The last word of memory, the first of its second half, one far from all others: zero before a store.
  .irp address, 0xfffffffc, 0x80000000, 0x7ffffffc, 0x40001000
  li a1, \address
  lw a2, 0(a1)
  expect a2, 0
  li a3, \address ^ 0x5a5a5a5a
  sw a3, 0(a1)
  .endr
  .irp address, 0xfffffffc, 0x80000000, 0x7ffffffc, 0x40001000
  li a1, \address
  lw a2, 0(a1)
  expect a2, \address ^ 0x5a5a5a5a
  lbu a2, 3(a1)
  expect a2, (\address ^ 0x5a5a5a5a) >> 24
  .endr
  // An offset from x0 that is negative, and a sum that wraps downward.
  lw a2, -4(x0)
  expect a2, 0xfffffffc ^ 0x5a5a5a5a
  li a1, 4
  sh x0, -6(a1)
  lw a2, -4(x0)
  expect a2, (0xfffffffc ^ 0x5a5a5a5a) & 0xffff

  // The stretch of memory behind the program's zeros is one with what is stored there.
  load_address a1, zeros
  li a2, 2048
  add a1, a1, a2
  add a1, a1, a2
  li a2, 1
  sb a2, -1(a1)
  sb a2, 0(a1)
  lbu a3, -1(a1)
  expect a3, 1
  lw a3, 0(a1)
  expect a3, 1

  pass

  .data
  .balign 4
place:
  .word 0
pointer:
  .word target
target:
  .word 0x600dcafe, 0
  .bss
  .balign 4
zeros:
  .skip 4096
