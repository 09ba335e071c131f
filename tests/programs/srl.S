// srl: rd = rs1 >> rs2 mod 32, zeros in
#include "check.h"

  test_register_shift srl, "a >> (b & 31)"

  pass
