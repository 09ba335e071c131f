// Proving end to end, as `magnetar prove` does with cached parameters: executing, committing, folding; then the
// verification of the proof. Items are cycles; counters are seconds by phase and of the verification, bytes of the
// proof and the most memory held meanwhile.
//   Prove/<guest>           the first 256 protocol steps, or all there are: run time is bounded
//   ProveLength/<log size>  keccak256's first 2^size cycles: how cost grows with the trace
//   Host/<log size>         what a GPU leaves to the processor: keccak256's fold steps of 2^size constraints on devices
//                           that do nothing. Items are fold steps; `cpu_seconds` is the processor's time for one, on
//                           all threads together, `seconds` the time that passes
// The preset is fit-17, or the one that MAGNETAR_BENCH_PARAMS names; MAGNETAR_BENCH_CACHE is the folder of generators,
// by default one in the folder for temporary files.

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <string>

#include "engine/zkvm/proof.h"
#include "engine/zkvm/prover.h"
#include "engine/zkvm/verifier.h"
#include "guests.h"

namespace magnetar::zkvm {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kSteps = 256;
constexpr unsigned kLogStep = 10;

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

const Preset& preset() {
  static const Preset chosen = [] {
    const char* name = std::getenv("MAGNETAR_BENCH_PARAMS");
    const auto parsed = name == nullptr ? kDefaultPreset : Preset::parse(name);
    if (!parsed) {
      fmt::print(stderr, "MAGNETAR_BENCH_PARAMS: no such preset: {}\n", name);
      std::exit(2);
    }
    return *parsed;
  }();
  return chosen;
}

std::filesystem::path cache_folder() {
  const char* folder = std::getenv("MAGNETAR_BENCH_CACHE");
  return folder != nullptr ? std::filesystem::path(folder) : std::filesystem::temp_directory_path() / "magnetar-bench";
}

/// From here on, peak_rss() counts anew where the system allows that (Linux, proc(5), clear_refs).
void reset_peak_rss() {
  std::ofstream("/proc/self/clear_refs") << 5;
}

double peak_rss() {
  std::ifstream status("/proc/self/status");
  for (std::string key; status >> key; status.ignore(std::numeric_limits<std::streamsize>::max(), '\n')) {
    double kibibytes = 0;
    if (key == "VmHWM:" && status >> kibibytes) return kibibytes * 1024;
  }
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024;
}

/// Proves and verifies `steps` protocol steps, or all if the program halts before.
void prove_steps(benchmark::State& state, const bench::Guest& guest, std::uint64_t steps) {
  const Subject subject = Subject::load(guest.elf, guest.input).value();
  ParameterStore store(cache_folder());  // of its own: what other guests need is no part of this one's memory
  store.keys(preset().log_size);
  std::map<std::string, double> seconds;
  double cycles = 0;
  for (auto _ : state) {
    reset_peak_rss();
    const auto start = Clock::now();
    auto plan = plan_segment(subject, {0, steps}, preset());
    if (!plan && plan.error().kind == ProveError::Kind::kRange) plan = plan_segment(subject, {0, {}}, preset());
    if (!plan) return state.SkipWithError(plan.error().message.c_str());
    seconds["execute"] += since(start);
    const auto parameters = store.parameters(plan->statement.layout);
    auto proved = prove(*parameters, *plan, cpu_devices(*parameters));
    if (!proved) return state.SkipWithError(proved.error().message.c_str());
    state.SetIterationTime(since(start));
    state.counters["peak_rss_bytes"] = peak_rss();

    const ProvePhases& phases = proved->phases;
    seconds["commit_stage1"] += phases.commit_stage1;
    seconds["witness"] += phases.fold.witness;
    seconds["commit_stage2"] += phases.fold.commit_blocks;
    seconds["secondary_fold"] += phases.fold.secondary_fold;
    seconds["primary_circuit"] += phases.fold.primary_circuit;
    seconds["cross_term"] += phases.fold.cross_term;
    seconds["fold"] += phases.fold.fold;
    seconds["secondary_circuit"] += phases.fold.secondary_circuit;
    cycles += static_cast<double>(plan->statement.cycles);
    state.counters["fold_steps"] = static_cast<double>(plan->fold_steps);
    state.counters["instructions"] = static_cast<double>(plan->instructions);

    Bundle bundle;
    bundle.segments.push_back(std::move(proved->proof));
    state.counters["proof_bytes"] = static_cast<double>(encoded_size(bundle));
    const auto verifying = Clock::now();
    if (!verify(subject, bundle, store)) return state.SkipWithError("the proof was refused");
    seconds["verify_seconds"] += since(verifying);
  }
  const auto rounds = static_cast<double>(state.iterations());
  state.SetItemsProcessed(static_cast<std::int64_t>(cycles));
  state.counters["cycles"] = cycles / rounds;
  for (const auto& [phase, spent] : seconds) state.counters[phase] = spent / rounds;
}

/// A device without work: every commitment is the generator, every value zero. What is proved on it is wrong.
template <class C>
class IdleDevice final : public device::Device<C> {
 public:
  using F = typename C::ScalarField;
  using Affine = algebra::AffinePoint<C>;

