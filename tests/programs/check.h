// clang-format off
// Macros for programs that test one instruction each.
//
// A program that finds nothing wrong halts with a0 = 0; at the first case that is wrong it halts with
// a0 = 2 · case + 1. Cases count from 1 in the order of the source. The assembler computes what an instruction must
// give, from an expression in the symbols
//
//   a, b    the operands, 0 to 2^32 - 1 (b is the immediate where there is one, sign-extended)
//   sa, sb  the same as signed numbers
//
// of which the low 32 bits count. Its arithmetic has 64 bits, its >> shifts zeros in, its comparisons give 0 or -1.

#pragma once

#define EDGE_VALUES                                                                                                 \
  0, 1, 2, 0x1f, 0x7ff, 0x800, 0xfff, 0x7fff, 0x8000, 0xffff, 0x10000, 0x12345678, 0x55555555, 0x7ffffffe, 0x7fffffff, \
      0x80000000, 0x80000001, 0x89abcdef, 0xaaaaaaaa, 0xfffff000, 0xfffff7ff, 0xfffff800, 0xfffffffe, 0xffffffff

#define EDGE_IMMEDIATES -2048, -2047, -1366, -1024, -256, -32, -2, -1, 0, 1, 2, 3, 31, 127, 255, 1023, 1365, 2046, 2047

#define SHIFT_AMOUNTS                                                                                               \
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31

// x30 and x31 are left to be the others' partners.
#define MOST_REGISTERS                                                                                                \
  x1, x2, x3, x4, x5, x6, x7, x8, x9, x10, x11, x12, x13, x14, x15, x16, x17, x18, x19, x20, x21, x22, x23, x24, x25, \
      x26, x27, x28, x29

  .option norvc
  .option norelax
  .text
  .globl _start
_start:
  .set case_number, 0
  // A jump into the middle of a `fail` must not look like the end of a program without mistakes.
  lui a0, 0xbad

// The program of ADDI must not make the values that it compares with ADDI, as LI does.
#ifdef CONSTANTS_FROM_MEMORY
  .macro constant register, value
  .data
  .balign 4
.Lconstant\@:
  .word \value
  .text
  lui \register, %hi(.Lconstant\@)
  lw \register, %lo(.Lconstant\@)(\register)
  .endm
#else
  .macro constant register, value
  li \register, \value
  .endm
#endif

  .macro pass
  lui a0, 0
  unimp
  .endm

// Getting here is wrong.
  .macro fail
  .set case_number, case_number + 1
  constant a0, "2 * case_number + 1"
  unimp
  .endm

  .macro expect register, value, scratch=x31
  constant \scratch, "(\value) & 0xffffffff"
  beq \register, \scratch, .Lright\@
  fail
.Lright\@:
  .endm

// Not by way of LI, which would take x0 for zero.
  .macro expect_x0_is_zero
  lui a3, 0
  beq x0, a3, .Lright\@
  fail
.Lright\@:
  .endm

  .macro load_address register, symbol
  lui \register, %hi(\symbol)
  addi \register, \register, %lo(\symbol)
  .endm

  .macro expect_address register, symbol, scratch=x31
  load_address \scratch, \symbol
  beq \register, \scratch, .Lright\@
  fail
.Lright\@:
  .endm

  .macro set_operands x, y=0
  .set a, (\x) & 0xffffffff
  .set b, (\y) & 0xffffffff
  .set sa, (a ^ 0x80000000) - 0x80000000
  .set sb, (b ^ 0x80000000) - 0x80000000
  .endm

  .macro nops count
  .rept \count
  nop
  .endr
  .endm

// operation rd, rs1, rs2

  .macro register_case operation, expression, x, y
  set_operands \x, \y
  constant a1, a
  constant a2, b
  \operation a3, a1, a2
  expect a3, \expression
  // The operands are as they were.
  expect a1, a
  expect a2, b
  .endm

