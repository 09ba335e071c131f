// lb: rd = a byte, sign-extended
#include "check.h"

  test_load lb, 1, 0x80

  pass
