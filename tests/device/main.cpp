#include <gtest/gtest.h>

#include "emulated_gpu.h"

int main(int argc, char** argv) {
  magnetar::kernels::find_gpu(argv);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
