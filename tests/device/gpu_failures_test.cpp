// Allocations and launches that fail, and GPUs that are not there. The emulated runtime takes its orders from the
// environment when a process starts, so each case is this program once more: `--work` does some work on the GPU, or on
// the CPU from the beginning if the GPU fails, and says which it was.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "emulated_gpu.h"
#include "engine/device/cpu_device.h"
#include "kernels/cuda_device.h"
#include "relations.h"

namespace magnetar::kernels {
namespace {

using algebra::Bn254;
using algebra::Fr;
using device::Device;
using device::DeviceError;
using device::TestRelation;

constexpr const char* kOnGpu = "done on the GPU";
constexpr const char* kOnCpu = "done on the CPU";

/// Everything that assignments folded into zero give.
struct Results {
  std::vector<algebra::Bn254Affine> commitments;
  device::RelaxedAssignment<Fr> running;

  friend bool operator==(const Results&, const Results&) = default;
};

Results work(const Device<Bn254>& device, const TestRelation<Fr>& relation, int rounds) {
  std::mt19937_64 generator(1);
  const r1cs::Challenges<Fr> challenges{Fr::random(generator), Fr::random(generator)};
  Results results;
  const auto accumulator = device.start_segment(challenges);
  for (int round = 0; round < rounds; ++round) {
    const auto witness = relation.witness(generator);
    results.commitments.push_back(device.commit_stage1(witness.view()));
    const auto fresh = accumulator->make_fresh(witness.view());
    if (!fresh->solve_blocks()) std::abort();
    const auto values = relation.circuit_values(witness, *relation.solve_blocks(witness, challenges), challenges);
    results.commitments.push_back(fresh->commit_blocks());
    results.commitments.push_back(fresh->complete(values, results.commitments.back()));
    accumulator->start(*fresh);
    results.commitments.push_back(accumulator->cross_term(*fresh));
    accumulator->fold(*fresh, fresh->block_sum());
    results.running = accumulator->read();
    results.commitments.push_back(device.commit(results.running.error));
    accumulator->write(results.running);
  }
  return results;
}

/// Exits with 0 if the results are the CPU's.
int work_with_fallback(int ordinal, std::size_t rows, int rounds) {
  std::mt19937_64 generator(2);
  const TestRelation<Fr> relation(rows, 2, 6);
  const commit::CommitmentKey<Bn254> key(device::test_points<Bn254>(relation.generators(), generator));
  const auto cpu = device::make_cpu_device<Bn254>(relation.relation(), key);
  const Results expected = work(*cpu, relation, rounds);
  Results results;
  const char* where = kOnGpu;
  try {
    auto gpu = make_cuda_device<Bn254>(relation.relation(), key, {ordinal, 3 * 64 * key.size()});
    if (!gpu) throw DeviceError(gpu.error());
    results = work(**gpu, relation, rounds);
  } catch (const DeviceError& error) {
    std::printf("kind %d: %s\n", static_cast<int>(error.kind()), error.what());
    where = kOnCpu;
    results = work(*cpu, relation, rounds);
  }
  std::printf("%s\n", where);
  return results == expected ? 0 : 1;
}

struct Outcome {
  int status;
  std::string output;

