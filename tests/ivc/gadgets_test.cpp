#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>
#include <set>
#include <string>

#include "engine/ivc/circuit_foreign.h"
#include "engine/ivc/circuit_point.h"
#include "engine/ivc/circuit_sponge.h"
#include "engine/r1cs/relation.h"

namespace magnetar::ivc {
namespace {

using algebra::Fq;
using algebra::Fr;
using algebra::U256;

/// A described circuit, its shape and its values; the description also returns what the test looks at.
template <class F>
struct Described {
  r1cs::Relation<F> relation;
  r1cs::CircuitValues<F> values;

  explicit Described(const std::function<void(Builder<F>&)>& describe)
      : relation(shape(describe)), values(run(describe)) {}

  static r1cs::Circuit<F> shape(const std::function<void(Builder<F>&)>& describe) {
    Builder<F> builder(Builder<F>::Mode::kShape, {});
    describe(builder);
    return std::move(builder).take_circuit();
  }
  static r1cs::CircuitValues<F> run(const std::function<void(Builder<F>&)>& describe) {
    Builder<F> builder(Builder<F>::Mode::kValues, {});
    describe(builder);
    return std::move(builder).take_values();
  }
  std::optional<std::size_t> first_violated() const {
    return r1cs::FilledRelation<F>(relation, {})
        .first_violated({F::one(), values.publics, values.stage1, values.stage2});
  }
  void expect_satisfied() const {
    const auto violated = first_violated();
    EXPECT_FALSE(violated) << relation.constraint_name(*violated);
  }
};

template <class F>
std::vector<F> edge_elements() {
  std::mt19937_64 generator(7);
  std::vector<F> all{F::zero(),
                     F::one(),
                     -F::one(),
                     F::from_u64(2).pow(250),
                     F::from_u64(2).pow(253),
                     -F::from_u64(2),
                     F::from_u64(~std::uint64_t{0})};
  for (int i = 0; i < 5; ++i) all.push_back(F::random(generator));
  return all;
}

template <class F>
class FieldGadgets : public testing::Test {};
using Fields = testing::Types<Fr, Fq>;
TYPED_TEST_SUITE(FieldGadgets, Fields);

TYPED_TEST(FieldGadgets, StrictBitsAreTheCanonicalInteger) {
  using F = TypeParam;
  for (const F& x : edge_elements<F>()) {
    Bits<F> bits;
    const Described<F> circuit([&](Builder<F>& b) { bits = strict_bits(b, "bits", b.variable("x", x)); });
    circuit.expect_satisfied();
    for (std::size_t i = 0; i < F::kBits; ++i) EXPECT_EQ(bits[i].value().is_one(), x.to_canonical().bit(i));
    EXPECT_LT(circuit.relation.constraints(), 400U);
  }
}

// The other decomposition of a small x, that of x + p: refused by the strict gadget, and by its "equal" constraints
// alone: the sum and the bits' being bits allow it.
TYPED_TEST(FieldGadgets, StrictBitsRefuseTheIntegerPlusTheModulus) {
  using F = TypeParam;
  for (const std::uint64_t small : {0U, 1U, 1000U}) {
    const U256 forged = add(F::kModulus, U256::from_u64(small));
    ASSERT_EQ(forged.bit_length(), F::kBits);
    Described<F> circuit([&](Builder<F>& b) { strict_bits(b, "bits", b.variable("x", F::from_u64(small))); });
    const auto& names = circuit.relation.circuit().stage2;
    F equal = F::one();
    std::size_t bit = F::kBits;
    for (std::size_t i = 1; i < names.size(); ++i) {
      if (names[i] == "bits/bit") {
        circuit.values.stage2[i] = forged.bit(--bit) ? F::one() : F::zero();
        if (subtract(F::kModulus, U256::from_u64(1)).bit(bit)) equal *= circuit.values.stage2[i];
      } else {
        ASSERT_EQ(names[i], "bits/equal");
        circuit.values.stage2[i] = equal;
      }
    }
    ASSERT_EQ(bit, 0U);
    const auto violated = circuit.first_violated();
    ASSERT_TRUE(violated);
    // The constraint that fails is that of a bit which must be 0; it is satisfied by any bit once "equal" is dropped.
    const auto& constraint = circuit.relation.circuit().constraints[*violated];
    EXPECT_EQ(constraint.name, "bits/bit");
    EXPECT_EQ(constraint.b.size(), 3U) << "1 - bit - equal";
  }
}

template <class F, std::size_t kWidth>
void expect_same_sponge() {
  using enum hash::SpongeOperation;
  const auto elements = edge_elements<F>();
  for (std::size_t count = 0; count <= elements.size(); ++count) {
    const hash::SpongePattern pattern("magnetar-v1 test", {{kAbsorbElement, static_cast<std::uint32_t>(count)},
                                                           {kSqueezeElement},
                                                           {kSqueezeDigest},
                                                           {kAbsorbElement},
                                                           {kSqueezeChallenge}});
    hash::Sponge<F, kWidth> native(pattern);
    for (std::size_t i = 0; i < count; ++i) native.absorb(elements[i]);
    const F element = native.squeeze_element();
    const U256 digest = native.squeeze_digest();
    native.absorb(element);
    const U256 challenge = native.squeeze_challenge();

    const Described<F> circuit([&](Builder<F>& b) {
      CircuitSponge<F, kWidth> sponge(b, pattern);
      for (std::size_t i = 0; i < count; ++i) sponge.absorb(b.variable("input", elements[i]));
      const Value<F> squeezed = sponge.squeeze_element();
      EXPECT_EQ(squeezed.value(), b.records() ? squeezed.value() : element);
      b.publish("digest", packed<F>(sponge.squeeze_digest()));
      sponge.absorb(squeezed);
      b.publish("challenge", packed<F>(sponge.squeeze_challenge()));
    });
    EXPECT_EQ(circuit.values.publics[0], F::reduce(digest));
    EXPECT_EQ(circuit.values.publics[1], F::reduce(challenge));
    circuit.expect_satisfied();
  }
}

TEST(CircuitSponge, EqualsItsNativeTwin) {
  expect_same_sponge<Fr, 5>();
  expect_same_sponge<Fr, 10>();
  expect_same_sponge<Fq, 5>();
  expect_same_sponge<Fq, 10>();
}

template <class C>
class PointGadgets : public testing::Test {
 public:
  using Affine = algebra::AffinePoint<C>;
  using Point = algebra::Point<C>;

