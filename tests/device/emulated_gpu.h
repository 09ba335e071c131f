#pragma once

#include <string>

namespace magnetar::kernels {

/// Where the CUDA tests run: on a GPU, on an emulated one, or nowhere.
///
/// Where there is no GPU but an emulated CUDA runtime is named (MAGNETAR_CUDA_EMULATOR, of the environment or of the
/// build), starts the program once more with that runtime in the place of the linked one, and does not return. To be
/// called first in main().
void find_gpu(char** argv);

/// Why the CUDA tests cannot run; empty if they can.
const std::string& no_gpu();

/// Whether the GPU is emulated.
bool is_emulated();

}  // namespace magnetar::kernels

/// Skips a test, with the reason, where there is no GPU.
#define MAGNETAR_NEEDS_GPU() \
  if (!::magnetar::kernels::no_gpu().empty()) GTEST_SKIP() << ::magnetar::kernels::no_gpu()