  bool says(const std::string& text) const { return output.find(text) != std::string::npos; }
};

/// Runs `--work ordinal rows rounds` with these variables in the environment.
Outcome run(const std::map<std::string, std::string>& variables, const std::string& ordinal = "0",
            const std::string& rows = "5", const std::string& rounds = "1") {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (!variables.contains(text.substr(0, text.find('=')))) environment.push_back(text);
  }
  for (const auto& [name, value] : variables) environment.push_back(name + "=" + value);
  std::vector<char*> envp;
  for (std::string& entry : environment) envp.push_back(entry.data());
  envp.push_back(nullptr);
  std::array<std::string, 5> arguments{"test_gpu_failures", "--work", ordinal, rows, rounds};
  std::array<char*, 6> argv{};
  for (std::size_t i = 0; i < arguments.size(); ++i) argv[i] = arguments[i].data();

  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return {-1, "no pipe"};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  pid_t child = 0;
  const int error = posix_spawn(&child, "/proc/self/exe", &actions, nullptr, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  Outcome outcome{-1, {}};
  if (error == 0) {
    std::array<char, 4096> buffer;
    for (ssize_t size = 0; (size = read(ends[0], buffer.data(), buffer.size())) > 0;) {
      outcome.output.append(buffer.data(), static_cast<std::size_t>(size));
    }
    waitpid(child, &outcome.status, 0);
  }
  close(ends[0]);
  return outcome;
}

/// Fails the N-th `what` for each N, until none is left that fails.
/// Returns how many do. `leak_check`: nothing may be left allocated.
int fail_each(const std::string& what, DeviceError::Kind kind, int at_least, bool leak_check) {
  for (int n = 1; n < 2000; ++n) {
    SCOPED_TRACE(what + ":" + std::to_string(n));
    const Outcome outcome = run({{"CUDA_EMULATOR_FAIL", what + ":" + std::to_string(n)},
                                 {"CUDA_EMULATOR_LEAKCHECK", leak_check ? "1" : "0"},
                                 {"CUDA_EMULATOR_THREADS", "1"}});
    EXPECT_EQ(outcome.status, 0) << outcome.output;
    if (outcome.says(kOnGpu) || outcome.status != 0) {
      EXPECT_GT(n, at_least);
      std::printf("%d failures of %s, each finished on the CPU\n", n - 1, what.c_str());
      return n - 1;
    }
    // The error names its kind, the device, and the call.
    EXPECT_TRUE(outcome.says("kind " + std::to_string(static_cast<int>(kind)) + ": CUDA device 0: ") &&
                outcome.says(kOnCpu))
        << outcome.output;
  }
  ADD_FAILURE() << "no end of calls that fail";
  return 0;
}

class GpuFailures : public testing::Test {
 public:
  void SetUp() override {
    MAGNETAR_NEEDS_GPU();
    if (!is_emulated()) GTEST_SKIP() << "failures are injected by the emulated runtime; this GPU is a real one";
  }
};

TEST_F(GpuFailures, AnyAllocationMayFail) {
  const int allocations = fail_each("malloc", DeviceError::Kind::kOutOfMemory, 40, true);
  // Further rounds allocate nothing: the next allocation would fail.
  const Outcome outcome = run({{"CUDA_EMULATOR_FAIL", "malloc:" + std::to_string(allocations + 1)}}, "0", "5", "4");
  EXPECT_TRUE(outcome.status == 0 && outcome.says(kOnGpu)) << outcome.output;
}

TEST_F(GpuFailures, AnyLaunchMayFail) {
  // A failed kernel takes the context with it, after which nothing can be freed.
  fail_each("launch", DeviceError::Kind::kFailed, 60, false);
}

TEST_F(GpuFailures, NoDevice) {
  const Outcome outcome = run({{"CUDA_EMULATOR_DEVICES", "0"}});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_TRUE(outcome.says("kind 0: ") && outcome.says(kOnCpu)) << outcome.output;
}

TEST_F(GpuFailures, TooLittleMemory) {
  const Outcome outcome = run({{"CUDA_EMULATOR_MEMORY_MB", "1"}}, "0", "3000");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_TRUE(outcome.says("kind 1: ") && outcome.says(kOnCpu)) << outcome.output;
}

TEST_F(GpuFailures, SeveralDevices) {
  for (const char* ordinal : {"0", "1", "2"}) {
    const Outcome outcome = run({{"CUDA_EMULATOR_DEVICES", "3"}}, ordinal);
    EXPECT_EQ(outcome.status, 0);
    EXPECT_TRUE(outcome.says(kOnGpu)) << outcome.output;
  }
  for (const char* ordinal : {"3", "-1"}) {
    const Outcome outcome = run({{"CUDA_EMULATOR_DEVICES", "3"}}, ordinal);
    EXPECT_EQ(outcome.status, 0);
    EXPECT_TRUE(outcome.says("does not exist; there are 3") && outcome.says(kOnCpu)) << outcome.output;
  }
}

}  // namespace
}  // namespace magnetar::kernels

int main(int argc, char** argv) {
  if (argc == 5 && std::strcmp(argv[1], "--work") == 0) {
    return magnetar::kernels::work_with_fallback(std::atoi(argv[2]), std::stoul(argv[3]), std::atoi(argv[4]));
  }
  magnetar::kernels::find_gpu(argv);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
