// What takes long: a hundred steps, and the hunt for variables of the augmented circuits that the constraints leave
// open.

#include <gtest/gtest.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>

#include "engine.h"

namespace magnetar::ivc {
namespace {

using algebra::Fq;
using algebra::Fr;

TEST(Ivc, ProvesAHundredSteps) {
  const auto step = make_min_root();
  const Engine engine(*step);
  Proved proved(engine, 100);
  std::uint64_t last = 0;
  ASSERT_TRUE(proved.prover->run(engine.source(), 100, [&](std::uint64_t done) {
    EXPECT_EQ(done, last + 1);
    last = done;
    return true;
  }));
  EXPECT_EQ(last, 100U);
  std::vector<Fr> z = step->z0();
  for (std::uint64_t i = 0; i < 100; ++i) z = step->apply(i, z, proved.segment);
  proved.claim.zn = z;
  const auto verdict = verify(engine.circuits, engine.keys, proved.claim, proved.prover->state().proof);
  EXPECT_TRUE(verdict) << verdict.error().describe();
}

/// A circuit without blocks and an assignment that satisfies it, for changing single variables.
template <class F>
class Prey {
 public:
  Prey(const r1cs::Relation<F>& relation, r1cs::CircuitValues<F> values)
      : relation_(relation), values_(std::move(values)), uses_(relation.stage2()) {
    const auto& constraints = relation.circuit().constraints;
    for (std::size_t i = 0; i < constraints.size(); ++i) {
      for (const auto* side : {&constraints[i].a, &constraints[i].b, &constraints[i].c}) {
        for (const auto& term : *side) {
          if (term.variable.part() != r1cs::Part::kStage2) continue;
          auto& uses = uses_[term.variable.index()];
          if (uses.empty() || uses.back() != i) uses.push_back(i);
        }
      }
      sides_.push_back({evaluate(constraints[i].a), evaluate(constraints[i].b), evaluate(constraints[i].c)});
      if (sides_[i][0] * sides_[i][1] != sides_[i][2]) violated_ = true;
    }
  }

  bool satisfied() const { return !violated_; }
  const std::vector<F>& values() const { return values_.stage2; }
  std::size_t size() const { return uses_.size(); }
  const std::string& name(std::size_t variable) const { return relation_.circuit().stage2[variable]; }
  const std::vector<std::size_t>& uses(std::size_t variable) const { return uses_[variable]; }

  /// Whether some constraint is violated once `delta` is added to the variable, those named `without` aside.
  bool notices(std::size_t variable, const F& delta, const std::string& without = {}) const {
    return std::any_of(uses_[variable].begin(), uses_[variable].end(), [&](std::size_t i) {
      const auto& constraint = relation_.circuit().constraints[i];
      if (constraint.name == without) return false;
      const auto changed = [&](std::size_t side, const r1cs::Terms<F>& terms) {
        F value = sides_[i][side];
        for (const auto& term : terms) {
          if (term.variable == r1cs::Reference(r1cs::Part::kStage2, variable)) value += term.coefficient * delta;
        }
        return value;
      };
      return changed(0, constraint.a) * changed(1, constraint.b) != changed(2, constraint.c);
    });
  }

