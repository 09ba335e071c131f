// slti: rd = rs1 < immediate, signed
#include "check.h"

  test_immediate slti, "0 - (sa < sb)"

  pass
