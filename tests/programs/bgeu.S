// bgeu: jump if rs1 >= rs2, unsigned
#include "check.h"

  test_branch bgeu, "a >= b", 0x80000001, 1, 0x80000002

  pass
