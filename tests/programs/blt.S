// blt: jump if rs1 < rs2, signed
#include "check.h"

  test_branch blt, "sa < sb", 0x80000001, 1, 0x80000000

  pass
