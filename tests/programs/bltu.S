// bltu: jump if rs1 < rs2, unsigned
#include "check.h"

  test_branch bltu, "a < b", 1, 0x80000001, 1

  pass
