// bge: jump if rs1 >= rs2, signed
#include "check.h"

  test_branch bge, "sa >= sb", 1, 0x80000001, 2

  pass