  static std::vector<Affine> points() {
    std::vector<Affine> all{Affine::infinity(), Affine::generator(), -Affine::generator()};
    std::mt19937_64 generator(8);
    for (int i = 0; i < 3; ++i) {
      all.push_back((Point(Affine::generator()) * C::ScalarField::random(generator)).to_affine());
    }
    all.push_back(Affine::generator().endomorphism());
    all.push_back(Point(all[3]).doubled().to_affine());
    return all;
  }
};
using Curves = testing::Types<algebra::Bn254, algebra::Grumpkin>;
TYPED_TEST_SUITE(PointGadgets, Curves);

TYPED_TEST(PointGadgets, SumsOfAllPairs) {
  using C = TypeParam;
  using F = typename C::BaseField;
  const auto points = TestFixture::points();
  for (const auto& p : points) {
    for (const auto& q : points) {
      for (const auto& second : {q, -p}) {
        const auto expected = (algebra::Point<C>(p) + second).to_affine();
        const Described<F> circuit([&](Builder<F>& b) {
          const auto a = CircuitPoint<C>::on_curve(b, "p", p);
          const auto sum = CircuitPoint<C>::add(b, "sum", a, CircuitPoint<C>::on_curve(b, "q", second));
          EXPECT_EQ(sum.value(), expected);
          EXPECT_EQ(sum.infinite.value(), expected.is_infinity() ? F::one() : F::zero());
        });
        circuit.expect_satisfied();
      }
    }
  }
}

TYPED_TEST(PointGadgets, Multiples) {
  using C = TypeParam;
  using F = typename C::BaseField;
  std::mt19937_64 generator(9);
  std::vector<U256> scalars{U256{}, U256::from_u64(1), U256::from_u64(2),
                            U256{{~std::uint64_t{0}, ~std::uint64_t{0}, 0, 0}},
                            U256{{0, std::uint64_t{1} << 63, 0, 0}}};
  for (int i = 0; i < 3; ++i) scalars.push_back(U256{{generator(), generator(), 0, 0}});
  for (const auto& point : TestFixture::points()) {
    for (const U256& low : scalars) {
      U256 scalar = low;
      scalar.limbs[2] = 1;
      const auto expected = algebra::Point<C>(point).times(scalar).to_affine();
      const Described<F> circuit([&](Builder<F>& b) {
        const auto p = CircuitPoint<C>::on_curve(b, "p", point);
        const Bits<F> bits = new_bits(b, "scalar", low, 128);
        const auto product = CircuitPoint<C>::multiply(b, "product", bits, p);
        EXPECT_EQ(product.value(), expected);
      });
      circuit.expect_satisfied();
      EXPECT_EQ(circuit.relation.constraints(), 5U + 128U + 778U);
    }
  }
}

TYPED_TEST(PointGadgets, PointsOffTheCurveAreRefused) {
  using C = TypeParam;
  using F = typename C::BaseField;
  const auto g = algebra::AffinePoint<C>::generator();
  for (const auto& bad :
       {algebra::AffinePoint<C>{g.x, g.y + F::one()}, {F::zero(), F::one()}, {g.x, F::zero()}, {g.y, g.x}}) {
    const Described<F> circuit([&](Builder<F>& b) { CircuitPoint<C>::on_curve(b, "p", bad); });
    EXPECT_TRUE(circuit.first_violated());
  }
}

template <class F, class Foreign>
void expect_foreign_folds() {
  std::mt19937_64 generator(10);
  std::vector<Foreign> runnings = edge_elements<Foreign>();
  const std::uint64_t ones = ~std::uint64_t{0};
  std::vector<U256> fresh{U256{}, U256::from_u64(1), U256{{ones, ones, ones, ones >> 6}}};
  std::vector<U256> challenges{U256{}, U256::from_u64(1), U256{{ones, ones, 0, 0}}};
  fresh.push_back({{generator(), generator(), generator(), generator() >> 6}});
  challenges.push_back({{generator(), generator(), 0, 0}});
  for (const Foreign& running : runnings) {
    for (const U256& x : fresh) {
      for (const U256& c : challenges) {
        U256 r = c;
        r.limbs[2] = 1;
        const Foreign expected = running + Foreign::reduce(r) * Foreign::reduce(x);
        const Described<F> circuit([&](Builder<F>& b) {
          const U256 integer = running.to_canonical();
          const Limbs<F> big = limbs_of<F>(new_bits(b, "X", integer, 254));
          const Limbs<F> small = limbs_of<F>(new_bits(b, "x", x, 250));
          const Bits<F> challenge = new_bits(b, "c", c, 128);
          const Limbs<F> limbs = limbs_of<F>(challenge);
          const Limbs<F> folded = fold_foreign<F, Foreign>(b, "fold", big, {limbs[0], limbs[1]}, small);
          for (std::size_t i = 0; i < 4; ++i) {
            EXPECT_EQ(folded[i].value(), F::from_u64(expected.to_canonical().limbs[i]));
          }
        });
        circuit.expect_satisfied();
        EXPECT_EQ(circuit.relation.constraints(), 254U + 250U + 128U + 517U);
      }
    }
  }
}

TEST(FoldForeign, EqualsNativeArithmetic) {
  expect_foreign_folds<Fr, Fq>();
  expect_foreign_folds<Fq, Fr>();
}

/// The names of all constraints that are violated.
template <class F>
std::set<std::string> violated_names(const Described<F>& circuit) {
  const r1cs::FilledRelation<F> filled(circuit.relation, {});
  const auto products =
      filled.products({F::one(), circuit.values.publics, circuit.values.stage1, circuit.values.stage2});
  std::set<std::string> names;
  for (std::size_t i = 0; i < products.a.size(); ++i) {
    if (products.a[i] * products.b[i] != products.c[i]) names.insert(circuit.relation.constraint_name(i));
  }
  return names;
}

// Each of the two constraints refuses a lie, and nothing else does.
TEST(IsZero, BothConstraintsAreNeeded) {
  const auto circuit_of = [](std::uint64_t x) {
    return Described<Fr>([=](Builder<Fr>& b) { b.is_zero("x", b.variable("x", Fr::from_u64(x))); });
  };
  for (const std::uint64_t x : {0U, 1U, 77U}) {
    Described<Fr> circuit = circuit_of(x);
    circuit.expect_satisfied();
    auto& values = circuit.values.stage2;  // x, inverse, zero
    ASSERT_EQ(values.size(), 3U);
    if (x == 0) {
      values[2] = Fr::zero();
      EXPECT_EQ(violated_names(circuit), std::set<std::string>{"x/inverse"});
    } else {
      values[1] = Fr::zero();
      values[2] = Fr::one();
      EXPECT_EQ(violated_names(circuit), std::set<std::string>{"x/zero"});
    }
  }
}

// For each equation of fold_foreign a wrong result that satisfies all the others.
TEST(FoldForeign, EveryEquationIsNeeded) {
  const U256 x{{5, 6, 7, 8}};
  const U256 big{{1, 2, 3, 4}};
  const auto make = [&] {
    return Described<Fr>([&](Builder<Fr>& b) {
      const Limbs<Fr> running = limbs_of<Fr>(new_bits(b, "X", big, 254));
      const Limbs<Fr> fresh = limbs_of<Fr>(new_bits(b, "x", x, 250));
      const Limbs<Fr> c = limbs_of<Fr>(new_bits(b, "c", {{~std::uint64_t{0}, 1234567, 0, 0}}, 128));
      fold_foreign<Fr, Fq>(b, "fold", running, {c[0], c[1]}, fresh);
    });
  };
  const auto index_of = [](const Described<Fr>& circuit, const std::string& name) {
    const auto& names = circuit.relation.circuit().stage2;
    const auto found = std::find(names.begin(), names.end(), name);
    EXPECT_NE(found, names.end()) << name;
    return static_cast<std::size_t>(found - names.begin());
  };
  const auto write = [&](Described<Fr>& circuit, const std::string& name, const U256& value, std::size_t bits) {
    const std::size_t at = index_of(circuit, "fold/" + name + "/bit");
    for (std::size_t i = 0; i < bits; ++i) circuit.values.stage2[at + i] = value.bit(i) ? Fr::one() : Fr::zero();
  };
  const auto read = [&](const Described<Fr>& circuit, const std::string& name, std::size_t bits) {
    const std::size_t at = index_of(circuit, "fold/" + name + "/bit");
    U256 value;
    for (std::size_t i = bits; i-- > 0;) {
      value = value.shifted_left(1);
      if (circuit.values.stage2[at + i].is_one()) value.limbs[0] |= 1;
    }
    return value;
  };
  // How far a column is from its carry: what its constraint's sides differ by.
  const auto excess = [&](const Described<Fr>& circuit, const std::string& column) {
    const r1cs::FilledRelation<Fr> filled(circuit.relation, {});
    const auto p = filled.products({Fr::one(), circuit.values.publics, circuit.values.stage1, circuit.values.stage2});
    for (std::size_t i = 0; i < p.a.size(); ++i) {
      if (circuit.relation.constraint_name(i) == "fold/" + column) return p.a[i] * p.b[i] - p.c[i];
    }
    ADD_FAILURE() << column;
    return Fr::zero();
  };
  // Sets a column's carry to what the column then holds, if 2^64 divides it.
  const auto carry = [&](Described<Fr>& circuit, const std::string& column, std::size_t bits) {
    const Fr old = Fr::reduce(read(circuit, column, bits));
    write(circuit, column, (old + excess(circuit, column) * Fr::from_u64(2).pow(64).inverse()).to_canonical(), bits);
  };
  using Names = std::set<std::string>;
  const U256 difference = subtract(Fq::kModulus, Fr::kModulus);  // m - p > 0

  // The result plus 2^128: the same modulo 2^128.
  Described<Fr> circuit = make();
  circuit.expect_satisfied();
  U256 result = read(circuit, "result", 254);
  const U256 quotient = read(circuit, "quotient", 126);
  ++result.limbs[2];
  write(circuit, "result", result, 254);
  EXPECT_EQ(violated_names(circuit), Names{"fold/modulo p"});

  // The quotient plus 1, the result less m - p: the same modulo p.
  circuit = make();
  write(circuit, "result", subtract(read(circuit, "result", 254), difference), 254);
  write(circuit, "quotient", add(quotient, U256::from_u64(1)), 126);
  {
    // Column 1 takes any carry from column 0 that makes it come out.
    Described<Fr> forged = circuit;
    // Plus 2^192, so that it is a positive integer.
    const U256 column1 = (excess(forged, "column 1") + Fr::from_u64(2).pow(192)).to_canonical();
    const U256 carry0 = read(forged, "column 0", 65);
    const std::uint64_t low = carry0.limbs[0] - column1.limbs[0];
    write(forged, "column 0", {{low, carry0.limbs[1], 0, 0}}, 65);
    carry(forged, "column 1", 66);
    EXPECT_EQ(violated_names(forged), Names{"fold/column 0"});
    // Or the product in column 0 does.
    forged.values.stage2[index_of(forged, "fold/c0 x0")] -= excess(forged, "column 0");
    EXPECT_EQ(violated_names(forged), Names{"fold/c0 x0"});
  }

  // The quotient plus 2^64, the result less 2^64·(m - p): the same modulo p and in column 0.
  circuit = make();
  U256 shifted = difference;
  shifted.limbs = {0, difference.limbs[0], difference.limbs[1], difference.limbs[2]};
  ASSERT_EQ(difference.limbs[3], 0U);
  write(circuit, "result", subtract(read(circuit, "result", 254), shifted), 254);
  write(circuit, "quotient", add(quotient, U256{{0, 1, 0, 0}}), 126);
  EXPECT_EQ(violated_names(circuit), Names{"fold/column 1"});
  for (const char* product : {"c0 x1", "c1 x0"}) {
    Described<Fr> forged = circuit;
    forged.values.stage2[index_of(forged, std::string("fold/") + product)] -= excess(forged, "column 1");
    EXPECT_EQ(violated_names(forged), Names{std::string("fold/") + product});
  }
}

}  // namespace
}  // namespace magnetar::ivc
