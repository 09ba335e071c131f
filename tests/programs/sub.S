// sub: rd = rs1 - rs2
#include "check.h"

  test_register sub, "a - b"

  pass
