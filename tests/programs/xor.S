// xor: rd = rs1 ^ rs2
#include "check.h"

  test_register xor, "a ^ b"

  pass
