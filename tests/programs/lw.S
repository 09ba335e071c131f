// lw: rd = a word
#include "check.h"

  test_load lw, 4

  pass
