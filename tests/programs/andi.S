// andi: rd = rs1 & immediate
#include "check.h"

  test_immediate andi, "a & b"

  pass
