// lhu: rd = a half, zero-extended
#include "check.h"

  test_load lhu, 2

  pass
