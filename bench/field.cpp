#include "engine/algebra/field.h"

#include <benchmark/benchmark.h>

#include <random>
#include <span>
#include <string>
#include <vector>

#include "engine/algebra/batch_addition.h"
#include "engine/algebra/curve.h"
#ifdef __x86_64__
#include "field_vectors.h"
#endif

namespace magnetar::algebra {
namespace {

/// Elements that the first-level cache holds three times over.
constexpr std::size_t kElements = 256;
/// Points that the second-level cache holds, with their sums; and many more than the last-level cache holds.
constexpr std::size_t kCachedPoints = std::size_t{1} << 11;
constexpr std::size_t kStreamedPoints = std::size_t{1} << 21;

template <class F>
std::vector<F> elements(std::uint64_t seed) {
  std::mt19937_64 generator(seed);
  std::vector<F> result(kElements);
  for (F& element : result) element = F::random(generator);
  return result;
}

/// Independent products of elements in memory, canonical form to canonical form.
template <class F>
void multiply_all(benchmark::State& state, InstructionSet set) {
  force_instruction_set(set);
  const auto a = elements<F>(1);
  std::vector<F> b = elements<F>(2);
  for (auto _ : state) multiply(std::span<const F>(a), std::span<const F>(b), std::span(b));
  benchmark::DoNotOptimize(b.data());
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kElements));
}

template <class F>
void square_all(benchmark::State& state, InstructionSet set) {
  force_instruction_set(set);
  std::vector<F> a = elements<F>(1);
  for (auto _ : state) square(std::span<const F>(a), std::span(a));
  benchmark::DoNotOptimize(a.data());
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kElements));
}

template <class F>
void batch_inverse_all(benchmark::State& state, InstructionSet set) {
  force_instruction_set(set);
  std::vector<F> a = elements<F>(1);
  for (auto _ : state) batch_inverse(std::span(a));
  benchmark::DoNotOptimize(a.data());
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kElements));
}

/// Each product waits for the one before.
template <class F>
void multiply_chain(benchmark::State& state, InstructionSet set) {
  force_instruction_set(set);
  const auto a = elements<F>(1);
  F product = F::one();
  for (auto _ : state) {
    for (const F& factor : a) product *= factor;
  }
  benchmark::DoNotOptimize(product);
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kElements));
}

template <class F>
void inverse_chain(benchmark::State& state, InstructionSet set) {
  force_instruction_set(set);
  F value = elements<F>(1)[0];
  for (auto _ : state) value = value.inverse() + F::one();
  benchmark::DoNotOptimize(value);
  state.SetItemsProcessed(state.iterations());
}

template <class F>
void square_root(benchmark::State& state, InstructionSet set) {
  force_instruction_set(set);
  const auto a = elements<F>(1);
  std::size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(a[i++ % kElements].square().sqrt());
  state.SetItemsProcessed(state.iterations());
}

/// Sums of pairs out of `points` points in random order, in batches as MSM forms them.
template <class C>
void add_points(benchmark::State& state, InstructionSet set, std::size_t points) {
  force_instruction_set(set);
  std::mt19937_64 generator(1);
  std::vector<PackedPoint> table;
  table.reserve(points);
  {
    Point<C> point = Point<C>(AffinePoint<C>::generator()) * C::ScalarField::random(generator);
    const auto step = (point * C::ScalarField::random(generator)).to_affine();
    constexpr std::size_t kBatch = 1024;
    std::vector<Point<C>> batch(kBatch);
    std::vector<AffinePoint<C>> affine(kBatch);
    while (table.size() < points) {
      for (auto& entry : batch) entry = point += step;
      Point<C>::batch_to_affine(batch, affine);
      for (const auto& entry : affine) table.push_back(BatchAddition<C>::pack(entry, set));
    }
  }
  constexpr std::size_t kPairs = 8192;
  constexpr std::size_t kLists = 16;
  std::vector<PointReference> left;
  std::vector<PointReference> right;
  for (std::size_t i = 0; i < kPairs * kLists; ++i) {
    const std::uint64_t draw = generator();
    const auto first = static_cast<std::uint32_t>((draw & 0xffff'ffff) % points);
    auto second = static_cast<std::uint32_t>(((draw >> 32) & 0x3fff'ffff) % points);
    if (second == first) second = (second + 1) % static_cast<std::uint32_t>(points);
    left.emplace_back(first, (draw >> 62 & 1) != 0);
    right.emplace_back(second, (draw >> 63) != 0);
  }
  BatchAddition<C> addition(set);
  std::vector<PackedPoint> sums(kPairs);
  std::size_t list = 0;
  bool may_be_infinite = false;
  for (auto _ : state) {
    addition.add(table.data(), std::span<const PointReference>(left).subspan(list * kPairs, kPairs),
                 std::span<const PointReference>(right).subspan(list * kPairs, kPairs), sums.data(), may_be_infinite);
    list = (list + 1) % kLists;
  }
  if (may_be_infinite) state.SkipWithError("points were not distinct");
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kPairs));
}

template <class F>
void add_field_benches(InstructionSet set) {
  const std::string suffix = std::string(F::Parameters::kName) + "/" + std::string(name(set));
  benchmark::RegisterBenchmark(("Mul/" + suffix).c_str(), multiply_all<F>, set);
  benchmark::RegisterBenchmark(("MulChain/" + suffix).c_str(), multiply_chain<F>, set);
  benchmark::RegisterBenchmark(("Square/" + suffix).c_str(), square_all<F>, set);
  benchmark::RegisterBenchmark(("Inverse/" + suffix).c_str(), inverse_chain<F>, set);
  benchmark::RegisterBenchmark(("BatchInverse/" + suffix).c_str(), batch_inverse_all<F>, set);
  benchmark::RegisterBenchmark(("Sqrt/" + suffix).c_str(), square_root<F>, set);
}

#ifdef __x86_64__
/// The kernels by themselves: operands and results stay vectors of limbs.
template <class P>
void add_vector_benches() {
  const auto add = [](const char* kind, unsigned long long (*loop)(std::size_t)) {
    const std::string name = kind + std::string(P::kName) + "/ifma";
    benchmark::RegisterBenchmark(name.c_str(), [loop](benchmark::State& state) {
      constexpr std::size_t kRounds = 1024;
      for (auto _ : state) benchmark::DoNotOptimize(loop(kRounds));
      state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kRounds * ifma::kElementsARound));
    });
  };
  add("MulVector/", ifma::multiply_vectors<P>);
  add("SquareVector/", ifma::square_vectors<P>);
}
#endif

template <class C>
void add_point_benches(InstructionSet set) {
  const std::string suffix = std::string(C::kName) + "/" + std::string(name(set));
  benchmark::RegisterBenchmark(("AddCached/" + suffix).c_str(), add_points<C>, set, kCachedPoints);
  benchmark::RegisterBenchmark(("AddStreamed/" + suffix).c_str(), add_points<C>, set, kStreamedPoints);
}

const bool kAdded = [] {
  for (const auto set : {InstructionSet::kPortable, InstructionSet::kAdx, InstructionSet::kIfma}) {
    if (!is_supported(set)) continue;
    add_field_benches<Fr>(set);
    add_field_benches<Fq>(set);
    add_point_benches<Bn254>(set);
    add_point_benches<Grumpkin>(set);
  }
#ifdef __x86_64__
  if (is_supported(InstructionSet::kIfma)) {
    add_vector_benches<Bn254ScalarParameters>();
    add_vector_benches<Bn254BaseParameters>();
  }
#endif
  return true;
}();

}  // namespace
}  // namespace magnetar::algebra
