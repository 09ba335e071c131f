#include "engine/commit/generators.h"

#include <benchmark/benchmark.h>
#include <tbb/task_arena.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/commit/generator_cache.h"

namespace magnetar::commit {
namespace {

template <class C>
void derive(benchmark::State& state, std::size_t size, int threads) {
  std::vector<algebra::AffinePoint<C>> points(size);
  tbb::task_arena arena(threads);
  const auto start = std::chrono::steady_clock::now();
  for (auto _ : state) {
    arena.execute([&] { benchmark::DoNotOptimize(derive_generators<C>(generator_tag<C>(), 0, points)); });
  }
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  state.counters["items_per_second"] =
      static_cast<double>(state.iterations()) * static_cast<double>(size) / elapsed.count();
}

/// From the file, which stays in the system's cache.
template <class C>
void load(benchmark::State& state, std::size_t size) {
  std::string folder = (std::filesystem::temp_directory_path() / "generators-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) {
    state.SkipWithError("cannot create a temporary folder");
    return;
  }
  const std::string tag = generator_tag<C>();
  static_cast<void>(load_generators<C>(folder, tag, size));
  bool loaded = true;
  for (auto _ : state) {
    const auto generators = load_generators<C>(folder, tag, size);
    loaded = loaded && generators && generators->loaded == size;
  }
  std::filesystem::remove_all(folder);
  if (!loaded) state.SkipWithError("generators were derived instead of loaded");
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(size));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(size * 64));
}

template <class C>
void add_benches() {
  for (const int log_size : {14, 17}) {
    const std::string suffix = std::string(C::kName) + "/" + std::to_string(log_size);
    for (const int threads : {1, 2}) {
      benchmark::RegisterBenchmark(("Derive/" + suffix + "/threads:" + std::to_string(threads)).c_str(), derive<C>,
                                   std::size_t{1} << log_size, threads)
          ->Unit(benchmark::kMillisecond);
    }
    benchmark::RegisterBenchmark(("Load/" + suffix).c_str(), load<C>, std::size_t{1} << log_size)
        ->Unit(benchmark::kMillisecond);
  }
}

const bool kAdded = [] {
  add_benches<algebra::Bn254>();
  add_benches<algebra::Grumpkin>();
  return true;
}();

}  // namespace
}  // namespace magnetar::commit
