// sra: rd = rs1 >> rs2 mod 32, copies of the sign in
#include "check.h"

  test_register_shift sra, "sa >> (b & 31)"

  pass
