#include "host/run_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "host/interrupt.h"
#include "vm/machine.h"
#include "vm/profile.h"

namespace magnetar::host {
namespace {

// Rows between two looks at interrupts and new output: some hundredths of a second.
constexpr std::uint64_t kSlice = std::uint64_t{1} << 22;
constexpr std::size_t kTraceRows = std::size_t{1} << 16;
constexpr std::size_t kMaxJsonLog = std::size_t{16} << 20;

struct RowCounts {
  std::array<std::uint64_t, vm::kRowTypeCount> by_type{};

  void add(const vm::Program& program, const vm::Trace& trace) {
    for (const vm::Row& row : trace.rows()) ++by_type[static_cast<std::size_t>(program.ops()[row.op].type)];
    by_type[static_cast<std::size_t>(vm::RowType::kRefresh)] += trace.refreshes().size();
  }

  nlohmann::json to_json() const {
    nlohmann::json object;
    for (std::size_t i = 0; i < by_type.size(); ++i)
      object[std::string(name(static_cast<vm::RowType>(i)))] = by_type[i];
    return object;
  }
};

// What the guest logged: on stderr at once, and kept for --json.
struct Log {
  bool keep;
  std::string text{};
  std::uint64_t dropped = 0;
  bool open_line = false;

  void add(std::string_view bytes, std::uint64_t more) {
    if (keep) {
      const std::size_t room = std::min(bytes.size(), kMaxJsonLog - text.size());
      text += bytes.substr(0, room);
      dropped += bytes.size() - room;
    } else {
      std::fwrite(bytes.data(), 1, bytes.size(), stderr);
      if (!bytes.empty()) open_line = bytes.back() != '\n';
    }
    dropped += more;
  }

