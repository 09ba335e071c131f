// sltu: rd = rs1 < rs2, unsigned
#include "check.h"

  test_register sltu, "0 - (a < b)"

  pass
