#include "host/params_command.h"

#include <fmt/format.h>

#include <CLI/Validators.hpp>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <system_error>
#include <vector>

#include "engine/commit/generator_cache.h"
#include "engine/commit/generators.h"

namespace magnetar::host {
namespace {

// Generators of one curve that the cache folder holds: checked, none where there is no file.
template <class C>
Result<std::size_t> cached(const std::filesystem::path& folder) {
  const std::string tag = commit::generator_tag<C>();
  const auto points = commit::read_generators<C>(commit::generator_file<C>(folder, tag), tag, SIZE_MAX);
  if (!points) {
    return tl::unexpected(
        CommandError{kRefused, std::string(name(points.error().fault)), std::string(points.error().message)});
  }
  return points->size();
}

std::uint64_t file_bytes(const std::filesystem::path& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  return error ? 0 : size;
}

}  // namespace

ParamsCommand::ParamsCommand(CLI::App& app)
    : Command(*app.add_subcommand("params", "Make, list or check the cached public parameters")) {
  flags()
      .add_option("action", action_, "make: derive and store; list: what there is; check: verify what is stored")
      ->required()
      ->check(CLI::IsMember({"make", "list", "check"}));
  flags()
      .add_option("name", name_, "parameters to make or check (default: those that `prove` uses)")
      ->type_name("NAME");
  cache_.add_to(flags());
  add_json_flag("print one JSON object");
}

Result<int> ParamsCommand::run() const {
  const auto preset = name_.empty() ? zkvm::kDefaultPreset : zkvm::Preset::parse(name_);
  if (!preset) {
    return tl::unexpected(
        CommandError{kUnusableInput, "usage", fmt::format("no parameters '{}' (see `magnetar params list`)", name_)});
  }
  const std::filesystem::path folder = cache_.path();
  const auto start = std::chrono::steady_clock::now();
  if (action_ == "make") cache_.open()->keys(preset->log_size);
  const auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };

  const auto bn254 = cached<algebra::Bn254>(folder);
  if (!bn254) return tl::unexpected(bn254.error());
  const auto grumpkin = cached<algebra::Grumpkin>(folder);
  if (!grumpkin) return tl::unexpected(grumpkin.error());
  const std::uint64_t bytes =
      file_bytes(commit::generator_file<algebra::Bn254>(folder, commit::generator_tag<algebra::Bn254>())) +
      file_bytes(commit::generator_file<algebra::Grumpkin>(folder, commit::generator_tag<algebra::Grumpkin>()));
  const auto is_cached = [&](const zkvm::Preset& one) { return *bn254 >= std::size_t{1} << one.log_size; };

  std::vector<zkvm::Preset> shown{*preset};
  if (action_ == "list") shown = zkvm::Preset::list();
  nlohmann::json object = {
      {"folder", folder.string()}, {"bytes", bytes}, {"seconds", seconds()}, {"params", nlohmann::json::array()}};
  for (const zkvm::Preset& one : shown) {
    object["params"].push_back({{"name", one.name()},
                                {"constraints", std::uint64_t{1} << one.log_size},
                                {"cached", is_cached(one)},
                                {"default", one == zkvm::kDefaultPreset}});
  }
  if (json()) {
    if (auto printed = print_json(object); !printed) return tl::unexpected(printed.error());
  } else {
    for (const zkvm::Preset& one : shown) {
      fmt::print("{:<12} {:>8} constraints a fold step{}{}\n", one.name(), std::uint64_t{1} << one.log_size,
                 is_cached(one) ? ", cached" : "", one == zkvm::kDefaultPreset ? ", default" : "");
    }
    fmt::print("{}: {} bytes\n", folder.string(), bytes);
  }
  if (action_ != "list" && !is_cached(*preset)) {
    return tl::unexpected(
        CommandError{kRefused, "not-cached",
                     fmt::format("{} holds {} generators of BN254, fewer than {} takes (`magnetar params make`)",
                                 folder.string(), *bn254, preset->name())});
  }
  return kDone;
}

}  // namespace magnetar::host
