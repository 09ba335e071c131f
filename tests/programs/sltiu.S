// sltiu: rd = rs1 < immediate sign-extended, unsigned
#include "check.h"

  test_immediate sltiu, "0 - (a < b)"

  pass