  // What follows starts on a line of its own.
  void end_line() {
    if (std::exchange(open_line, false)) std::fputc('\n', stderr);
  }
};

CommandError fault_error(const vm::Fault& fault) {
  return {kGuestFaulted, std::string(name(fault.kind)),
          fmt::format("the guest faulted after {} cycles at {}", fault.cycle, fault.message())};
}

Result<void> write_profile(const std::string& path, const vm::Profiler& profiler) {
  std::ofstream file(path, std::ios::binary);
  profiler.write_folded(file);
  file.close();
  if (!file) {
    return tl::unexpected(
        CommandError{kEnvironment, "write-failed", fmt::format("cannot write {}: {}", path, std::strerror(errno))});
  }
  return {};
}

}  // namespace

RunCommand::RunCommand(CLI::App& app)
    : Command(*app.add_subcommand("run", "Execute an RV32I program; nothing is proved")) {
  flags().add_option("elf", elf_, "the program: a static riscv32 executable")->required()->type_name("ELF");
  input_.add_to(flags());
  flags()
      .add_option("--max-cycles", max_cycles_,
                  "fault when the program has not halted after so many cycles (0: no limit)")
      ->type_name("N")
      ->capture_default_str();
  max_memory_ = vm::Limits().max_memory_bytes;
  flags()
      .add_option("--max-memory", max_memory_, "fault when the program touches more memory, in bytes")
      ->type_name("N")
      ->capture_default_str();
  flags().add_flag("--trace-stats", trace_stats_, "record the trace, and count its rows by type");
  flags()
      .add_option("--profile", profile_, "write cycles by call stack, one folded stack a line, for flame graphs")
      ->type_name("FILE");
  add_json_flag("print one JSON object; the guest's output and log are in it");
}

Result<int> RunCommand::run() const {
  const auto elf = read_file(elf_, vm::kDefaultMaxElfBytes + 1);
  if (!elf) return tl::unexpected(elf.error());
  const auto input = input_.read();
  if (!input) return tl::unexpected(input.error());
  const auto unusable = [this](const vm::ElfError& error) {
    return tl::unexpected(
        CommandError{kUnusableInput, std::string(name(error.kind)), fmt::format("{}: {}", elf_, error.message)});
  };
  const auto program = vm::Program::load(*elf);
  if (!program) return unusable(program.error());

  std::optional<vm::Profiler> profiler;
  if (!profile_.empty()) {
    auto symbols = vm::read_symbols(*elf);
    if (!symbols) return unusable(symbols.error());
    profiler.emplace(*program, *std::move(symbols));
  }

  Log log{.keep = json()};
  vm::LabelTimes labels;
  vm::Limits limits{.max_memory_bytes = max_memory_};
  if (max_cycles_ != 0) limits.max_cycles = max_cycles_;
  vm::Machine machine(*program, *input, limits,
                      {.log = [&](std::string_view bytes, std::uint64_t dropped) { log.add(bytes, dropped); },
                       .label = [&](std::string_view label, std::uint64_t cycle) { labels.add(label, cycle); }});

  catch_interrupts();
  const bool tracing = trace_stats_ || profiler;
  vm::Trace trace(tracing ? kTraceRows : 0);
  RowCounts counts;
  std::size_t written = 0;
  const auto start = std::chrono::steady_clock::now();
  while (machine.status() == vm::Status::kRunning) {
    if (interrupted()) {
      return tl::unexpected(
          CommandError{kInterrupted, "interrupted", fmt::format("interrupted after {} cycles", machine.cycle())});
    }
    if (tracing) {
      if (machine.cycle() - machine.segment_start() == vm::kMaxSegmentCycles) machine.execute(machine.cycle());
      machine.trace(UINT64_MAX, trace);
      counts.add(**program, trace);
      if (profiler) profiler->add(trace);
    } else {
      machine.execute(machine.cycle() + kSlice);
    }
    if (!json() && machine.output().size() > written) {
      if (auto done = write_stdout(machine.output().data() + written, machine.output().size() - written); !done) {
        return tl::unexpected(done.error());
      }
      written = machine.output().size();
    }
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  log.end_line();
  // A profile of a run that faulted is what one wants to see.
  if (profiler) {
    if (auto done = write_profile(profile_, *profiler); !done) return tl::unexpected(done.error());
  }
  if (log.dropped != 0) fmt::print(stderr, "magnetar: {} bytes of log left out\n", log.dropped);
  if (machine.status() == vm::Status::kFaulted) return tl::unexpected(fault_error(machine.fault()));

  const std::uint64_t steps = (machine.cycle() + vm::kCyclesPerStep - 1) / vm::kCyclesPerStep;
  std::uint64_t touched = 0;
  if (tracing)
    machine.for_each_touched([&](vm::Address a, std::uint32_t, std::uint32_t) { touched += a.is_register() ? 0 : 1; });

  if (json()) {
    nlohmann::json object = {{"instructions", machine.instructions()},
                             {"cycles", machine.cycle()},
                             {"steps", steps},
                             {"exit_code", machine.exit_code()},
                             {"output_hex", to_hex(machine.output())},
                             {"log", log.text},
                             {"log_bytes_dropped", log.dropped},
                             {"memory_bytes", machine.memory_bytes()},
                             {"seconds", seconds}};
    if (trace_stats_) {
      object["rows"] = counts.to_json();
      object["touched_words"] = touched;
    }
    for (const auto& [label, total] : labels.totals()) {
      object["labels"][label] = {{"spans", total.spans}, {"cycles", total.cycles}};
    }
    if (auto printed = print_json(object); !printed) return tl::unexpected(printed.error());
  } else {
    fmt::print(stderr,
               "halted with exit code {}: {} instructions, {} cycles, {} steps; {} KiB of memory; {:.3f} s, {:.1f} "
               "million cycles/s\n",
               machine.exit_code(), machine.instructions(), machine.cycle(), steps, machine.memory_bytes() / 1024,
               seconds, seconds > 0 ? static_cast<double>(machine.cycle()) / seconds / 1e6 : 0.0);
    if (trace_stats_) {
      fmt::print(stderr, "{} memory words touched; rows by type:\n", touched);
      for (std::size_t i = 0; i < counts.by_type.size(); ++i) {
        if (counts.by_type[i] == 0) continue;
        fmt::print(stderr, "  {:<10}{:>14}  {:5.2f} %\n", name(static_cast<vm::RowType>(i)), counts.by_type[i],
                   100.0 * static_cast<double>(counts.by_type[i]) / static_cast<double>(machine.cycle()));
      }
    }
    for (const auto& [label, total] : labels.totals()) {
      fmt::print(stderr, "label {}: {} cycles in {} spans\n", label, total.cycles, total.spans);
    }
  }
  return static_cast<int>(machine.exit_code() & 0xff);
}

}  // namespace magnetar::host
