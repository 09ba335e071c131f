// The kernels one by one, on the GPU of MAGNETAR_DEVICE (an ordinal; by default 0). Sizes are log2. Times are the
// host's, of an operation that it waits for.

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <random>
#include <string>

#include "kernels/cuda_device.h"
#include "kernels/msm.h"
#include "kernels/vector_kernels.h"

namespace magnetar::kernels {
namespace {

using algebra::Bn254;
using algebra::Fq;
using algebra::Fr;
using algebra::Grumpkin;

/// Products of one element by another in a row: enough that memory does not matter.
constexpr std::uint32_t kRounds = 256;

int ordinal() {
  const char* const text = std::getenv("MAGNETAR_DEVICE");
  return text == nullptr ? 0 : std::atoi(text);
}

unsigned multiprocessors() {
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, ordinal()), "cudaGetDeviceProperties");
  return static_cast<unsigned>(properties.multiProcessorCount);
}

enum class Scalars { kFull, kBit, kU64 };

template <class F>
DeviceArray<Element<typename F::Parameters>> vector(std::size_t size, Scalars kind, const Stream& stream) {
  std::mt19937_64 generator(size);
  std::vector<Element<typename F::Parameters>> values;
  for (std::size_t i = 0; i < size; ++i) {
    F value = F::random(generator);
    if (kind == Scalars::kBit) value = F::from_u64(generator() % 2);
    if (kind == Scalars::kU64) value = F::from_u64(generator());
    values.push_back(to_element(value));
  }
  return to_device<Element<typename F::Parameters>>(values, stream);
}

/// Multiples of the generator: any points serve.
template <class C>
commit::CommitmentKey<C> key_of(std::size_t size) {
  algebra::Point<C> point(algebra::AffinePoint<C>::generator());
  std::vector<algebra::Point<C>> points;
  for (std::size_t i = 0; i < size; ++i, point = point.doubled()) points.push_back(point);
  std::vector<algebra::AffinePoint<C>> affine(size);
  algebra::Point<C>::batch_to_affine(points, affine);
  return commit::CommitmentKey<C>(affine);
}

void count(benchmark::State& state, std::size_t items) {
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(items));
}

template <class F>
void product(benchmark::State& state) {
  activate(ordinal());
  const Stream stream;
  const std::size_t size = std::size_t{1} << state.range(0);
  const auto a = vector<F>(size, Scalars::kFull, stream);
  const auto b = vector<F>(size, Scalars::kFull, stream);
  for ([[maybe_unused]] auto _ : state) {
    check(multiply_elements(a.data(), b.data(), a.data(), static_cast<std::uint32_t>(size), kRounds, stream.get()),
          "products");
    stream.synchronize();
  }
  count(state, size * kRounds);
}

template <class C>
void msm(benchmark::State& state, Scalars kind, std::size_t table_bytes) {
  activate(ordinal());
  const Stream stream;
  const std::size_t size = std::size_t{1} << state.range(0);
  const DeviceKey<C> key(key_of<C>(size), table_bytes, stream);
  Msm<C> multiplication(key, multiprocessors());
  const auto scalars = vector<typename C::ScalarField>(size, kind, stream);
  for ([[maybe_unused]] auto _ : state) {
    const auto input = DeviceScalars<C>::of_elements(scalars.data(), size);
    benchmark::DoNotOptimize(multiplication.multiply(input, 0, stream));
  }
  count(state, size);
  state.counters["tables"] = key.tables().tables;
}

void cross(benchmark::State& state) {
  activate(ordinal());
  const Stream stream;
  const std::size_t size = std::size_t{1} << state.range(0);
  std::vector<DeviceArray<Element<FrParameters>>> vectors;
  for (int i = 0; i < 7; ++i) vectors.push_back(vector<Fr>(size, Scalars::kFull, stream));
  const ProductsView<FrParameters> running{vectors[0].data(), vectors[1].data(), vectors[2].data()};
  const ProductsView<FrParameters> fresh{vectors[3].data(), vectors[4].data(), vectors[5].data()};
  for ([[maybe_unused]] auto _ : state) {
    check(cross_term(running, fresh, to_element(Fr::from_u64(7)), vectors[6].data(), static_cast<std::uint32_t>(size),
                     stream.get()),
          "cross term");
    stream.synchronize();
  }
  count(state, size);
}

