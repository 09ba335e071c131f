#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <new>
#include <span>
#include <string>
#include <string_view>

#include "host/command.h"
#include "host/run_command.h"

namespace {

using namespace magnetar::host;

int run_command_line(int argc, char** argv) {
  CLI::App app("Magnetar: proves executions of RV32I programs");
  app.set_version_flag("--version", "magnetar " MAGNETAR_VERSION);
  app.require_subcommand(1);
  const RunCommand run(app);

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    const auto arguments = std::span(argv, static_cast<std::size_t>(argc)).subspan(1);
    const bool json = std::ranges::any_of(arguments, [](std::string_view a) { return a == "--json"; });
    return report({kUnusableInput, "usage", std::string(error.what()) + " (see --help)"}, json);
  }
  try {
    const Result<int> result = run.run();
    return result ? *result : report(result.error(), run.json());
  } catch (const std::bad_alloc&) {
    return report({kEnvironment, "out-of-memory", "out of memory"}, run.json());
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
