#include "kernels/msm_kernels.cuh"

namespace magnetar::kernels {

MAGNETAR_MSM_KERNELS(FqParameters);

namespace {

__global__ void __launch_bounds__(kBlockThreads)
    count_tasks_kernel(const std::uint32_t* lengths, std::uint32_t count, std::uint32_t size, std::uint32_t* counts) {
  const std::uint32_t i = blockIdx.x * kBlockThreads + threadIdx.x;
  if (i < count) counts[i] = (lengths[i] + size - 1) / size;
}

}  // namespace

cudaError_t count_tasks(const std::uint32_t* lengths, std::uint32_t count, std::uint32_t size, std::uint32_t* counts,
                        cudaStream_t stream) {
  count_tasks_kernel<<<blocks_for(count), kBlockThreads, 0, stream>>>(lengths, count, size, counts);
  return cudaGetLastError();
}

}  // namespace magnetar::kernels
