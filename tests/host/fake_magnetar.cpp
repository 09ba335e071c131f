// The network's commands over the fake proof system, for tests that start processes:
//
//     fake_magnetar orchestrator|worker|request ...   as `magnetar` has them
//     fake_magnetar prove ELF FIRST COUNT OUT         a proof of these steps, with empty input
//
// The environment says how provers work: FAKE_HERTZ, FAKE_PROOF_BYTES, FAKE_LIE=seal|state,
// FAKE_DEVICES="NAME NAME". Compiling gives the source
// back, but for "error...", which is refused with it.

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "fake_proof_system.h"
#include "host/command.h"
#include "host/configuration.h"
#include "host/orchestrator_command.h"
#include "host/request_command.h"
#include "host/worker_command.h"

namespace {

using namespace magnetar;

testing::FakeProver manner_from_environment() {
  testing::FakeProver manner;
  if (const char* hertz = std::getenv("FAKE_HERTZ")) manner.cycles_per_second = std::stod(hertz);
  if (const char* bytes = std::getenv("FAKE_PROOF_BYTES")) manner.proof_bytes = std::stoull(bytes);
  if (const char* lie = std::getenv("FAKE_LIE")) {
    manner.lie = std::string_view(lie) == "seal" ? testing::FakeProver::Lie::kSeal : testing::FakeProver::Lie::kState;
  }
  if (const char* devices = std::getenv("FAKE_DEVICES")) {
    std::istringstream names(devices);
    manner.devices.assign(std::istream_iterator<std::string>(names), {});
  }
  return manner;
}

store::Expected<std::string> compile(const std::string& source) {
  if (source.rfind("sleep", 0) == 0) std::this_thread::sleep_for(std::chrono::seconds(2));
  if (source.rfind("error", 0) == 0) return tl::unexpected(store::Status{store::Code::kInvalidArgument, source});
  return source;
}

int prove(testing::FakeProofSystem& system, const std::vector<std::string>& arguments) {
  std::ifstream elf(arguments.at(0), std::ios::binary);
  const worker::Work work{.elf = {std::istreambuf_iterator<char>(elf), {}},
                          .input = {},
                          .first_step = std::stoull(arguments.at(1)),
                          .steps = std::stoull(arguments.at(2))};
  const auto proof = (*system.prover({}))
                         ->prove(work, {.go_on = [] { return true; },
                                        .progress = [](const worker::Progress&) { return true; },
                                        .save = [](std::string_view) {}});
  if (!proof) return 1;
  std::ofstream(arguments.at(3), std::ios::binary) << *proof;
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  testing::FakeProofSystem system(manner_from_environment());
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (!arguments.empty() && arguments.front() == "prove") {
    return prove(system, {arguments.begin() + 1, arguments.end()});
  }
  CLI::App app("Magnetar's network over a fake proof system");
  app.require_subcommand(1);
  std::vector<std::unique_ptr<host::Command>> commands;
  commands.push_back(std::make_unique<host::OrchestratorCommand>(
      app, system, [](const std::filesystem::path&) { return rpc::Compile(compile); }));
  commands.push_back(std::make_unique<host::WorkerCommand>(app, system));
  commands.push_back(std::make_unique<host::RequestCommand>(app, system));
  host::add_configuration(app);
  CLI11_PARSE(app, argc, argv);
  const auto command = std::find_if(commands.begin(), commands.end(), [](const auto& one) { return one->parsed(); });
  const host::Result<int> result = (*command)->run();
  return result ? *result : host::report(result.error(), (*command)->json());
}