  /// The variables that cannot move a little, as long as those in `fixed` and the public ones do not: the
  /// constraints' differentials, taken one unknown at a time, leave them no direction. Constraints named `without` do
  /// not count.
  std::vector<bool> rigid(const std::set<std::string>& fixed, const std::string& without = {}) const {
    const auto& constraints = relation_.circuit().constraints;
    // d(a·b - c) = Σ coefficient · d(variable)
    std::vector<std::map<std::size_t, F>> differentials(constraints.size());
    for (std::size_t i = 0; i < constraints.size(); ++i) {
      if (constraints[i].name == without) continue;
      const auto add = [&](const r1cs::Terms<F>& terms, const F& factor) {
        for (const auto& term : terms) {
          if (term.variable.part() != r1cs::Part::kStage2) continue;
          differentials[i][term.variable.index()] += factor * term.coefficient;
        }
      };
      add(constraints[i].a, sides_[i][1]);
      add(constraints[i].b, sides_[i][0]);
      add(constraints[i].c, -F::one());
      std::erase_if(differentials[i], [](const auto& entry) { return entry.second.is_zero(); });
    }
    std::vector<bool> known(size());
    std::vector<std::size_t> waiting;
    const auto settle = [&](std::size_t variable) {
      if (known[variable]) return;
      known[variable] = true;
      waiting.push_back(variable);
    };
    for (std::size_t v = 0; v < size(); ++v) {
      if (fixed.contains(name(v))) settle(v);
    }
    for (const auto& differential : differentials) {
      if (differential.size() == 1) settle(differential.begin()->first);
    }
    while (!waiting.empty()) {
      const std::size_t variable = waiting.back();
      waiting.pop_back();
      for (const std::size_t i : uses_[variable]) {
        differentials[i].erase(variable);
        if (differentials[i].size() == 1) settle(differentials[i].begin()->first);
      }
    }
    return known;
  }

 private:
  F evaluate(const r1cs::Terms<F>& terms) const {
    F sum;
    for (const auto& term : terms) {
      F value = F::one();
      if (term.variable.part() == r1cs::Part::kPublic) value = values_.publics[term.variable.index()];
      if (term.variable.part() == r1cs::Part::kStage2) value = values_.stage2[term.variable.index()];
      sum += term.coefficient * value;
    }
    return sum;
  }

