// slli: rd = rs1 << amount
#include "check.h"

  test_immediate_shift slli, "a << b"

  pass
