#pragma once

#include <tbb/global_control.h>

#include <CLI/App.hpp>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "engine/zkvm/parameters.h"
#include "engine/zkvm/prover.h"
#include "engine/zkvm/subject.h"
#include "host/command.h"
#include "host/devices.h"
#include "host/input.h"

namespace magnetar::host {

/// The flag `--cache DIR`: where parameters are kept between runs.
struct CacheFlag {
  std::string folder;

  void add_to(CLI::App& command);
  /// The folder of the flag, or else `magnetar` in $XDG_CACHE_HOME or ~/.cache.
  std::filesystem::path path() const;
  /// Parameters from that folder; damaged files are reported on stderr.
  std::unique_ptr<zkvm::ParameterStore> open() const;
};

/// The flags `--params NAME`, `--threads N` and `--device NAME`.
struct ProvingFlags {
  std::string params = zkvm::kDefaultPreset.name();
  unsigned threads = 0;
  std::string device = "auto";

  void add_to(CLI::App& command);
  Result<zkvm::Preset> preset() const;
  Result<DeviceChoice> choose_device() const;
  /// Holds the number of threads for as long as it lives; null for the default.
  std::unique_ptr<tbb::global_control> limit_threads() const;
};

/// The flag `--steps FROM:COUNT`, a range of protocol steps; `FROM:` is all from there on.
struct StepsFlag {
  std::string text;

  void add_to(CLI::App& command, const std::string& description);
  Result<std::optional<zkvm::StepRange>> range() const;
};

/// The ELF file and the input that the flags name.
Result<zkvm::Subject> load_subject(const std::string& elf, const InputFlags& input);

/// The error of a command that stops because proving does.
CommandError command_error(const zkvm::ProveError& error);

/// Most memory that this process has held, in bytes.
std::uint64_t peak_rss_bytes();

}  // namespace magnetar::host
