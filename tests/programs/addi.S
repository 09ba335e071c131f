// addi: rd = rs1 + immediate
#define CONSTANTS_FROM_MEMORY
#include "check.h"

  test_immediate addi, "a + b"

  pass
