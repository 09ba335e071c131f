// A device that fails in mid-proof: the CPU goes on, the proof is the same, and log and metrics say so.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "fake_transport.h"
#include "faulty_device.h"
#include "host/http/worker_metrics.h"
#include "host/proving/nova_prover.h"
#include "host/worker/state_folder.h"
#include "host/worker/worker.h"
#include "proving.h"

namespace magnetar::worker {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// A short program with its input.
Work work() {
  std::ifstream file(MAGNETAR_GUESTS "/sha256.elf", std::ios::binary);
  return {.elf = {std::istreambuf_iterator<char>(file), {}}, .input = "abc", .first_step = 0, .steps = {}};
}

// On the CPU, behind devices that fail at a call by `plan`.
proving::NovaProver::MakeDevices failing_by(device::FaultPlan& plan) {
  return [&plan](const zkvm::Parameters& parameters) {
    zkvm::Devices cpu = zkvm::cpu_devices(parameters);
    return zkvm::Devices{
        "faulty:0", std::make_unique<device::FaultyDevice<algebra::Bn254>>(std::move(cpu.primary), plan),
        std::make_unique<device::FaultyDevice<algebra::Grumpkin>>(std::move(cpu.secondary), plan), true};
  };
}

proving::NovaProver prover_on(proving::NovaProver::MakeDevices devices) {
  return {zkvm::testing::store(), zkvm::testing::kSmallest, "faulty:0", std::move(devices), {}};
}

struct Outcome {
  std::string proof;
  std::vector<std::string> failures;
};

Outcome prove(proving::NovaProver prover) {
  Outcome outcome;
  const auto proof =
      prover.prove(work(), {.go_on = [] { return true; },
                            .progress = [](const Progress&) { return true; },
                            .save = [](std::string_view) {},
                            .device_failed = [&](std::string_view why) { outcome.failures.emplace_back(why); }});
  EXPECT_TRUE(proof) << proof.error().message;
  if (proof) outcome.proof = *proof;
  return outcome;
}

TEST(DeviceOfAWorker, AnyCallMayFailAndTheProofIsTheSame) {
  device::FaultPlan none;
  const Outcome expected = prove(prover_on(failing_by(none)));
  EXPECT_TRUE(expected.failures.empty());
  const std::uint64_t calls = none.calls;
  ASSERT_GT(calls, 10U);
  // From the first call on, somewhere on the way, and at the last.
  for (const std::uint64_t fail_at : {std::uint64_t{1}, calls / 3, calls / 2, calls - 1, calls}) {
    SCOPED_TRACE(fail_at);
    device::FaultPlan plan;
    plan.fail_at = fail_at;
    const Outcome outcome = prove(prover_on(failing_by(plan)));
    EXPECT_EQ(outcome.proof, expected.proof);
    ASSERT_EQ(outcome.failures.size(), 1U);
    EXPECT_THAT(outcome.failures[0], HasSubstr("injected fault at call"));
  }
}

TEST(DeviceOfAWorker, OneThatCannotBeHadIsSaid) {
  device::FaultPlan none;
  const Outcome outcome = prove(prover_on([](const zkvm::Parameters&) {
    return tl::unexpected(device::DeviceError(device::DeviceError::Kind::kUnavailable, "it is not there"));
  }));
  EXPECT_EQ(outcome.failures, std::vector<std::string>{"it is not there"});
  EXPECT_EQ(outcome.proof, prove(prover_on(failing_by(none))).proof);
}

TEST(DeviceOfAWorker, LogAndMetricsSayThatItFailed) {
  const std::filesystem::path folder = std::filesystem::path(::testing::TempDir()) / "magnetar-worker-device";
  std::filesystem::remove_all(folder);
  auto state = StateFolder::open(folder);
  ASSERT_TRUE(state);
  std::ostringstream lines;
  auto logger = std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(lines, true));
  logger->set_pattern("%v");
  const log::Log log(logger, log::Format::kText, log::Level::kInfo);
  device::FaultPlan plan;
  plan.fail_at = 5;
  proving::NovaProver prover = prover_on(failing_by(plan));
  FakeTransport transport;
  // Each heartbeat has the condition below looked at.
  Worker worker({.prover_id = "p"}, {.heartbeat = std::chrono::milliseconds(20)}, transport, prover, *state, log);
  std::thread thread([&] { worker.run(); });
  const auto metrics = [&] {
    const std::vector<Snapshot> snapshots{worker.snapshot()};
    return http::worker_metrics(snapshots);
  };
  const std::string counter = R"(magnetar_worker_device_failures_total{prover="p",device="faulty:0"} )";
  EXPECT_TRUE(transport.wait_for_opened(1));
  EXPECT_THAT(metrics(), HasSubstr(counter + "0"));
  transport.give(work());
  EXPECT_TRUE(transport.monitor_.wait([&] { return worker.snapshot().proofs_sent == 1; }, std::chrono::minutes(5)));
  EXPECT_THAT(metrics(), HasSubstr(counter + "1"));
  EXPECT_THAT(metrics(), HasSubstr(R"(magnetar_worker_proofs_total{prover="p",device="faulty:0"} 1)"));
  EXPECT_THAT(metrics(), Not(HasSubstr(R"(magnetar_worker_cycles_total{prover="p",device="faulty:0"} 0)")));
  worker.stop();
  thread.join();
  EXPECT_THAT(lines.str(), HasSubstr("the device failed; the CPU goes on"));
  EXPECT_THAT(lines.str(), HasSubstr("injected fault at call 5"));
  EXPECT_THAT(lines.str(), HasSubstr("device=faulty:0+cpu"));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace magnetar::worker
