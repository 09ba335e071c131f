#include "engine/hash/poseidon.h"

#include <benchmark/benchmark.h>

#include <random>
#include <span>
#include <string>
#include <vector>

namespace magnetar::hash {
namespace {

/// Each permutation waits for the one before, as in a sponge.
template <class F>
void permute(benchmark::State& bench, std::size_t width, void (Poseidon<F>::*permutation)(std::span<F>) const) {
  const Poseidon<F>& poseidon = Poseidon<F>::of_width(width);
  std::mt19937_64 generator(1);
  std::vector<F> state(width);
  for (F& element : state) element = F::random(generator);
  for (auto _ : bench) (poseidon.*permutation)(state);
  benchmark::DoNotOptimize(state.data());
  bench.SetItemsProcessed(bench.iterations());
}

template <class F>
void add_benches() {
  for (const std::size_t width : {3U, 5U, 9U}) {
    const std::string suffix = std::string(F::Parameters::kName) + "/" + std::to_string(width);
    benchmark::RegisterBenchmark(("Permute/" + suffix).c_str(), permute<F>, width, &Poseidon<F>::permute);
    benchmark::RegisterBenchmark(("PermutePlain/" + suffix).c_str(), permute<F>, width, &Poseidon<F>::permute_plain);
  }
}

const bool kAdded = [] {
  add_benches<algebra::Fr>();
  add_benches<algebra::Fq>();
  return true;
}();

}  // namespace
}  // namespace magnetar::hash
