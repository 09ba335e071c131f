// add: rd = rs1 + rs2
#include "check.h"

  test_register add, "a + b"

  pass
