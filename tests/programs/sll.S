// sll: rd = rs1 << rs2 mod 32
#include "check.h"

  test_register_shift sll, "a << (b & 31)"

  pass
