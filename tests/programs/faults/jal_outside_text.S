// jal and a branch (OPERATION) to a pc behind text
#include "check.h"

  .globl fault
  OPERATION fault
  pass
  .set fault, . + 64
