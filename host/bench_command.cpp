#include "host/bench_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "host/interrupt.h"
#include "host/phases.h"
#include "host/progress_bar.h"
#include "host/proving_speed.h"

namespace magnetar::host {

BenchCommand::BenchCommand(CLI::App& app)
    : Command(*app.add_subcommand("bench", "Measure how fast this machine proves, on built-in programs")) {
  proving_.add_to(flags());
  cache_.add_to(flags());
  flags()
      .add_option("--seconds", seconds_, "how long to measure, about")
      ->type_name("S")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  add_json_flag("print one JSON object");
}

Result<int> BenchCommand::run() const {
  const auto preset = proving_.preset();
  if (!preset) return tl::unexpected(preset.error());
  const auto device = proving_.choose_device();
  if (!device) return tl::unexpected(device.error());
  catch_interrupts();
  const auto threads = proving_.limit_threads();
  const auto store = cache_.open();
  store->keys(preset->log_size);

  ProgressBar bar(!json());
  const auto speeds = measure_speed(*store, *preset, *device, seconds_, [&] {
    bar.update("bench", 0, "proving built-in programs");
    return !interrupted();
  });
  bar.clear();
  if (!speeds) return tl::unexpected(speeds.error());

  std::uint64_t cycles = 0;
  double seconds = 0;
  Phases phases;
  nlohmann::json programs;
  for (const ProgramSpeed& speed : *speeds) {
    cycles += speed.cycles;
    seconds += speed.seconds;
    phases.add(speed.phases);
    programs[speed.program] = {{"cycles", speed.cycles},
                               {"fold_steps", speed.fold_steps},
                               {"seconds", speed.seconds},
                               {"cycles_per_second", static_cast<double>(speed.cycles) / speed.seconds}};
  }
  const double rate = static_cast<double>(cycles) / seconds;
  if (json()) {
    const nlohmann::json object = {{"cycles_per_second", rate},         {"programs", programs},
                                   {"phases", phases.to_json()},        {"params", preset->name()},
                                   {"device", device->name()},          {"seconds", seconds},
                                   {"peak_rss_bytes", peak_rss_bytes()}};
    if (auto printed = print_json(object); !printed) return tl::unexpected(printed.error());
    return kDone;
  }
  for (const ProgramSpeed& speed : *speeds) {
    fmt::print("{:<12} {:>9} cycles {:>4} fold steps {:>7.2f} s {:>9.0f} cycles/s\n", speed.program, speed.cycles,
               speed.fold_steps, speed.seconds, static_cast<double>(speed.cycles) / speed.seconds);
  }
  fmt::print("{:<12} {:>9} cycles {:>23.2f} s {:>9.0f} cycles/s, {} on {}\n", "all", cycles, seconds, rate,
             preset->name(), device->name());
  return kDone;
}

}  // namespace magnetar::host