// Every register as rd, rs1 and rs2; p and q are others.
  .macro register_roles operation, expression, register, p, q
  constant \p, a
  constant \q, b
  \operation \register, \p, \q
  expect \register, \expression, \p
  constant \register, a
  constant \p, b
  \operation \q, \register, \p
  expect \q, \expression, \p
  constant \p, a
  constant \register, b
  \operation \q, \p, \register
  expect \q, \expression, \p
  .endm

  .macro register_aliases operation, expression, x, y
  set_operands \x, \y
  constant a1, a
  constant a2, b
  \operation a1, a1, a2
  expect a1, \expression
  expect a2, b
  constant a1, a
  \operation a2, a1, a2
  expect a2, \expression
  expect a1, a
  // rs1 = rs2, and all the same.
  set_operands \x, \x
  \operation a3, a1, a1
  expect a3, \expression
  \operation a1, a1, a1
  expect a1, \expression
  // x0 as an operand and as the destination.
  constant a1, a
  set_operands 0, \x
  \operation a3, x0, a1
  expect a3, \expression
  set_operands \x, 0
  \operation a3, a1, x0
  expect a3, \expression
  set_operands 0, 0
  \operation a3, x0, x0
  expect a3, \expression
  constant a1, "(\x) & 0xffffffff"
  constant a2, "(\y) & 0xffffffff"
  \operation x0, a1, a2
  expect_x0_is_zero
  .endm

// Operands and results at distances 0 to 2 from where they are used, each twice.
  .macro register_distances operation, expression, x, y
  set_operands \x, \y
  .irp first, 0, 1, 2
  .irp second, 0, 1, 2
  constant s0, 2
1:
  constant a1, a
  nops \first
  constant a2, b
  nops \second
  \operation a3, a1, a2
  nops \first
  mv a4, a3
  expect a4, \expression
  constant a2, b
  nops \first
  constant a1, a
  nops \second
  \operation a3, a1, a2
  expect a3, \expression
  addi s0, s0, -1
  bnez s0, 1b
  .endr
  .endr
  .endm

  .macro test_register operation, expression
  .irp x, EDGE_VALUES
  .irp y, EDGE_VALUES
  register_case \operation, "\expression", \x, \y
  .endr
  .endr
  .irp x, 0xfedc4321, 0x0badf00d
  set_operands \x, 0xfedc4321 ^ 0x0badf00d ^ \x
  .irp register, MOST_REGISTERS
  register_roles \operation, "\expression", \register, x30, x31
  .endr
  register_roles \operation, "\expression", x30, x5, x6
  register_roles \operation, "\expression", x31, x5, x6
  .endr
  register_aliases \operation, "\expression", 0xfedc4321, 0x0badf00d
  register_aliases \operation, "\expression", 0x00000007, 0xfffffffd
  register_distances \operation, "\expression", 0x76543210, 0x80000003
  .endm

// Shifts by all amounts, and by amounts of which the high bits must not count.
  .macro test_register_shift operation, expression
  .irp x, 0, 1, 0x7fffffff, 0x80000000, 0x89abcdef, 0xffffffff
  .irp y, SHIFT_AMOUNTS
  register_case \operation, "\expression", \x, \y
  register_case \operation, "\expression", \x, \y + 0x20
  register_case \operation, "\expression", \x, \y + 0xdeadbe40
  register_case \operation, "\expression", \x, \y + 0xffffffe0
  .endr
  .endr
  test_register \operation, "\expression"
  .endm

// operation rd, rs1, immediate

  .macro immediate_case operation, expression, x, y
  set_operands \x, \y
  constant a1, a
  \operation a3, a1, \y
  expect a3, \expression
  expect a1, a
  .endm

  .macro immediate_roles operation, expression, register, other, y
  constant \other, a
  \operation \register, \other, \y
  expect \register, \expression, \other
  constant \register, a
  \operation \other, \register, \y
  expect \other, \expression, \register
  .endm

  .macro immediate_aliases operation, expression, x, y
  set_operands \x, \y
  constant a1, a
  \operation a1, a1, \y
  expect a1, \expression
  constant a1, a
  \operation x0, a1, \y
  expect_x0_is_zero
  expect a1, a
  set_operands 0, \y
  \operation a3, x0, \y
  expect a3, \expression
  .endm

  .macro immediate_distances operation, expression, x, y
  set_operands \x, \y
  .irp first, 0, 1, 2
  .irp second, 0, 1, 2
  constant s0, 2
