// or: rd = rs1 | rs2
#include "check.h"

  test_register or, "a | b"

  pass
