// LOOP again and again
#include "check.h"

  li s2, 2
1:
  LOOP
  beq x0, x0, 1b
