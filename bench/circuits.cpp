// From a trace to satisfied fold steps of 2^17: placement, both stages of the witness and the matrices' products, on as
// many threads as there are processors. Items are cycles; the counters are per cycle, with refreshes, rows of
// microcode, and unused rows, but without recursion. `stage1_<width>` counts stage-1 variables by the width that the
// circuits declare; `waste` is the share of constraints that belong to unused rows.

#include <benchmark/benchmark.h>
#include <tbb/parallel_for.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "engine/r1cs/products.h"
#include "engine/zkvm/layout.h"
#include "guests.h"

namespace magnetar::zkvm {
namespace {

using algebra::Fr;

constexpr unsigned kLogSize = 17;
constexpr std::size_t kWindow = std::size_t{1} << 20;

const RowTypes& row_types() {
  static const RowTypes types = make_row_types();
  return types;
}

// The templates with some challenges, and room for one step's results.
class Prover {
 public:
  explicit Prover(const Quotas& quotas) : quotas_(quotas) {
    const Fr seed = Fr::from_u64(0x9e3779b97f4a7c15);
    const r1cs::Challenges<Fr> challenges{seed.pow(77), seed.pow(1001)};
    for (std::size_t i = 0; i < quotas.size(); ++i) {
      const r1cs::Template& shape = row_types().templates[i];
      templates_.emplace_back(shape, row_types().palette, challenges);
      results_.push_back({std::vector<Fr>(quotas[i] * shape.stage2.size()),
                          std::vector<Fr>(quotas[i] * shape.constraints.size()),
                          std::vector<Fr>(quotas[i] * shape.constraints.size()),
                          std::vector<Fr>(quotas[i] * shape.constraints.size())});
    }
  }

  bool solve(const StepColumns& step) {
    std::atomic<bool> good = true;
    for (std::size_t i = 0; i < quotas_.size(); ++i) {
      const r1cs::Columns* columns = step[static_cast<vm::RowType>(i)];
      if (columns == nullptr) continue;
      Results& r = results_[i];
      tbb::parallel_for(tbb::blocked_range<std::size_t>(0, columns->rows(), 128), [&](const auto& range) {
        if (!templates_[i].solve(*columns, range.begin(), range.end(), r.stage2, r.a, r.b, r.c)) good = false;
      });
    }
    return good;
  }

 private:
  struct Results {
    std::vector<Fr> stage2, a, b, c;
  };
  Quotas quotas_;
  std::vector<r1cs::FilledTemplate> templates_;
  std::vector<Results> results_;
};

std::string width_class(r1cs::Width width) {
  switch (width) {
    case r1cs::Width::kBit:
      return "bits";
    case r1cs::Width::k8:
    case r1cs::Width::k16:
      return "16";
    case r1cs::Width::k32:
      return "32";
    case r1cs::Width::kSigned64:
      return "64";
    case r1cs::Width::kField:
      break;
  }
  return "full";
}

PerType count_rows(const bench::Guest& guest) {
  PerType counts{};
  vm::Machine machine(guest.program, guest.input);
  vm::Trace trace(1 << 14);
  while (machine.status() == vm::Status::kRunning) {
    machine.trace(UINT64_MAX, trace);
    add_counts(counts, *guest.program, trace);
  }
  return counts;
}

void circuits(benchmark::State& state, const bench::Guest& guest) {
  using Clock = std::chrono::steady_clock;
  const auto since = [](Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  const Quotas quotas = fit_quotas(row_types(), count_rows(guest), kLogSize);
  Prover prover(quotas);
  std::uint64_t cycles = 0;
  std::uint64_t steps = 0;
  double used_constraints = 0;
  double stage1_seconds = 0;
  double stage2_seconds = 0;
  for (auto _ : state) {
    vm::Machine machine(guest.program, guest.input);
    vm::Trace trace(1 << 14);
    Placement placement(quotas, kWindow);
    bool more = true;
    while (more) {
      machine.trace(UINT64_MAX, trace);
      placement.add(*guest.program, trace);
      more = machine.status() == vm::Status::kRunning;
      while (const auto rows = placement.take(!more)) {
        auto start = Clock::now();
        const StepColumns columns(row_types(), quotas, *guest.program, *rows);
        stage1_seconds += since(start);
        start = Clock::now();
        if (!prover.solve(columns)) state.SkipWithError("a denominator is zero");
        stage2_seconds += since(start);
        ++steps;
        for (std::size_t i = 0; i < quotas.size(); ++i) {
          const auto constraints = static_cast<double>(row_types().templates[i].constraints.size());
          used_constraints += constraints * static_cast<double>(rows->size(static_cast<vm::RowType>(i)));
        }
      }
    }
    cycles += machine.cycle();
  }
  const Extent all = extent(row_types(), quotas);
  const auto per_cycle = [&](std::size_t of_step) {
    return static_cast<double>(of_step) * static_cast<double>(steps) / static_cast<double>(cycles);
  };
  state.SetItemsProcessed(static_cast<std::int64_t>(cycles));
  state.counters["constraints_per_cycle"] = per_cycle(all.constraints - kRecursionConstraints);
  state.counters["stage1_per_cycle"] = per_cycle(all.stage1);
  state.counters["stage2_per_cycle"] = per_cycle(all.stage2 - kRecursionVariables);
  std::map<std::string, std::size_t> widths;
  for (std::size_t i = 0; i < quotas.size(); ++i) {
    for (const r1cs::Variable& variable : row_types().templates[i].stage1) {
      widths[width_class(variable.width)] += quotas[i];
    }
  }
  for (const auto& [width, count] : widths) state.counters["stage1_" + width] = per_cycle(count);
  const auto all_constraints = static_cast<double>((all.constraints - kRecursionConstraints) * steps);
  state.counters["waste"] = 1 - used_constraints / all_constraints;
  state.counters["fold_steps"] = static_cast<double>(steps) / static_cast<double>(state.iterations());
  state.counters["stage1_ns_per_cycle"] = 1e9 * stage1_seconds / static_cast<double>(cycles);
  state.counters["stage2_ns_per_cycle"] = 1e9 * stage2_seconds / static_cast<double>(cycles);
}

// Stage 2 and all products of one step that is full, by the general profile's quotas.
void products(benchmark::State& state) {
  const auto log_size = static_cast<unsigned>(state.range(0));
  const Quotas quotas = profile_quotas(row_types(), Profile::kGeneral, log_size);
  const bench::Guest guest = bench::guests().front();
  const StepColumns columns(row_types(), quotas, *guest.program, StepRows{});
  Prover prover(quotas);
  for (auto _ : state) {
    if (!prover.solve(columns)) state.SkipWithError("a denominator is zero");
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(extent(row_types(), quotas).constraints));
}
BENCHMARK(products)->Name("Products")->Arg(16)->Arg(17)->Arg(18)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace magnetar::zkvm

int main(int argc, char** argv) {
  using namespace magnetar;
  for (const bench::Guest& guest : bench::guests()) {
    benchmark::RegisterBenchmark(("Circuits/" + guest.name).c_str(), zkvm::circuits, guest)
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
