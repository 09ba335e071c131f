// bne: jump if rs1 is not rs2
#include "check.h"

  test_branch bne, "a != b", 0x40, 0x80000040, 0x40

  pass
