// A proof of a guest program's execution at the smallest size, 2^16: its bytes are the same from either device.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "emulated_gpu.h"
#include "engine/zkvm/prover.h"
#include "kernels/cuda_device.h"

namespace magnetar::zkvm {
namespace {

std::vector<std::byte> read_guest(const std::string& name) {
  std::ifstream file(std::filesystem::path(MAGNETAR_GUESTS) / (name + ".elf"), std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const auto* const data = reinterpret_cast<const std::byte*>(bytes.data());
  return {data, data + bytes.size()};
}

TEST(GpuZkvm, ProofOfAnExecutionAtSize16IsTheCpus) {
  MAGNETAR_NEEDS_GPU();
  const auto subject = Subject::load(read_guest("fibonacci"), std::make_shared<const std::vector<std::byte>>());
  ASSERT_TRUE(subject);
  const auto plan = plan_segment(*subject, {0, 7}, {16, {}});
  ASSERT_TRUE(plan) << plan.error().message;
  ParameterStore store(std::filesystem::path(testing::TempDir()) / "magnetar-gpu-zkvm");
  const auto parameters = store.parameters(plan->statement.layout);

  const auto on_cpu = prove(*parameters, *plan, cpu_devices(*parameters));
  ASSERT_TRUE(on_cpu);
  EXPECT_FALSE(on_cpu->device_error);

  const auto& circuits = parameters->circuits();
  // A table for each window would take longer than the proof where the GPU is emulated.
  const kernels::CudaOptions options{0, 0};
  auto primary = kernels::make_cuda_device<algebra::Bn254>(circuits.primary(), parameters->keys().primary, options);
  auto secondary =
      kernels::make_cuda_device<algebra::Grumpkin>(circuits.secondary(), parameters->keys().secondary, options);
  ASSERT_TRUE(primary && secondary);
  const Devices gpu{"cuda:0", *std::move(primary), *std::move(secondary), true};
  const auto on_gpu = prove(*parameters, *plan, gpu);
  ASSERT_TRUE(on_gpu);
  EXPECT_FALSE(on_gpu->device_error) << *on_gpu->device_error;
  std::printf("%llu cycles, %llu fold steps, %zu constraints\n",
              static_cast<unsigned long long>(plan->statement.cycles),
              static_cast<unsigned long long>(plan->fold_steps), parameters->constraints());
  EXPECT_EQ(encode(Bundle{{on_gpu->proof}}), encode(Bundle{{on_cpu->proof}}));
}

}  // namespace
}  // namespace magnetar::zkvm
