#pragma once

#include <CLI/App.hpp>

namespace magnetar::host {

/// Lets every flag of every command be set otherwise as well: flags come first, then the environment variable
/// MAGNETAR_<FLAG IN CAPITALS, _ FOR ->, then the section [command] of the TOML file that --config or MAGNETAR_CONFIG
/// names. To be called when the commands have their flags. An unknown name in the file is an error of parsing.
void add_configuration(CLI::App& app);

}  // namespace magnetar::host
