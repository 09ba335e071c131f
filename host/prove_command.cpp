#include "host/prove_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "engine/zkvm/proof.h"
#include "host/interrupt.h"
#include "host/output_file.h"
#include "host/phases.h"
#include "host/progress_bar.h"

namespace magnetar::host {
namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// The state that an interrupted proof goes on from, in a file.
class CheckpointFile {
 public:
  explicit CheckpointFile(std::filesystem::path path) : path_(std::move(path)) {}

  const std::filesystem::path& path() const { return path_; }

  std::optional<zkvm::ProvingState> read() const {
    if (std::error_code error; !std::filesystem::exists(path_, error)) return std::nullopt;
    const auto bytes = read_file(path_.string(), zkvm::kMaxBundleBytes);
    if (!bytes) {
      fmt::print(stderr, "magnetar: {}; starting anew\n", bytes.error().message);
      return std::nullopt;
    }
    auto state = zkvm::decode_proving_state({reinterpret_cast<const std::uint8_t*>(bytes->data()), bytes->size()});
    if (!state) {
      fmt::print(stderr, "magnetar: {}: {}; starting anew\n", path_.string(), state.error().message);
      return std::nullopt;
    }
    return *std::move(state);
  }
  // A checkpoint that cannot be written costs nothing but itself.
  void write(const zkvm::ProvingState& state) const {
    if (const auto written = write_file(path_, zkvm::encode(state)); !written) {
      fmt::print(stderr, "magnetar: no checkpoint: {}\n", written.error().message);
    }
  }
  void remove() const {
    std::error_code error;
    std::filesystem::remove(path_, error);
  }

 private:
  std::filesystem::path path_;
};

std::string describe(const zkvm::Progress& progress, std::uint64_t cycles, Clock::time_point start) {
  if (progress.stage == zkvm::Progress::Stage::kExecute) return fmt::format("{} cycles", progress.done);
  return fmt::format("fold step {} of {}, {:.0f} cycles/s", progress.done, progress.total,
                     progress.fraction * static_cast<double>(cycles) / std::max(since(start), 1e-9));
}

std::string_view label(zkvm::Progress::Stage stage) {
  switch (stage) {
    case zkvm::Progress::Stage::kExecute:
      return "execute";
    case zkvm::Progress::Stage::kCommit:
      return "commit";
    case zkvm::Progress::Stage::kFold:
      break;
  }
  return "fold";
}

}  // namespace

ProveCommand::ProveCommand(CLI::App& app)
    : Command(*app.add_subcommand("prove", "Prove the execution of an RV32I program")) {
  flags().add_option("elf", elf_, "the program: a static riscv32 executable")->required()->type_name("ELF");
  input_.add_to(flags());
  flags()
      .add_option("--out", out_,
                  "where to write the proof (default: the program's file name and .proof, in this folder)")
      ->type_name("FILE");
  proving_.add_to(flags());
  cache_.add_to(flags());
  steps_.add_to(flags(), "prove only so many steps of 1,024 cycles from step FROM on");
  flags()
      .add_option("--segment-steps", segment_steps_,
                  "prove in segments of so many steps, each with a proof of its own (0: one segment)")
      ->type_name("N")
      ->capture_default_str();
  flags()
      .add_option("--max-cycles", max_cycles_,
                  "give up when the program has not halted after so many cycles (0: never)")
      ->type_name("N")
      ->capture_default_str();
  flags()
      .add_option("--checkpoint-seconds", checkpoint_seconds_, "time between checkpoints")
      ->type_name("S")
      ->capture_default_str();
  add_json_flag("print one JSON object");
}

