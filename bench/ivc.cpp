// The IVC on fold steps of a real trace: steps of 2^size constraints, and the verification of what they lead to, on as
// many threads as there are processors. The guest is `sha256`, or the one that MAGNETAR_BENCH_GUEST names; steps are
// full but for the last.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "engine/commit/generators.h"
#include "engine/device/cpu_device.h"
#include "engine/ivc/prover.h"
#include "engine/zkvm/fold_step.h"
#include "guests.h"

namespace magnetar::ivc {
namespace {

using algebra::Bn254;
using algebra::Fr;
using algebra::Grumpkin;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kSteps = 5;

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

const zkvm::RowTypes& row_types() {
  static const zkvm::RowTypes types = zkvm::make_row_types();
  return types;
}

const bench::Guest& guest() {
  static const bench::Guest chosen = [] {
    const char* name = std::getenv("MAGNETAR_BENCH_GUEST");
    for (bench::Guest& one : bench::guests()) {
      if (one.name == (name == nullptr ? "sha256" : name)) return std::move(one);
    }
    std::fprintf(stderr, "no such guest\n");
    std::exit(2);
  }();
  return chosen;
}

template <class C>
commit::CommitmentKey<C> make_key(std::size_t size) {
  std::vector<algebra::AffinePoint<C>> points(size);
  if (!commit::derive_generators<C>(commit::generator_tag<C>(), 0, std::span(points))) std::abort();
  return commit::CommitmentKey<C>(points);
}

/// The first fold steps of the guest at one size, and all that proving them takes.
struct Setting {
  explicit Setting(unsigned log_size)
      : quotas(count_quotas(log_size)),
        step(row_types(), quotas),
        circuits(step),
        keys{make_key<Bn254>(circuits.primary_generators()), make_key<Grumpkin>(circuits.secondary_generators())},
        primary(device::make_cpu_device<Bn254>(circuits.primary(), keys.primary)),
        secondary(device::make_cpu_device<Grumpkin>(circuits.secondary(), keys.secondary)) {
    zkvm::Placement placement(quotas, std::size_t{1} << 22);
    vm::Machine machine(guest().program, guest().input);
    vm::Trace trace(1 << 14);
    while (rows.size() < kSteps && machine.status() == vm::Status::kRunning) {
      machine.trace(UINT64_MAX, trace);
      placement.add(*guest().program, trace);
      while (auto full = placement.take(false)) rows.push_back(*std::move(full));
    }
    while (auto some = placement.take(true)) rows.push_back(*std::move(some));
    if (rows.size() > kSteps) rows.resize(kSteps);
    for (const zkvm::StepRows& one : rows) {
      for (const auto& path : one.path) cycles += path.size();
    }
  }

  static zkvm::Quotas count_quotas(unsigned log_size) {
    zkvm::PerType counts{};
    vm::Machine machine(guest().program, guest().input);
    vm::Trace trace(1 << 14);
    while (machine.status() == vm::Status::kRunning) {
      machine.trace(UINT64_MAX, trace);
      zkvm::add_counts(counts, *guest().program, trace);
    }
    // As if it ran much longer, so that steps are full.
    for (auto& count : counts) count *= 1024;
    return zkvm::fit_quotas(row_types(), counts, log_size);
  }

  StepSource source() const {
    return [this](std::uint64_t index) {
      return StepStage1{zkvm::StepColumns(row_types(), quotas, *guest().program, rows[index]).take(), {}};
    };
  }

