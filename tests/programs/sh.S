// sh: memory = the low half of rs2, its neighbours as they were
#include "check.h"

  test_store sh, 2, 0xffff

  pass
