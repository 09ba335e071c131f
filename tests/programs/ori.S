// ori: rd = rs1 | immediate
#include "check.h"

  test_immediate ori, "a | b"

  pass
