// lbu: rd = a byte, zero-extended
#include "check.h"

  test_load lbu, 1

  pass
