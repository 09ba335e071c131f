// slt: rd = rs1 < rs2, signed
#include "check.h"

  test_register slt, "0 - (sa < sb)"

  pass
