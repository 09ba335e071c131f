# The entry point. The machine starts at pc 0 with all registers and all memory outside the ELF's segments
# zero: .bss needs no clearing and main gets argc = 0, argv = null.

  .section .text.start, "ax", @progbits
  .globl _start
  .type _start, @function
_start:
  # Everything the linker may rewrite relative to gp comes after gp.
  .option push
  .option norelax
  la gp, __global_pointer$
  .option pop
  la sp, __stack_top
  # There is one thread, and its thread-local block is the one the ELF loads.
  la tp, __tls_base

  la s0, __init_array_start
  la s1, __init_array_end
  beq s0, s1, 2f
1:
  lw t0, 0(s0)
  addi s0, s0, 4
  jalr t0
  bne s0, s1, 1b
  li a0, 0
  li a1, 0
2:
  call main
  tail exit
  .size _start, . - _start

# _Noreturn void magnetar_halt(uint32_t exit_code)
  .section .text.magnetar_halt, "ax", @progbits
  .globl magnetar_halt
  .type magnetar_halt, @function
magnetar_halt:
  unimp  # 0xc0001073
  .size magnetar_halt, . - magnetar_halt
