// One suite for all implementations of the device interface. What is expected is computed here: commitments by
// multiplying point by point, products entry by entry, folds element by element.

#include <gtest/gtest.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <array>
#include <thread>

#include "engine/device/cpu_device.h"
#include "relations.h"
#ifdef MAGNETAR_HAVE_CUDA
#include "emulated_gpu.h"
#include "kernels/cuda_device.h"
#endif

namespace magnetar::device {
namespace {

using algebra::AffinePoint;
using algebra::Bn254;
using algebra::Grumpkin;
using algebra::Point;

struct Cpu {
  static constexpr const char* kName = "Cpu";
  static std::string missing() { return {}; }
  template <class C>
  static std::unique_ptr<Device<C>> make(const r1cs::Relation<typename C::ScalarField>& relation,
                                         const commit::CommitmentKey<C>& key) {
    return make_cpu_device<C>(relation, key);
  }
};

#ifdef MAGNETAR_HAVE_CUDA
/// With room for `kTables` tables of multiples.
template <std::size_t kTables>
struct Cuda {
  static constexpr const char* kName = kTables == 1 ? "Cuda" : kTables < 20 ? "CudaFewTables" : "CudaManyTables";
  static std::string missing() { return kernels::no_gpu(); }
  template <class C>
  static std::unique_ptr<Device<C>> make(const r1cs::Relation<typename C::ScalarField>& relation,
                                         const commit::CommitmentKey<C>& key) {
    kernels::CudaOptions options;
    options.table_bytes = kTables * 64 * key.size();
    auto device = kernels::make_cuda_device<C>(relation, key, options);
    if (!device) throw DeviceError(device.error());
    return *std::move(device);
  }
};
#endif

template <class C, class Implementation>
struct Case {
  using Curve = C;
  using On = Implementation;
};

struct CaseName {
  template <class T>
  static std::string GetName(int) {
    return std::string(T::On::kName) + "_" + std::string(T::Curve::kName);
  }
};

/// Σ scalars[i]·points[i].
template <class C>
AffinePoint<C> naive_sum(const std::vector<AffinePoint<C>>& points, std::span<const typename C::ScalarField> scalars,
                         std::size_t offset = 0) {
  std::vector<Point<C>> terms(scalars.size());
  tbb::parallel_for(std::size_t{0}, terms.size(),
                    [&](std::size_t i) { terms[i] = Point<C>(points[offset + i]) * scalars[i]; });
  Point<C> sum;
  for (const Point<C>& term : terms) sum += term;
  return sum.to_affine();
}

template <class T>
class DeviceTest : public testing::Test {
 public:
  using Curve = typename T::Curve;
  using Scalar = typename Curve::ScalarField;
  using Affine = AffinePoint<Curve>;
  using Witness = typename TestRelation<Scalar>::Witness;

  void SetUp() override {
    const std::string missing = T::On::missing();
    if (!missing.empty()) GTEST_SKIP() << missing;
  }

  static std::unique_ptr<Device<Curve>> make(const TestRelation<Scalar>& relation,
                                             const commit::CommitmentKey<Curve>& key) {
    return T::On::template make<Curve>(relation.relation(), key);
  }

  /// A fresh assignment as the interface is to make it.
  struct Expected {
    Witness witness;
    std::vector<Scalar> stage2;
    std::array<Scalar, 2> publics;
    r1cs::CircuitValues<Scalar> values;
    r1cs::Products<Scalar> products;
  };

  /// Takes an assignment through all of Fresh, comparing on the way.
  static std::unique_ptr<Fresh<Curve>> make_fresh(const TestRelation<Scalar>& relation,
                                                  const std::vector<Affine>& points,
                                                  const r1cs::FilledRelation<Scalar>& filled,
                                                  const Accumulator<Curve>& accumulator, std::mt19937_64& generator,
                                                  Expected& expected) {
    expected.witness = relation.witness(generator);
    const auto blocks = relation.solve_blocks(expected.witness, filled.challenges());
    EXPECT_TRUE(blocks);
    auto fresh = accumulator.make_fresh(expected.witness.view());
    EXPECT_TRUE(fresh->solve_blocks());
    Scalar sum;
    for (const Scalar& value : *blocks) sum += value;
    EXPECT_EQ(fresh->block_sum(), sum);
    const Affine commitment = fresh->commit_blocks();
    EXPECT_EQ(commitment, naive_sum<Curve>(points, *blocks));
    expected.values = relation.circuit_values(expected.witness, *blocks, filled.challenges());
    expected.stage2 = *blocks;
    expected.stage2.insert(expected.stage2.end(), expected.values.stage2.begin(), expected.values.stage2.end());
    expected.publics = {expected.values.publics[0], expected.values.publics[1]};
    expected.products = filled.products({Scalar::one(), expected.publics, expected.witness.stage1, expected.stage2});
    EXPECT_EQ(fresh->complete(expected.values, commitment), naive_sum<Curve>(points, expected.stage2));
    return fresh;
  }

