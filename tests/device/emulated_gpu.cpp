#include "emulated_gpu.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "kernels/cuda_device.h"

namespace magnetar::kernels {
namespace {

std::string reason;
bool emulated = false;

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

void find_gpu(char** argv) {
  const std::string library_path = environment("LD_LIBRARY_PATH");
  const auto gpus = list_gpus();
  if (gpus) {
    emulated = gpus->front().name.starts_with("Emulated");
    std::fprintf(stderr, "CUDA tests run on %s\n", gpus->front().name.c_str());
    return;
  }
  std::string emulator = environment("MAGNETAR_CUDA_EMULATOR");
  if (emulator.empty()) emulator = MAGNETAR_CUDA_EMULATOR_OF_BUILD;
  if (emulator.empty()) {
    reason = std::string("no GPU (") + gpus.error().what() + "), and MAGNETAR_CUDA_EMULATOR names no emulated one";
    return;
  }
  if (!std::filesystem::exists(std::filesystem::path(emulator) / "libcudart.so.13")) {
    reason = "no GPU, and no libcudart.so.13 in MAGNETAR_CUDA_EMULATOR=" + emulator;
    return;
  }
  if (library_path.starts_with(emulator)) {
    reason = "no GPU, and the emulated one in " + emulator + " does not work: " + gpus.error().what();
    return;
  }
  setenv("LD_LIBRARY_PATH", (emulator + (library_path.empty() ? "" : ":" + library_path)).c_str(), 1);
  execv("/proc/self/exe", argv);
  reason = "no GPU, and starting with the emulated one failed";
}

const std::string& no_gpu() {
  return reason;
}

bool is_emulated() {
  return emulated;
}

}  // namespace magnetar::kernels
