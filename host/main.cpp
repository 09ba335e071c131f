#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/bench_command.h"
#include "host/command.h"
#include "host/compile_command.h"
#include "host/compile_service.h"
#include "host/configuration.h"
#include "host/inspect_command.h"
#include "host/nova_proof_system.h"
#include "host/orchestrator_command.h"
#include "host/params_command.h"
#include "host/prove_command.h"
#include "host/request_command.h"
#include "host/run_command.h"
#include "host/verify_command.h"
#include "host/worker_command.h"

namespace {

using namespace magnetar::host;

int run_command_line(int argc, char** argv) {
  CLI::App app("Magnetar: executes RV32I programs and proves their executions");
  app.set_version_flag("--version", "magnetar " MAGNETAR_VERSION);
  app.require_subcommand(1);
  NovaProofSystem proof_system;
  std::vector<std::unique_ptr<Command>> commands;
  commands.push_back(std::make_unique<RunCommand>(app));
  commands.push_back(std::make_unique<ProveCommand>(app));
  commands.push_back(std::make_unique<VerifyCommand>(app));
  commands.push_back(std::make_unique<InspectCommand>(app));
  commands.push_back(std::make_unique<ParamsCommand>(app));
  commands.push_back(std::make_unique<BenchCommand>(app));
  commands.push_back(std::make_unique<OrchestratorCommand>(app, proof_system, compile_in_sandbox));
  commands.push_back(std::make_unique<WorkerCommand>(app, proof_system));
  commands.push_back(std::make_unique<RequestCommand>(app, proof_system));
  commands.push_back(std::make_unique<CompileCommand>(app));
  add_configuration(app);

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    const auto arguments = std::span(argv, static_cast<std::size_t>(argc)).subspan(1);
    const bool json = std::ranges::any_of(arguments, [](std::string_view a) { return a == "--json"; });
    return report({kUnusableInput, "usage", std::string(error.what()) + " (see --help)"}, json);
  }
  const auto command = std::find_if(commands.begin(), commands.end(), [](const auto& one) { return one->parsed(); });
  try {
    const Result<int> result = (*command)->run();
    return result ? *result : report(result.error(), (*command)->json());
  } catch (const std::bad_alloc&) {
    return report({kEnvironment, "out-of-memory", "out of memory"}, (*command)->json());
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run_command_line(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "magnetar: %s\n", error.what());
    return kEnvironment;
  }
}