Result<int> ProveCommand::run() const {
  const auto preset = proving_.preset();
  if (!preset) return tl::unexpected(preset.error());
  const auto device = proving_.choose_device();
  if (!device) return tl::unexpected(device.error());
  const auto range = steps_.range();
  if (!range) return tl::unexpected(range.error());
  const auto subject = load_subject(elf_, input_);
  if (!subject) return tl::unexpected(subject.error());
  const std::filesystem::path out = out_.empty() ? std::filesystem::path(elf_).filename().string() + ".proof" : out_;
  const CheckpointFile checkpoint(out.string() + ".checkpoint");
  vm::Limits limits;
  if (max_cycles_ != 0) limits.max_cycles = max_cycles_;

  catch_interrupts();
  const auto threads = proving_.limit_threads();
  const auto store = cache_.open();
  const auto start = Clock::now();
  Phases phases;
  ProgressBar bar(!json());
  bar.update("params", 0, fmt::format("making parameters of size 2^{}", preset->log_size));
  store->keys(preset->log_size);
  phases.parameters = since(start);

  zkvm::Bundle bundle;
  std::uint64_t cycles = 0;
  std::uint64_t instructions = 0;
  std::uint64_t steps = 0;
  std::uint64_t fold_steps = 0;
  std::uint64_t resumed = 0;
  std::string device_name = device->name();
  const auto resume = checkpoint.read();  // of any of the segments; the others ignore it
  std::optional<vm::Checkpoint> before;   // where the segment before starts
  zkvm::StepRange todo = range->value_or(zkvm::StepRange{});
  for (bool last = false; !last;) {
    zkvm::StepRange segment = todo;
    const auto executing = Clock::now();
    Clock::time_point proving;
    std::uint64_t segment_cycles = 0;
    const auto progress = [&](const zkvm::Progress& now) {
      bar.update(label(now.stage), now.fraction, describe(now, segment_cycles, proving));
      return !interrupted();
    };
    if (segment_steps_ != 0 && todo.count.value_or(UINT64_MAX) > segment_steps_) segment.count = segment_steps_;
    const vm::Checkpoint* from = before ? &*before : nullptr;
    auto plan = zkvm::plan_segment(*subject, segment, *preset, limits, progress, from);
    // The program may halt within what was tried as a whole segment.
    if (!plan && plan.error().kind == zkvm::ProveError::Kind::kRange && segment.count && !todo.count) {
      plan = zkvm::plan_segment(*subject, {segment.first, {}}, *preset, limits, progress, from);
    }
    phases.execute += since(executing);
    if (!plan) return tl::unexpected(command_error(plan.error()));
    segment_cycles = plan->statement.cycles;
    before = plan->start;
    const auto parameters = store->parameters(plan->statement.layout);
    const zkvm::Devices devices = device->make(*parameters);
    device_name = devices.name;
    zkvm::Control control{.progress = progress,
                          .resume = resume,
                          .save = [&](const zkvm::ProvingState& state) { checkpoint.write(state); },
                          .save_interval = std::chrono::seconds(checkpoint_seconds_)};
    proving = Clock::now();
    auto proved = zkvm::prove(*parameters, *plan, devices, control);
    if (!proved) {
      bar.clear();
      CommandError error = command_error(proved.error());
      if (error.exit_code == kInterrupted) {
        error.message = fmt::format("interrupted; the same command goes on from {}", checkpoint.path().string());
      }
      return tl::unexpected(std::move(error));
    }
    if (proved->device_error) {
      bar.clear();
      fmt::print(stderr, "magnetar: {}; the CPU did the rest\n", *proved->device_error);
      device_name += "+cpu";
    }
    phases.add(proved->phases);
    cycles += plan->statement.cycles;
    instructions += plan->instructions + (plan->statement.halted ? 1 : 0);
    steps += plan->statement.steps;
    fold_steps += plan->fold_steps;
    resumed += proved->resumed_steps;
    bundle.segments.push_back(std::move(proved->proof));
    todo.first += plan->statement.steps;
    if (todo.count) *todo.count -= plan->statement.steps;
    last = plan->statement.halted || todo.count == std::uint64_t{0};
    if (!last && bundle.segments.size() == zkvm::kMaxSegments) {
      return tl::unexpected(CommandError{kUnusableInput, "too-many-segments",
                                         fmt::format("more than {} segments; use larger ones", zkvm::kMaxSegments)});
    }
  }
  const std::uint64_t size = zkvm::encoded_size(bundle);
  if (size > zkvm::kMaxBundleBytes) {
    return tl::unexpected(
        CommandError{kUnusableInput, "proof-too-large",
                     fmt::format("a proof of {} segments has {} bytes, more than {}; use larger segments",
                                 bundle.segments.size(), size, zkvm::kMaxBundleBytes)});
  }
  if (const auto written = write_file(out, zkvm::encode(bundle)); !written) return tl::unexpected(written.error());
  checkpoint.remove();
  bar.clear();

  const double seconds = since(start);
  const double rate = static_cast<double>(cycles) / std::max(seconds, 1e-9);
  const zkvm::Statement& end = bundle.segments.back().statement;
  if (json()) {
    const nlohmann::json object = {{"cycles", cycles},
                                   {"instructions", instructions},
                                   {"steps", steps},
                                   {"fold_steps", fold_steps},
                                   {"resumed_fold_steps", resumed},
                                   {"segments", bundle.segments.size()},
                                   {"halted", end.halted},
                                   {"exit_code", end.exit_code},
                                   {"seconds", seconds},
                                   {"cycles_per_second", rate},
                                   {"proof_bytes", size},
                                   {"proof", out.string()},
                                   {"peak_rss_bytes", peak_rss_bytes()},
                                   {"params", preset->name()},
                                   {"device", device_name},
                                   {"phases", phases.to_json()}};
    if (auto printed = print_json(object); !printed) return tl::unexpected(printed.error());
  } else {
    fmt::print(stderr,
               "proved {} cycles in {:.2f} s, {:.0f} cycles/s: {} fold steps of size 2^{}, {} MB of proof in {}\n",
               cycles, seconds, rate, fold_steps, preset->log_size, (size + 500'000) / 1'000'000, out.string());
  }
  return kDone;
}

}  // namespace magnetar::host
