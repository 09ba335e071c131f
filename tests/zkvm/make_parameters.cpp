// Derives the parameters that tests prove with, into the folder that is given, unless it holds them.

#include <cstdio>

#include "engine/zkvm/parameters.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_test_parameters FOLDER\n");
    return 2;
  }
  // Enough for all smaller sizes too.
  constexpr unsigned kLargestTested = 17;
  magnetar::zkvm::ParameterStore(argv[1]).keys(kLargestTested);
  return 0;
}