  const r1cs::Relation<F>& relation_;
  r1cs::CircuitValues<F> values_;
  std::vector<std::vector<std::size_t>> uses_;
  std::vector<std::array<F, 3>> sides_;
  bool violated_ = false;
};

/// Advice of a step after the first: some running and fresh instance. The circuits do not care that nothing satisfies
/// them.
template <class C>
FoldAdvice<C> some_advice(std::uint64_t step) {
  using Scalar = typename C::ScalarField;
  using Point = algebra::Point<C>;
  const auto point = [](std::uint64_t k) {
    return (Point(algebra::AffinePoint<C>::generator()) * Scalar::from_u64(k)).to_affine();
  };
  FoldAdvice<C> advice;
  advice.segment_digest = algebra::U256::from_u64(123456789);
  advice.step = step;
  if (fold::kStaged<C>) advice.running.c1 = point(11);
  if (fold::kStaged<C>) advice.fresh.c1 = point(12);
  advice.running.c2 = point(13);
  advice.running.e = point(14);
  advice.running.u = Scalar::from_u64(15);
  advice.running.x = {-Scalar::from_u64(16), Scalar::from_u64(17).inverse()};
  advice.fresh.c2 = point(18);
  advice.fresh.x[1] = Scalar::reduce({{1, 2, 3, 4}});
  advice.cross_term = point(20);
  return advice;
}

Prey<Fr> primary_prey(const Circuits& circuits, const TestStep& step, std::uint64_t index) {
  Builder<Fr> builder(Builder<Fr>::Mode::kValues, {});
  describe_primary(builder, step, {}, step.z0(), step.z0(), some_advice<algebra::Grumpkin>(index));
  return {circuits.primary(), std::move(builder).take_values()};
}

Prey<Fq> secondary_prey(const Circuits& circuits, std::uint64_t index) {
  Builder<Fq> builder(Builder<Fq>::Mode::kValues, {});
  describe_secondary(builder, Fq::from_u64(index == 0 ? 0 : 21), some_advice<algebra::Bn254>(index));
  return {circuits.secondary(), std::move(builder).take_values()};
}

/// What the circuits are told, and only the hashes bind; bits of the second public element are free, too, but no value
/// is near another.
const std::set<std::string> kAdvice = {"z0",
                                       "z",
                                       "chain",
                                       "segment digest",
                                       "step",
                                       "running/c1/x",
                                       "running/c1/y",
                                       "running/c2/x",
                                       "running/c2/y",
                                       "running/e/x",
                                       "running/e/y",
                                       "running/u",
                                       "running/limb",
                                       "c1/point/x",
                                       "c1/point/y",
                                       "c2/point/x",
                                       "c2/point/y",
                                       "cross term/point/x",
                                       "cross term/point/y"};

/// The names of variables that the constraints, those named `without` aside, leave open: one of several changes
/// goes unnoticed, or the differentials leave a direction.
template <class F>
std::set<std::string> open_variables(const Prey<F>& prey, const std::string& without = {}) {
  std::set<std::string> names;
  const F random = F::from_u64(0x9e3779b97f4a7c15).pow(3);
  const std::vector<bool> rigid = prey.rigid(kAdvice, without);
  for (std::size_t v = 0; v < prey.size(); ++v) {
    const F& value = prey.values()[v];
    bool open = !rigid[v];
    for (const F& delta : {F::one(), -F::one(), random, F::one() - value.doubled(), -value.doubled()}) {
      open = open || (!delta.is_zero() && !prey.notices(v, delta, without));
    }
    if (open) names.insert(prey.name(v));
  }
  return names;
}

/// Constraints whose absence opens no variable, with the tests that see them.
bool is_seen_elsewhere(const std::string& name) {
  // Public elements: every proof that verifies. What base cases start from: Refusals.BaseCasesAndPointsInCircuit.
  static const std::set<std::string> others = {"x0", "x1", "base z", "base chain", "is base/zero"};
  if (others.contains(name)) return true;
  // They bind advice to the curve: Refusals.BaseCasesAndPointsInCircuit, IsZero.
  for (const char* end : {"/curve", "/x^2", "/y^2", "/infinite/zero"}) {
    for (const char* point : {"c1", "c2", "cross term", "c1/point", "c2/point", "cross term/point"}) {
      if (name == std::string(point) + end) return true;
    }
  }
  // They bind bits, whose every single change another constraint notices: FoldForeign.EveryEquationIsNeeded.
  return name.starts_with("fold x") &&
         (name.ends_with(" x0") || name.ends_with(" x1") || name.ends_with("/column 0") || name.ends_with("/modulo p"));
}

template <class F>
void hunt(const r1cs::Relation<F>& relation, const Prey<F>& prey, bool is_base) {
  ASSERT_TRUE(prey.satisfied());
  // In the base case the inverse of step = 0 is free. It enters nothing else.
  const std::set<std::string> expected = is_base ? std::set<std::string>{"is base/inverse"} : std::set<std::string>{};
  EXPECT_EQ(open_variables(prey), expected);

  // And the hunt sees: without the constraints of any one name something more is open.
  std::set<std::string> names;
  for (const auto& constraint : relation.circuit().constraints) {
    if (!is_seen_elsewhere(constraint.name)) names.insert(constraint.name);
  }
  const std::vector<std::string> all(names.begin(), names.end());
  tbb::parallel_for(std::size_t{0}, all.size(), [&](std::size_t i) {
    auto open = open_variables(prey, all[i]);
    for (const auto& name : expected) open.erase(name);
    EXPECT_FALSE(open.empty()) << "nothing opens without " << all[i];
  });
}

TEST(Hunt, PrimaryCircuit) {
  const auto step = make_counter();
  const Circuits circuits(*step);
  for (const std::uint64_t index : {0U, 1U}) {
    SCOPED_TRACE(index);
    hunt(circuits.primary(), primary_prey(circuits, *step, index), index == 0);
  }
}

TEST(Hunt, SecondaryCircuit) {
  const auto step = make_counter();
  const Circuits circuits(*step);
  for (const std::uint64_t index : {0U, 1U}) {
    SCOPED_TRACE(index);
    hunt(circuits.secondary(), secondary_prey(circuits, index), index == 0);
  }
}

}  // namespace
}  // namespace magnetar::ivc
