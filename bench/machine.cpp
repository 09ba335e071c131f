// Speed of the machine on the bundled guests: execution alone, and with a trace. Items are cycles (rows).

#include "vm/machine.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

namespace magnetar::vm {
namespace {

using Bytes = std::vector<std::byte>;

std::shared_ptr<const Program> load(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string content(std::istreambuf_iterator<char>(file), {});
  const auto* data = reinterpret_cast<const std::byte*>(content.data());
  return Program::load({data, content.size()}).value();
}

// Text of some words, enough for the guests that read all of their input to take a while.
std::shared_ptr<const Bytes> input_for(const std::string& guest) {
  auto input = std::make_shared<Bytes>();
  if (guest == "sha256" || guest == "keccak256" || guest == "wordcount") {
    const std::string line = "the quick brown fox jumps over the lazy dog\n";
    for (std::size_t i = 0; i < (std::size_t{1} << 14); ++i)
      input->push_back(static_cast<std::byte>(line[i % line.size()]));
  }
  return input;
}

void execute(benchmark::State& state, const std::shared_ptr<const Program>& program,
             const std::shared_ptr<const Bytes>& input) {
  std::uint64_t cycles = 0;
  for (auto _ : state) {
    Machine machine(program, input);
    if (machine.execute(UINT64_MAX) != Status::kHalted) state.SkipWithError("the guest faulted");
    cycles += machine.cycle();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(cycles));
}

void trace(benchmark::State& state, const std::shared_ptr<const Program>& program,
           const std::shared_ptr<const Bytes>& input) {
  std::uint64_t cycles = 0;
  std::uint64_t refreshes = 0;
  Trace rows(1 << 14);
  for (auto _ : state) {
    Machine machine(program, input);
    while (machine.status() == Status::kRunning) {
      machine.trace(UINT64_MAX, rows);
      refreshes += rows.refreshes().size();
      benchmark::DoNotOptimize(rows.rows().data());
    }
    cycles += machine.cycle();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(cycles));
  state.counters["refreshes_per_cycle"] = static_cast<double>(refreshes) / static_cast<double>(cycles);
  state.counters["bytes_per_row"] = sizeof(Row);
}

}  // namespace
}  // namespace magnetar::vm

int main(int argc, char** argv) {
  namespace fs = std::filesystem;
  using namespace magnetar::vm;
  std::vector<fs::path> guests;
  for (const auto& file : fs::directory_iterator(MAGNETAR_GUESTS)) {
    if (file.path().extension() == ".elf") guests.push_back(file.path());
  }
  std::sort(guests.begin(), guests.end());
  for (const fs::path& path : guests) {
    const std::string guest = path.stem();
    const auto program = load(path);
    const auto input = input_for(guest);
    benchmark::RegisterBenchmark(("Execute/" + guest).c_str(), execute, program, input);
    benchmark::RegisterBenchmark(("Trace/" + guest).c_str(), trace, program, input);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