1:
  constant a1, a
  nops \first
  \operation a3, a1, \y
  nops \second
  mv a4, a3
  expect a4, \expression
  addi s0, s0, -1
  bnez s0, 1b
  .endr
  .endr
  .endm

  .macro test_immediate_with operation, expression, y
  set_operands 0xfedc4321, \y
  .irp register, MOST_REGISTERS, x30
  immediate_roles \operation, "\expression", \register, x31, \y
  .endr
  immediate_roles \operation, "\expression", x31, x5, \y
  immediate_aliases \operation, "\expression", 0xfedc4321, \y
  immediate_aliases \operation, "\expression", 0x00000005, \y
  immediate_distances \operation, "\expression", 0x89abcdef, \y
  .endm

  .macro test_immediate operation, expression
  .irp x, EDGE_VALUES
  .irp y, EDGE_IMMEDIATES
  immediate_case \operation, "\expression", \x, \y
  .endr
  .endr
  test_immediate_with \operation, "\expression", 0x5a7
  test_immediate_with \operation, "\expression", -0x359
  .endm

  .macro test_immediate_shift operation, expression
  .irp x, EDGE_VALUES
  .irp y, SHIFT_AMOUNTS
  immediate_case \operation, "\expression", \x, \y
  .endr
  .endr
  test_immediate_with \operation, "\expression", 7
  test_immediate_with \operation, "\expression", 31
  .endm

// operation rs1, rs2, target. `taken` is an expression as above, true where the branch must be taken.

  .macro branch_taken operation, p, q
  // Forward, over code that must not run.
  \operation \p, \q, .Lforward\@
  fail
.Lbackward_target\@:
  j .Lbackward_done\@
  fail
.Lforward\@:
  \operation \p, \q, .Lbackward_target\@
  fail
.Lbackward_done\@:
  .endm

  .macro branch_not_taken operation, p, q
  \operation \p, \q, .Lwrong\@
  j .Lon\@
.Lwrong\@:
  fail
.Lon\@:
  \operation \p, \q, .Lwrong\@
  .endm

  .macro branch operation, taken, p, q
  .if \taken
  branch_taken \operation, \p, \q
  .else
  branch_not_taken \operation, \p, \q
  .endif
  .endm

  .macro branch_case operation, taken, x, y
  set_operands \x, \y
  constant a1, a
  constant a2, b
  branch \operation, "\taken", a1, a2
  expect a1, a
  expect a2, b
  .endm

  .macro branch_roles operation, taken, register, other
  constant \register, a
  constant \other, b
  branch \operation, "\taken", \register, \other
  .endm

  .macro branch_roles_swapped operation, taken, register, other
  constant \other, a
  constant \register, b
  branch \operation, "\taken", \other, \register
  .endm

  .macro branch_distances operation, taken, x, y
  set_operands \x, \y
  .irp first, 0, 1, 2
  .irp second, 0, 1, 2
  constant s0, 2
1:
  constant a1, a
  nops \first
  constant a2, b
  nops \second
  branch \operation, "\taken", a1, a2
  addi s0, s0, -1
  bnez s0, 1b
  .endr
  .endr
  .endm

// The ends of the range, for operands for which the branch is taken: 4092 bytes on, and 4096 back.
  .macro branch_range operation, x, y
  constant a1, \x
  constant a2, \y
.Lforward_branch\@:
  \operation a1, a2, .Lfar\@
  fail
  .org .Lforward_branch\@ + 4092
.Lfar\@:
  j .Lbackward_branch\@
  fail
.Lback\@:
  j .Ldone\@
  fail
  .org .Lback\@ + 4096
.Lbackward_branch\@:
  \operation a1, a2, .Lback\@
  fail
.Ldone\@:
  .endm

// x and y: operands for which the branch is taken; w: x's partner for which it is not.
  .macro test_branch operation, taken, x, y, w
  .irp p, EDGE_VALUES
  .irp q, EDGE_VALUES
  branch_case \operation, "\taken", \p, \q
  .endr
  .endr
  .irp partner, \y, \w
  set_operands \x, \partner
  .irp register, MOST_REGISTERS, x30
  branch_roles \operation, "\taken", \register, x31
  branch_roles_swapped \operation, "\taken", \register, x31
  .endr
  branch_roles \operation, "\taken", x31, x5
  branch_roles_swapped \operation, "\taken", x31, x5
  branch_distances \operation, "\taken", \x, \partner
  .endr
  // rs1 = rs2, and x0.
  .irp p, 0, 1, 0x80000000, 0xffffffff
  set_operands \p, \p
  constant a1, a
  branch \operation, "\taken", a1, a1
  set_operands \p, 0
  branch \operation, "\taken", a1, x0
  set_operands 0, \p
  branch \operation, "\taken", x0, a1
  .endr
  set_operands 0, 0
  branch \operation, "\taken", x0, x0
  branch_range \operation, \x, \y
  // A target that is no multiple of 4 matters only when the branch is taken.
  constant a1, \x
  constant a2, \w
  \operation a1, a2, . + 6
  .endm

