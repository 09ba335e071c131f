// beq: jump if rs1 = rs2
#include "check.h"

  test_branch beq, "a == b", 0x40, 0x40, 0x80000040

  pass