void fold(benchmark::State& state) {
  activate(ordinal());
  const Stream stream;
  const std::size_t size = std::size_t{1} << state.range(0);
  std::vector<DeviceArray<Element<FrParameters>>> vectors;
  for (int i = 0; i < 10; ++i) vectors.push_back(vector<Fr>(size, Scalars::kFull, stream));
  std::array<FoldVector<FrParameters>, 5> folded{};
  for (std::size_t i = 0; i < 5; ++i) {
    folded[i] = {vectors[i].data(), vectors[5 + i].data(), static_cast<std::uint32_t>(size)};
  }
  for ([[maybe_unused]] auto _ : state) {
    check(fold_vectors(folded, to_element(Fr::from_u64(7)), stream.get()), "fold");
    stream.synchronize();
  }
  count(state, 5 * size);
}

void inversion(benchmark::State& state) {
  activate(ordinal());
  const Stream stream;
  const std::size_t size = std::size_t{1} << state.range(0);
  const auto elements = vector<Fr>(size, Scalars::kFull, stream);
  const DeviceArray<Element<FrParameters>> scratch(size);
  const DeviceArray<std::uint32_t> has_zero(1);
  clear(has_zero.data(), has_zero.bytes(), stream);
  for ([[maybe_unused]] auto _ : state) {
    check(invert(elements.data(), static_cast<std::uint32_t>(size), scratch.data(), has_zero.data(), stream.get()),
          "inversion");
    stream.synchronize();
  }
  count(state, size);
}

void add_msm(const std::string& curve, const std::string& kind, auto run) {
  // Without tables, and with half a GPU's memory for them.
  for (const auto& [name, bytes] :
       {std::pair("Msm", std::size_t{0}), std::pair("MsmPrecomputed", std::size_t{1} << 35)}) {
    auto* const bench =
        benchmark::RegisterBenchmark((std::string(name) + "/" + curve + "/" + kind).c_str(),
                                     [run, bytes = bytes](benchmark::State& state) { run(state, bytes); });
    bench->DenseRange(12, 20, 2)->UseRealTime()->Unit(benchmark::kMillisecond);
  }
}

void add_all() {
  for (const auto& [name, run] : {std::pair("Product/fr", &product<Fr>), std::pair("Product/fq", &product<Fq>)}) {
    benchmark::RegisterBenchmark(name, run)->Arg(10)->Arg(18)->UseRealTime();
  }
  for (const auto& [kind, scalars] :
       {std::pair("full", Scalars::kFull), std::pair("bit", Scalars::kBit), std::pair("u64", Scalars::kU64)}) {
    add_msm("bn254", kind, [scalars = scalars](auto& state, std::size_t bytes) { msm<Bn254>(state, scalars, bytes); });
    add_msm("grumpkin", kind,
            [scalars = scalars](auto& state, std::size_t bytes) { msm<Grumpkin>(state, scalars, bytes); });
  }
  for (const auto& [name, run] :
       {std::pair("CrossTerm", &cross), std::pair("Fold", &fold), std::pair("Inverse", &inversion)}) {
    benchmark::RegisterBenchmark(name, run)->DenseRange(14, 20, 2)->UseRealTime()->Unit(benchmark::kMicrosecond);
  }
}

}  // namespace
}  // namespace magnetar::kernels

int main(int argc, char** argv) {
  const auto gpus = magnetar::kernels::list_gpus();
  if (!gpus) {
    std::fprintf(stderr, "no GPU to measure: %s\n", gpus.error().what());
    return 4;
  }
  benchmark::AddCustomContext("gpu", gpus->front().name);
  magnetar::kernels::add_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
}