// operation rd, offset(rs1)

// The byte at offset i of the table that is read: every value once in 256 bytes.
#define TABLE_BYTE(i) (((i) * 0x9d + 0x7f) & 0xff)
#define TABLE_HALF(i) (TABLE_BYTE(i) | TABLE_BYTE((i) + 1) << 8)
#define TABLE_WORD(i) (TABLE_HALF(i) | TABLE_HALF((i) + 2) << 16)

// Edge values of halves and words, behind the table.
#define CORNERS 0, 0xffffffff, 0x80000000, 0x7fffffff, 0x80007fff, 0x7fff8000, 0xff80007f, 0x007fff80, 1, 0x00010000

  .macro load_table
  .data
  .balign 4
table:
  .set position, 0
  .rept 256
  .byte TABLE_BYTE(position)
  .set position, position + 1
  .endr
corners:
  .word CORNERS
  .bss
  .balign 4
zeros:
  .skip 8192
  .text
  .endm

// The word of `corners` at a position, as the assembler knows it.
  .macro set_corner offset
  .set corner, 0
  .set corner_position, 0
  .irp word, CORNERS
  .if corner_position == (\offset & ~3)
  .set corner, \word >> (8 * (\offset & 3))
  .endif
  .set corner_position, corner_position + 4
  .endr
  .endm

// `word`, of which the load takes the low part: the symbols size and sign say how.
  .macro expect_loaded register, word, scratch=x31
  expect \register, "(((\word) & ((1 << (8 * size)) - 1)) ^ sign) - sign", \scratch
  .endm

// sign: the bit that is copied to the left, or 0.
  .macro test_load operation, bytes, sign_bit=0
  .set size, \bytes
  .set sign, \sign_bit
  j .Lload_start\@
  // Read by way of an address that wraps.
.Llow_text\@:
  .word 0x8badf00d
.Lload_start\@:
  // All legal offsets, from a base in the middle, and from ends of the offset's range.
  .set position, 0
  .rept 256 / size
  load_address a1, table + 128
  \operation a2, position - 128 (a1)
  expect_loaded a2, TABLE_WORD(position)
  expect_address a1, table + 128
  load_address a1, table + position + 2048
  \operation a2, -2048(a1)
  expect_loaded a2, TABLE_WORD(position)
  // The base need not be aligned, only the sum.
  load_address a1, table + position - 2047
  \operation a2, 2047(a1)
  expect_loaded a2, TABLE_WORD(position)
  load_address a1, table + position - 1
  \operation a2, 1(a1)
  expect_loaded a2, TABLE_WORD(position)
  .set position, position + size
  .endr
  .set position, 0
  .rept 40 / size
  set_corner position
  load_address a1, corners
  \operation a2, position(a1)
  expect_loaded a2, corner
  .set position, position + size
  .endr
  // Memory that nothing was stored to.
  load_address a1, zeros + 4096
  .irp offset, -2048, -4, 0, 4, 1024, 2044
  \operation a2, \offset(a1)
  expect a2, 0
  .endr
  // The sum wraps at 2^32.
  .set corner, 0x8badf00d
  load_address a1, .Llow_text\@ - 2040
  \operation a2, 2040(a1)
  expect_loaded a2, corner
  .set position, 64
  .irp register, MOST_REGISTERS, x30
  load_address x31, table
  \operation \register, 64(x31)
  expect_loaded \register, TABLE_WORD(position)
  load_address \register, table
  \operation x31, 64(\register)
  expect_loaded x31, TABLE_WORD(position), \register
  .endr
  load_address x5, table
  \operation x31, 64(x5)
  expect_loaded x31, TABLE_WORD(position), x5
  load_address x31, table
  \operation x5, 64(x31)
  expect_loaded x5, TABLE_WORD(position), x31
  // rd = rs1, rd = x0.
  load_address a1, table
  \operation a1, 64(a1)
  expect_loaded a1, TABLE_WORD(position)
  load_address a1, table
  \operation x0, 64(a1)
  expect_x0_is_zero
  .irp first, 0, 1, 2
  .irp second, 0, 1, 2
  constant s0, 2
1:
  load_address a1, table
  nops \first
  \operation a2, 64(a1)
  nops \second
  mv a3, a2
  expect_loaded a3, TABLE_WORD(position)
  addi s0, s0, -1
  bnez s0, 1b
  .endr
  .endr
  load_table
  .endm

