// addi: rd = rs1 + immediate
#include "check.h"

  test_immediate addi, "a + b"

  pass
