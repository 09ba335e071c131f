// srai: rd = rs1 >> amount, copies of the sign in
#include "check.h"

  test_immediate_shift srai, "sa >> b"

  pass