  zkvm::Quotas quotas;
  zkvm::FoldStep step;
  Circuits circuits;
  Keys keys;
  std::unique_ptr<device::Device<Bn254>> primary;
  std::unique_ptr<device::Device<Grumpkin>> secondary;
  std::vector<zkvm::StepRows> rows;
  std::uint64_t cycles = 0;
};

/// The last size asked for; a setting of 2^20 takes gigabytes.
const Setting& setting(unsigned log_size) {
  static unsigned current = 0;
  static std::unique_ptr<Setting> kept;
  if (current != log_size) {
    kept.reset();
    kept = std::make_unique<Setting>(log_size);
    current = log_size;
  }
  return *kept;
}

/// All steps of a setting, proved.
struct Proved {
  explicit Proved(const Setting& s) : claim{{}, s.rows.size(), {Fr::zero()}, {}} {
    auto start = Clock::now();
    const StepCommitments commitments = commit_steps(*s.primary, s.rows.size(), s.source());
    commit_stage1 = since(start);
    const Segment segment = derive_segment(s.circuits.digest(), claim.statement, claim.steps, commitments.chain);
    Prover prover(s.circuits, *s.primary, *s.secondary, segment, claim.z0, commitments.commitments);
    start = Clock::now();
    good = prover.run(s.source(), claim.steps).has_value();
    seconds = since(start);
    phases = prover.phases();
    ProverState state = prover.state();
    claim.zn = state.z;
    proof = std::move(state.proof);
  }

  Claim claim;
  Proof proof;
  Phases phases;
  double commit_stage1, seconds;
  bool good;
};

// Seconds of one step: both passes over a few steps, divided by their number. The counters are seconds of a step, too;
// `witness` and `commit_blocks` run beside the others.
void step(benchmark::State& state, unsigned log_size) {
  const Setting& s = setting(log_size);
  if (s.rows.empty()) return state.SkipWithError("the guest has no row");
  const auto steps = static_cast<double>(s.rows.size());
  Phases sum;
  double commit_stage1 = 0, all = 0;
  for (auto _ : state) {
    const Proved proved(s);
    if (!proved.good) state.SkipWithError("the prover failed");
    commit_stage1 += proved.commit_stage1;
    all += proved.commit_stage1 + proved.seconds;
    sum.witness += proved.phases.witness;
    sum.commit_blocks += proved.phases.commit_blocks;
    sum.secondary_fold += proved.phases.secondary_fold;
    sum.primary_circuit += proved.phases.primary_circuit;
    sum.cross_term += proved.phases.cross_term;
    sum.fold += proved.phases.fold;
    sum.secondary_circuit += proved.phases.secondary_circuit;
    state.SetIterationTime((proved.commit_stage1 + proved.seconds) / steps);
  }
  const double rounds = steps * static_cast<double>(state.iterations());
  state.counters["commit_stage1"] = commit_stage1 / rounds;
  state.counters["witness"] = sum.witness / rounds;
  state.counters["commit_blocks"] = sum.commit_blocks / rounds;
  state.counters["secondary_fold"] = sum.secondary_fold / rounds;
  state.counters["primary_circuit"] = sum.primary_circuit / rounds;
  state.counters["cross_term"] = sum.cross_term / rounds;
  state.counters["fold"] = sum.fold / rounds;
  state.counters["secondary_circuit"] = sum.secondary_circuit / rounds;
  state.counters["cycles_per_step"] = static_cast<double>(s.cycles) / steps;
  state.counters["cycles_per_second"] = static_cast<double>(s.cycles) * static_cast<double>(state.iterations()) / all;
  state.counters["constraints"] = static_cast<double>(s.circuits.primary().constraints());
  state.counters["stage1"] = static_cast<double>(s.circuits.primary().stage1());
  state.counters["stage2"] = static_cast<double>(s.circuits.primary().stage2());
  state.counters["secondary_constraints"] = static_cast<double>(s.circuits.secondary().constraints());
}

void verification(benchmark::State& state, unsigned log_size) {
  const Setting& s = setting(log_size);
  const Proved proved(s);
  for (auto _ : state) {
    const auto start = Clock::now();
    if (!verify(s.circuits, s.keys, proved.claim, proved.proof)) state.SkipWithError("refused");
    state.SetIterationTime(since(start));
  }
}

}  // namespace
}  // namespace magnetar::ivc

int main(int argc, char** argv) {
  using namespace magnetar::ivc;
  for (const unsigned size : {16U, 17U, 18U, 19U, 20U}) {
    const auto add = [&](const char* name, void (*body)(benchmark::State&, unsigned)) {
      benchmark::RegisterBenchmark(fmt::format("{}/{}", name, size).c_str(),
                                   [=](benchmark::State& state) { body(state, size); })
          ->Unit(benchmark::kMillisecond)
          ->UseManualTime();
    };
    add("Step", step);
    add("Verify", verification);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
