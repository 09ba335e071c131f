// srli: rd = rs1 >> amount, zeros in
#include "check.h"

  test_immediate_shift srli, "a >> b"

  pass
