// xori: rd = rs1 ^ immediate
#include "check.h"

  test_immediate xori, "a ^ b"

  pass
