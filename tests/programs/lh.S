// lh: rd = a half, sign-extended
#include "check.h"

  test_load lh, 2, 0x8000

  pass
