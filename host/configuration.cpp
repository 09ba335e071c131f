#include "host/configuration.h"

#include <CLI/Config.hpp>
#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <istream>
#include <memory>
#include <string>
#include <vector>

namespace magnetar::host {
namespace {

std::string environment_name(const std::string& flag) {
  std::string name = "MAGNETAR_" + flag;
  std::transform(name.begin(), name.end(), name.begin(), [](char c) {
    return c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  });
  return name;
}

// CLI11 lets the file come before the environment.
class FileBehindEnvironment final : public CLI::ConfigTOML {
 public:
  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
    std::vector<CLI::ConfigItem> found = CLI::ConfigTOML::from_config(input);
    std::erase_if(
        found, [](const CLI::ConfigItem& item) { return std::getenv(environment_name(item.name).c_str()) != nullptr; });
    return found;
  }
};

}  // namespace

void add_configuration(CLI::App& app) {
  app.set_config("--config", "",
                 "a TOML file with a section for each command, as [orchestrator], and its flags by name")
      ->envname("MAGNETAR_CONFIG");
  app.config_formatter(std::make_shared<FileBehindEnvironment>());
  app.allow_config_extras(CLI::config_extras_mode::error);
  for (CLI::App* command : app.get_subcommands({})) {
    command->allow_config_extras(CLI::config_extras_mode::error);
    for (CLI::Option* option : command->get_options()) {
      const std::vector<std::string>& names = option->get_lnames();
      if (!names.empty() && names.front() != "help") option->envname(environment_name(names.front()));
    }
  }
  app.footer(
      "Every flag can be set by an environment variable MAGNETAR_<FLAG> or in the file of --config as well; what "
      "comes first in this order counts.");
}

}  // namespace magnetar::host
