// ecall with the unknown NUMBER
#include "check.h"

  .globl fault
  li s2, NUMBER
fault:
  ecall

  pass
