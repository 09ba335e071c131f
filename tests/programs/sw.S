// sw: memory = rs2, its neighbours as they were
#include "check.h"

  test_store sw, 4, 0xffffffff

  pass
