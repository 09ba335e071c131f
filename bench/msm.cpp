#include <benchmark/benchmark.h>
#include <tbb/task_arena.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "engine/commit/commitment_key.h"

namespace magnetar::commit {
namespace {

using algebra::AffinePoint;
using algebra::Point;

/// What precomputed multiples may take.
constexpr std::size_t kTableBytes = std::size_t{1} << 30;
constexpr int kLargest = 20;

/// Distinct points, the same for every benchmark.
template <class C>
const std::vector<AffinePoint<C>>& points() {
  static const auto all = [] {
    std::mt19937_64 generator(1);
    Point<C> point = Point<C>(AffinePoint<C>::generator()) * C::ScalarField::random(generator);
    const auto step = (point * C::ScalarField::random(generator)).to_affine();
    std::vector<Point<C>> projective(std::size_t{1} << kLargest);
    for (auto& entry : projective) {
      entry = point;
      point = point.doubled() + step;
    }
    std::vector<AffinePoint<C>> affine(projective.size());
    Point<C>::batch_to_affine(projective, affine);
    return affine;
  }();
  return all;
}

/// Only the last key is kept: tables are large.
template <class C>
const CommitmentKey<C>& key(std::size_t size, std::size_t table_bytes) {
  static std::unique_ptr<CommitmentKey<C>> last;
  static std::size_t last_table_bytes = 0;
  if (last == nullptr || last->size() != size || last_table_bytes != table_bytes) {
    last.reset();
    last = std::make_unique<CommitmentKey<C>>(std::span(points<C>()).first(size), table_bytes);
    last_table_bytes = table_bytes;
  }
  return *last;
}

template <class F>
std::vector<F> full_scalars(std::size_t size) {
  std::mt19937_64 generator(2);
  std::vector<F> scalars(size);
  for (F& scalar : scalars) scalar = F::random(generator);
  return scalars;
}

/// 60 % bits and zeros, 35 % up to 32 bits, 5 % full size.
template <class F>
std::vector<F> witness(std::size_t size) {
  std::mt19937_64 generator(3);
  std::vector<F> scalars(size);
  for (F& scalar : scalars) {
    const std::uint64_t kind = generator() % 100;
    scalar = kind < 60   ? F::from_u64(generator() % 2)
             : kind < 95 ? F::from_u64(generator() >> (32 + generator() % 32))
                         : F::random(generator);
  }
  return scalars;
}

template <class T>
std::vector<T> integers(std::size_t size, std::uint64_t mask) {
  std::mt19937_64 generator(4);
  std::vector<T> scalars(size);
  for (T& scalar : scalars) scalar = static_cast<T>(generator() & mask);
  return scalars;
}

template <class C, class T>
void run(benchmark::State& state, const std::vector<T>& scalars, int threads, std::size_t table_bytes) {
  const CommitmentKey<C>& commitment_key = key<C>(scalars.size(), table_bytes);
  tbb::task_arena arena(threads);
  // Wall time, by hand: the library would add "/real_time" to the name, and counts only the caller's CPU time without.
  const auto start = std::chrono::steady_clock::now();
  for (auto _ : state) {
    arena.execute([&] { benchmark::DoNotOptimize(commitment_key.commit(std::span<const T>(scalars))); });
  }
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  state.counters["items_per_second"] =
      static_cast<double>(state.iterations()) * static_cast<double>(scalars.size()) / elapsed.count();
  state.counters["tables"] = static_cast<double>(commitment_key.tables());
}

template <class C>
void register_curve(bool precomputed) {
  using F = typename C::ScalarField;
  const std::size_t table_bytes = precomputed ? kTableBytes : 0;
  for (const int log_size : {14, 16, 17, 18, 20}) {
    const std::size_t size = std::size_t{1} << log_size;
    for (const int threads : {1, 2}) {
      const auto add = [&](const char* kind, auto make) {
        const std::string name = std::string(precomputed ? "MsmPrecomputed/" : "Msm/") + std::string(C::kName) + "/" +
                                 kind + "/" + std::to_string(log_size) + "/threads:" + std::to_string(threads);
        benchmark::RegisterBenchmark(name.c_str(),
                                     [=](benchmark::State& state) { run<C>(state, make(size), threads, table_bytes); })

            ->Unit(benchmark::kMillisecond);
      };
      add("full", full_scalars<F>);
      add("bit", [](std::size_t n) { return integers<std::uint8_t>(n, 1); });
      add("u64", [](std::size_t n) { return integers<std::uint64_t>(n, ~std::uint64_t{0}); });
      add("witness", witness<F>);
    }
  }
}

const bool kRegistered = [] {
  for (const bool precomputed : {false, true}) {
    register_curve<algebra::Bn254>(precomputed);
    register_curve<algebra::Grumpkin>(precomputed);
  }
  return true;
}();

}  // namespace
}  // namespace magnetar::commit