// operation rs2, offset(rs1)

  .set block_word_0, 0x1badd00d
  .set block_word_1, 0x87654321
  .set block_word_2, 0xfeedface

// Three words, of which the one in the middle is stored to.
  .macro prepare_block
  load_address a1, block
  constant a2, block_word_0
  sw a2, 0(a1)
  constant a2, block_word_1
  sw a2, 4(a1)
  constant a2, block_word_2
  sw a2, 8(a1)
  .endm

  .macro expect_block offset, mask, value
  load_address a1, block
  lw a2, 0(a1)
  expect a2, block_word_0
  lw a2, 4(a1)
  expect a2, "(block_word_1 & ~(\mask << (8 * (\offset)))) | (((\value) & \mask) << (8 * (\offset)))"
  lw a2, 8(a1)
  expect a2, block_word_2
  .endm

  .macro store_case operation, mask, position, value
  .irp offset, -2048, -1, 0, 1, 2047
  prepare_block
  load_address a1, block + 4 + \position - (\offset)
  constant a2, \value
  \operation a2, \offset(a1)
  expect a2, \value
  expect_address a1, block + 4 + \position - (\offset)
  expect_block \position, \mask, \value
  .endr
  .endm

  .macro store_roles operation, mask, register, other
  prepare_block
  load_address \register, block + 4
  constant \other, 0x13572468
  \operation \other, 0(\register)
  expect_block 0, \mask, 0x13572468
  prepare_block
  constant \register, 0x2468ace1
  load_address \other, block + 4
  \operation \register, 0(\other)
  expect_block 0, \mask, 0x2468ace1
  .endm

  .macro test_store operation, size, mask
  .set position, 0
  .rept 4 / \size
  .irp value, EDGE_VALUES
  store_case \operation, \mask, position, \value
  .endr
  .set position, position + \size
  .endr
  .irp register, MOST_REGISTERS, x30
  store_roles \operation, \mask, \register, x31
  .endr
  store_roles \operation, \mask, x31, x5
  // x0, and the address as the value.
  prepare_block
  load_address a1, block
  \operation x0, 4(a1)
  expect_block 0, \mask, 0
  prepare_block
  load_address a3, block + 4
  \operation a3, 0(a3)
  load_address a1, block
  lw a2, 4(a1)
  constant a4, "block_word_1 & ~\mask"
  constant a5, \mask
  and a3, a3, a5
  or a4, a4, a3
  beq a2, a4, .Lstored_address\@
  fail
.Lstored_address\@:
  // A later store to the same place counts, from either side of it.
  prepare_block
  constant a2, -1
  \operation a2, 4(a1)
  load_address a1, block
  constant a2, 0x0f1e2d3c
  \operation a2, 4(a1)
  expect_block 0, \mask, 0x0f1e2d3c
  .irp first, 0, 1, 2
  .irp second, 0, 1, 2
  prepare_block
  constant s0, 2
1:
  load_address a1, block
  nops \first
  constant a2, 0x33445566
  nops \second
  \operation a2, 4(a1)
  nops \first
  lw a3, 4(a1)
  expect a3, "(block_word_1 & ~\mask) | (0x33445566 & \mask)"
  constant a2, 0x778899aa
  nops \first
  load_address a1, block
  nops \second
  \operation a2, 4(a1)
  lw a3, 4(a1)
  expect a3, "(block_word_1 & ~\mask) | (0x778899aa & \mask)"
  addi s0, s0, -1
  bnez s0, 1b
  .endr
  .endr
  .bss
  .balign 4
  .skip 4096
block:
  .skip 4096
  .text
  .endm

// Every register but x0 filled with a value of its own, and looked at; x31 is the looking one's scratch.

#define OWN_VALUE(i) ((i) * 0x11111111 + 0x89abcdef)

  .macro fill_registers
  .set index, 1
  .irp register, MOST_REGISTERS, x30
  constant \register, OWN_VALUE(index) & 0xffffffff
  .set index, index + 1
  .endr
  .endm

  .macro expect_registers except=none
  .set index, 1
  .irp register, MOST_REGISTERS, x30
  .ifnc \register, \except
  expect \register, OWN_VALUE(index)
  .endif
  .set index, index + 1
  .endr
  expect_x0_is_zero
  .endm

// System calls: number in s2, arguments in a1 and a2, result in a0.
  .macro system_call number, address=0, size=0
  constant s2, \number
  load_address a1, \address
  constant a2, \size
  constant a0, 0x55555555
  ecall
  .endm
