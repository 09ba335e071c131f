// sb: memory = the low byte of rs2, its neighbours as they were
#include "check.h"

  test_store sb, 1, 0xff

  pass
