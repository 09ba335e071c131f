// On past the last word of text
#include "check.h"

  .globl fault
  li a0, 0
fault:
