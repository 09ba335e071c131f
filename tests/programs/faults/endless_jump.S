// A jump to itself
#include "check.h"

  .globl fault
fault:
  j fault
