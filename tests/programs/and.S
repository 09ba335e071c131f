// and: rd = rs1 & rs2
#include "check.h"

  test_register and, "a & b"

  pass
