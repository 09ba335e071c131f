// ecall 1 and 5: the log, and labels of the profile; neither changes more than a0
#include "check.h"

  fill_registers
  load_address a1, text
  li a2, 5
  li s2, 1
  ecall
  expect a0, 0
  expect_address a1, text
  expect a2, 5
  expect s2, 1
  li s2, 5
  li a0, 0x55555555
  load_address a1, begin
  ecall
  expect a0, 5
  li s2, 5
  li a0, 0x55555555
  load_address a1, end
  ecall
  expect a0, 5
  li a0, OWN_VALUE(10) & 0xffffffff
  li a1, OWN_VALUE(11) & 0xffffffff
  li a2, OWN_VALUE(12) & 0xffffffff
  li s2, OWN_VALUE(18) & 0xffffffff
  expect_registers

  // From any byte on; nothing; labels that are none.
  system_call 1, text + 1, 3
  expect a0, 0
  system_call 1, text, 0
  expect a0, 0
  system_call 5, text, 5
  expect a0, 5
  system_call 5, text, 0
  expect a0, 5
  system_call 5, end, 5
  expect a0, 5

  pass

  .data
  .balign 4
text:
  .ascii "words"
begin:
  .ascii "^#abc"
end:
  .ascii "$#abc"
