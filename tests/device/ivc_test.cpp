// Whole proofs on the GPU: the same as on the CPU, also when the device fails on the way.

#include <gtest/gtest.h>

#include <optional>

#include "emulated_gpu.h"
#include "engine.h"
#include "kernels/cuda_device.h"

namespace magnetar::ivc {
namespace {

using algebra::Bn254;
using algebra::Grumpkin;

/// An engine whose devices are GPU `ordinal`.
void move_to_gpu(Engine& engine, int ordinal = 0) {
  // Few tables: making them takes most of the time where the GPU is emulated.
  kernels::CudaOptions options{ordinal, std::size_t{1} << 20};
  auto primary = kernels::make_cuda_device<Bn254>(engine.circuits.primary(), engine.keys.primary, options);
  auto secondary = kernels::make_cuda_device<Grumpkin>(engine.circuits.secondary(), engine.keys.secondary, options);
  ASSERT_TRUE(primary) << primary.error().what();
  ASSERT_TRUE(secondary) << secondary.error().what();
  engine.primary = *std::move(primary);
  engine.secondary = *std::move(secondary);
}

ProverState prove(const Engine& engine, std::uint64_t steps) {
  Proved proved(engine, steps);
  EXPECT_TRUE(proved.prover->run(engine.source(), steps));
  return proved.prover->state();
}

void expect_equal_proofs(const TestStep& step, std::uint64_t steps, int ordinal = 0) {
  SCOPED_TRACE(step.name());
  Engine engine(step);
  const ProverState expected = prove(engine, steps);
  move_to_gpu(engine, ordinal);
  const ProverState state = prove(engine, steps);
  EXPECT_EQ(state.z, expected.z);
  EXPECT_EQ(state.proof, expected.proof);
}

TEST(GpuIvc, ProofsAreTheCpus) {
  MAGNETAR_NEEDS_GPU();
  expect_equal_proofs(*make_challenged(), 3);
}

TEST(GpuIvc, ProofsWithBlocksAreTheCpus) {
  MAGNETAR_NEEDS_GPU();
  expect_equal_proofs(*make_blocks(1500), 3);
}

TEST(GpuIvc, StatesResumeOnEitherDevice) {
  MAGNETAR_NEEDS_GPU();
  const auto step = make_blocks(100);
  Engine cpu(*step);
  Engine gpu(*step);
  move_to_gpu(gpu);
  const ProverState expected = prove(cpu, 3);
  for (const auto& [first, second] : {std::pair(&cpu, &gpu), std::pair(&gpu, &cpu)}) {
    Proved before(*first, 3);
    ASSERT_TRUE(before.prover->run(first->source(), 2));
    Proved after(*second, 3);
    ASSERT_TRUE(after.prover->resume(before.prover->state()));
    ASSERT_TRUE(after.prover->run(second->source(), 3));
    EXPECT_EQ(after.prover->state().proof, expected.proof);
  }
}

}  // namespace
}  // namespace magnetar::ivc
