// Speed of the machine on the bundled guests: execution alone, and with a trace. Items are cycles (rows).

#include "vm/machine.h"

#include <benchmark/benchmark.h>

#include <cstdint>

#include "guests.h"

namespace magnetar::vm {
namespace {

void execute(benchmark::State& state, const bench::Guest& guest) {
  std::uint64_t cycles = 0;
  for (auto _ : state) {
    Machine machine(guest.program, guest.input);
    if (machine.execute(UINT64_MAX) != Status::kHalted) state.SkipWithError("the guest faulted");
    cycles += machine.cycle();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(cycles));
}

void trace(benchmark::State& state, const bench::Guest& guest) {
  std::uint64_t cycles = 0;
  std::uint64_t refreshes = 0;
  Trace rows(1 << 14);
  for (auto _ : state) {
    Machine machine(guest.program, guest.input);
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
  using namespace magnetar;
  for (const bench::Guest& guest : bench::guests()) {
    benchmark::RegisterBenchmark(("Execute/" + guest.name).c_str(), vm::execute, guest);
    benchmark::RegisterBenchmark(("Trace/" + guest.name).c_str(), vm::trace, guest);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