  static std::vector<Scalar> cross_term(const Scalar& u, const r1cs::Products<Scalar>& running,
                                        const r1cs::Products<Scalar>& fresh) {
    std::vector<Scalar> cross(running.a.size());
    for (std::size_t i = 0; i < cross.size(); ++i) {
      cross[i] = running.a[i] * fresh.b[i] + fresh.a[i] * running.b[i] - u * fresh.c[i] - running.c[i];
    }
    return cross;
  }

  static void fold(RelaxedAssignment<Scalar>& running, const Expected& fresh, const std::vector<Scalar>& cross,
                   const Scalar& r) {
    running.u += r;
    for (std::size_t i = 0; i < 2; ++i) running.publics[i] += r * fresh.publics[i];
    for (std::size_t i = 0; i < running.stage1.size(); ++i) running.stage1[i] += r * fresh.witness.stage1[i];
    for (std::size_t i = 0; i < running.stage2.size(); ++i) running.stage2[i] += r * fresh.stage2[i];
    for (std::size_t i = 0; i < running.error.size(); ++i) running.error[i] += r * cross[i];
  }

  /// Every operation on a relation of this size.
  static void exercise(std::size_t rows, std::size_t own, std::size_t products, std::mt19937_64& generator) {
    SCOPED_TRACE(testing::Message() << rows << " rows, " << own << " own variables, " << products << " products");
    const TestRelation<Scalar> relation(rows, own, products);
    const auto points = test_points<Curve>(relation.generators(), generator);
    const commit::CommitmentKey<Curve> key(points);
    const auto device = make(relation, key);
    const r1cs::Challenges<Scalar> challenges{Scalar::random(generator), Scalar::random(generator)};
    const r1cs::FilledRelation<Scalar> filled(relation.relation(), challenges);
    const auto accumulator = device->start_segment(challenges);

    Expected fresh;
    auto first = make_fresh(relation, points, filled, *accumulator, generator, fresh);
    EXPECT_EQ(device->commit_stage1(fresh.witness.view()), naive_sum<Curve>(points, fresh.witness.stage1));
    // The first fold into zero has the cross term zero.
    EXPECT_EQ(accumulator->cross_term(*first), Affine::infinity());
    accumulator->start(*first);
    RelaxedAssignment<Scalar> running{Scalar::one(), fresh.publics, fresh.witness.stage1, fresh.stage2,
                                      std::vector<Scalar>(relation.relation().constraints())};
    EXPECT_EQ(accumulator->read(), running);
    first.reset();

    std::unique_ptr<Fresh<Curve>> last;
    for (int i = 0; i < 2; ++i) {
      auto next = make_fresh(relation, points, filled, *accumulator, generator, fresh);
      const r1cs::Products<Scalar> running_products = filled.products(running.assignment());
      const std::vector<Scalar> cross = cross_term(running.u, running_products, fresh.products);
      EXPECT_EQ(accumulator->cross_term(*next), naive_sum<Curve>(points, cross));
      const Scalar r = i == 0 ? Scalar::random(generator) : -Scalar::one();
      accumulator->fold(*next, r);
      fold(running, fresh, cross, r);
      EXPECT_EQ(accumulator->read(), running);
      last = std::move(next);
    }
    EXPECT_EQ(filled.first_violated(running.assignment(), running.error), std::nullopt);

    // A written assignment has the products of the folded one, though it computes them anew.
    const auto copy = device->start_segment(challenges);
    copy->write(running);
    EXPECT_EQ(copy->read(), running);
    EXPECT_EQ(copy->cross_term(*last), accumulator->cross_term(*last));
    copy->start_zero();
    EXPECT_EQ(copy->read(), (RelaxedAssignment<Scalar>{Scalar::zero(),
                                                       {},
                                                       std::vector<Scalar>(running.stage1.size()),
                                                       std::vector<Scalar>(running.stage2.size()),
                                                       std::vector<Scalar>(running.error.size())}));
  }
};

using Cases =
    testing::Types<Case<Bn254, Cpu>, Case<Grumpkin, Cpu>
#ifdef MAGNETAR_HAVE_CUDA
                   ,
                   Case<Bn254, Cuda<1>>, Case<Grumpkin, Cuda<1>>, Case<Bn254, Cuda<5>>, Case<Grumpkin, Cuda<30>>
#endif
                   >;
TYPED_TEST_SUITE(DeviceTest, Cases, CaseName);

TYPED_TEST(DeviceTest, AllOperationsAtBordersOfBlocksAndWarps) {
  std::mt19937_64 generator(1);
  using Fixture = DeviceTest<TypeParam>;
  for (const std::size_t rows : {0U, 1U, 2U, 31U, 32U, 33U}) Fixture::exercise(rows, rows % 3, rows, generator);
  for (const std::size_t rows : {127U, 128U, 129U}) Fixture::exercise(rows, 130 - rows % 5, 2, generator);
}

TYPED_TEST(DeviceTest, CircuitsAloneAtBordersOfBlocksAndWarps) {
  std::mt19937_64 generator(2);
  using Fixture = DeviceTest<TypeParam>;
  // total, seen, and the two public values are four constraints more.
  for (const std::size_t constraints : {4U, 31U, 32U, 33U, 127U, 128U, 129U, 257U}) {
    Fixture::exercise(0, constraints / 2, constraints - 4, generator);
  }
}

TYPED_TEST(DeviceTest, ZeroDenominatorsAreNoticed) {
  using Fixture = DeviceTest<TypeParam>;
  using C = typename Fixture::Curve;
  using F = typename Fixture::Scalar;
  if (!TestRelation<F>::kHasBlocks) return;  // nothing to solve
  std::mt19937_64 generator(3);
  for (const std::size_t rows : {1U, 200U}) {
    const TestRelation<F> relation(rows, 1, 1);
    const commit::CommitmentKey<C> key(test_points<C>(relation.generators(), generator));
    const auto device = Fixture::make(relation, key);
    const auto witness = relation.witness(generator);
    const auto challenges = relation.challenges_without_solution(witness, F::random(generator));
    EXPECT_FALSE(relation.solve_blocks(witness, challenges));
    EXPECT_FALSE(device->start_segment(challenges)->make_fresh(witness.view())->solve_blocks());
    const r1cs::Challenges<F> others{challenges.gamma + F::one(), challenges.beta};
    EXPECT_TRUE(device->start_segment(others)->make_fresh(witness.view())->solve_blocks());
  }
}

TYPED_TEST(DeviceTest, CommitmentsAtBordersOfBlocksAndWarps) {
  using Fixture = DeviceTest<TypeParam>;
  using C = typename Fixture::Curve;
  using F = typename Fixture::Scalar;
  std::mt19937_64 generator(4);
  const TestRelation<F> relation(0, 0, 0);
  const auto points = test_points<C>(1025, generator);
  const commit::CommitmentKey<C> key(points);
  const auto device = Fixture::make(relation, key);
  for (const std::size_t size : {0U, 1U, 2U, 3U, 4U, 5U, 8U, 31U, 32U, 33U, 127U, 128U, 129U, 512U, 1023U, 1025U}) {
    std::vector<F> scalars(size);
    for (F& scalar : scalars) scalar = F::random(generator);
    EXPECT_EQ(device->commit(scalars), naive_sum<C>(points, scalars)) << size;
  }
}

TYPED_TEST(DeviceTest, CommitmentsToEdgeScalars) {
  using Fixture = DeviceTest<TypeParam>;
  using C = typename Fixture::Curve;
  using F = typename Fixture::Scalar;
  std::mt19937_64 generator(5);
  const TestRelation<F> relation(0, 0, 0);
  const auto points = test_points<C>(300, generator);
  const commit::CommitmentKey<C> key(points);
  const auto device = Fixture::make(relation, key);
  const F half = *F::from_canonical(F::kModulus.shifted_right(1));
  for (const F& scalar : {F::zero(), F::one(), -F::one(), half, half + F::one(), F::from_u64(2)}) {
    const std::vector<F> all(300, scalar);
    EXPECT_EQ(device->commit(all), naive_sum<C>(points, all));
    EXPECT_EQ(device->commit(std::span(all).first(1)), naive_sum<C>(points, std::span(all).first(1)));
  }
  // 2^i, 2^i - 1, 2^i + 1 and their opposites: carries into every window.
  for (int kind = 0; kind < 6; ++kind) {
    std::vector<F> edges;
    for (std::size_t bit = 0; bit < 254; ++bit) {
      F edge = F::from_u64(2).pow(bit) + F::from_i64(kind % 3 - 1);
      edges.push_back(kind < 3 ? edge : -edge);
    }
    EXPECT_EQ(device->commit(edges), naive_sum<C>(points, edges)) << kind;
  }
}

TYPED_TEST(DeviceTest, CommitmentsWithRepeatedOppositeAndInfiniteGenerators) {
  using Fixture = DeviceTest<TypeParam>;
  using C = typename Fixture::Curve;
  using F = typename Fixture::Scalar;
  std::mt19937_64 generator(6);
  const TestRelation<F> relation(0, 0, 0);
  const auto distinct = test_points<C>(4, generator);
  std::vector<AffinePoint<C>> points(500);
  for (auto& point : points) {
    point = distinct[generator() % distinct.size()];
    if (generator() % 2 == 0) point = -point;
    if (generator() % 5 == 0) point = AffinePoint<C>::infinity();
  }
  const auto check = [&](const std::vector<AffinePoint<C>>& generators, const std::vector<F>& scalars) {
    const commit::CommitmentKey<C> key(generators);
    const auto device = Fixture::make(relation, key);
    EXPECT_EQ(device->commit(scalars), naive_sum<C>(generators, scalars));
  };
  std::vector<F> scalars(points.size());
  for (F& scalar : scalars) {
    const F choices[] = {F::zero(), F::one(), -F::one(), F::from_u64(generator() % 3), F::random(generator)};
    scalar = choices[generator() % 5];
  }
  check(points, scalars);
  const std::vector<F> ones(points.size(), F::one());
  points.assign(points.size(), distinct[0]);
  check(points, ones);
  for (std::size_t i = 1; i < points.size(); i += 2) points[i] = -points[i];
  check(points, ones);
  points.assign(points.size(), AffinePoint<C>::infinity());
  check(points, ones);
}

/// Two assignments at a time, from threads of their own, as the prover does.
TYPED_TEST(DeviceTest, AssignmentsMayBeMadeConcurrently) {
  using Fixture = DeviceTest<TypeParam>;
  using C = typename Fixture::Curve;
  using F = typename Fixture::Scalar;
  std::mt19937_64 generator(7);
  const TestRelation<F> relation(40, 3, 60);
  const auto points = test_points<C>(relation.generators(), generator);
  const commit::CommitmentKey<C> key(points);
  const auto device = Fixture::make(relation, key);
  const r1cs::Challenges<F> challenges{F::random(generator), F::random(generator)};
  const auto accumulator = device->start_segment(challenges);
  std::vector<std::thread> threads;
  std::array<bool, 4> equal{};
  for (std::size_t t = 0; t < equal.size(); ++t) {
    threads.emplace_back([&, t] {
      std::mt19937_64 own(100 + t);
      for (int round = 0; round < 3; ++round) {
        const auto witness = relation.witness(own);
        auto fresh = accumulator->make_fresh(witness.view());
        if (!fresh->solve_blocks()) return;
        const auto blocks = *relation.solve_blocks(witness, challenges);
        const auto commitment = fresh->commit_blocks();
        const auto values = relation.circuit_values(witness, blocks, challenges);
        std::vector<F> stage2 = blocks;
        stage2.insert(stage2.end(), values.stage2.begin(), values.stage2.end());
        if (fresh->complete(values, commitment) != key.commit(std::span<const F>(stage2))) return;
        if (device->commit_stage1(witness.view()) != key.commit(std::span<const F>(witness.stage1))) return;
      }
      equal[t] = true;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(equal, (std::array{true, true, true, true}));
}

}  // namespace
}  // namespace magnetar::device