  Affine commit_stage1(const device::Stage1<F>& /*stage1*/) const override { return Affine::generator(); }
  Affine commit(std::span<const F> /*values*/) const override { return Affine::generator(); }
  std::unique_ptr<device::Accumulator<C>> start_segment(const r1cs::Challenges<F>& /*challenges*/) const override {
    return std::make_unique<IdleAccumulator>();
  }

 private:
  class IdleFresh final : public device::Fresh<C> {
   public:
    bool solve_blocks() override { return true; }
    F block_sum() const override { return F::zero(); }
    Affine commit_blocks() const override { return Affine::generator(); }
    Affine complete(const r1cs::CircuitValues<F>& /*values*/, const Affine& /*blocks*/) override {
      return Affine::generator();
    }
  };

  class IdleAccumulator final : public device::Accumulator<C> {
   public:
    std::unique_ptr<device::Fresh<C>> make_fresh(const device::Stage1<F>& /*stage1*/) const override {
      return std::make_unique<IdleFresh>();
    }
    void start(const device::Fresh<C>& /*fresh*/) override {}
    void start_zero() override {}
    Affine cross_term(const device::Fresh<C>& /*fresh*/) override { return Affine::generator(); }
    void fold(const device::Fresh<C>& /*fresh*/, const F& /*r*/) override {}
    device::RelaxedAssignment<F> read() const override { return {}; }
    void write(const device::RelaxedAssignment<F>& /*assignment*/) override {}
  };
};

/// Of all threads.
double cpu_seconds() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

void host_part(benchmark::State& state, const bench::Guest& guest, unsigned log_size) {
  const Subject subject = Subject::load(guest.elf, guest.input).value();
  ParameterStore store(cache_folder());
  const auto plan = plan_segment(subject, {0, std::uint64_t{1} << (log_size - kLogStep - 1)}, {log_size, {}});
  if (!plan) return state.SkipWithError(plan.error().message.c_str());
  const auto parameters = store.parameters(plan->statement.layout);
  const Devices idle{"idle", std::make_unique<IdleDevice<algebra::Bn254>>(),
                     std::make_unique<IdleDevice<algebra::Grumpkin>>()};
  const auto steps = static_cast<double>(plan->fold_steps);
  double cpu = 0, all = 0, witness = 0, circuits = 0;
  for (auto _ : state) {
    const double cpu_before = cpu_seconds();
    const auto start = Clock::now();
    const auto proved = prove(*parameters, *plan, idle);
    if (!proved) return state.SkipWithError(proved.error().message.c_str());
    cpu += cpu_seconds() - cpu_before;
    all += since(start);
    witness += proved->phases.commit_stage1 + proved->phases.fold.witness;
    circuits += proved->phases.fold.primary_circuit + proved->phases.fold.secondary_circuit;
  }
  const double rounds = steps * static_cast<double>(state.iterations());
  state.SetItemsProcessed(static_cast<std::int64_t>(rounds));
  state.counters["fold_steps"] = steps;
  state.counters["cpu_seconds"] = cpu / rounds;
  state.counters["seconds"] = all / rounds;
  state.counters["rows_seconds"] = witness / rounds;
  state.counters["recursion_seconds"] = circuits / rounds;
}

}  // namespace
}  // namespace magnetar::zkvm

int main(int argc, char** argv) {
  using namespace magnetar;
  const auto add = [](const std::string& name, const bench::Guest& guest, std::uint64_t steps) {
    benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) { zkvm::prove_steps(state, guest, steps); })
        ->Unit(benchmark::kMillisecond)
        ->UseManualTime()
        ->Iterations(1);
  };
  for (const bench::Guest& guest : bench::guests()) {
    add("Prove/" + guest.name, guest, zkvm::kSteps);
    if (guest.name != "keccak256") continue;
    for (const unsigned log_cycles : {12U, 14U, 16U, 18U, 20U}) {
      add(fmt::format("ProveLength/{}", log_cycles), guest, std::uint64_t{1} << (log_cycles - zkvm::kLogStep));
    }
    for (const unsigned log_size : {17U, 20U}) {
      benchmark::RegisterBenchmark(fmt::format("Host/{}", log_size).c_str(), [=](benchmark::State& state) {
        zkvm::host_part(state, guest, log_size);
      })->Unit(benchmark::kMillisecond);
    }
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
