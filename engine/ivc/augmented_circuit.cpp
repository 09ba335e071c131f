#include "engine/ivc/augmented_circuit.h"

#include <array>
#include <cassert>
#include <vector>

#include "engine/ivc/circuit_foreign.h"
#include "engine/ivc/circuit_point.h"
#include "engine/ivc/circuit_sponge.h"

namespace magnetar::ivc {
namespace {

using algebra::Fq;
using algebra::Fr;
using fold::kStaged;

constexpr std::size_t kFreshBits = 250;
constexpr std::size_t kChainWidth = 5;

const hash::SpongePattern& chain_pattern() {
  using enum hash::SpongeOperation;
  static const hash::SpongePattern pattern("magnetar-v1 chain", {{kAbsorbElement, 3}, {kSqueezeElement}});
  return pattern;
}

/// A running instance over C in a circuit over C's base field.
template <class C>
struct CircuitRunning {
  using F = typename C::BaseField;

  CircuitPoint<C> c1, c2, e;
  Value<F> u;
  std::array<Limbs<F>, 2> x;

  /// New variables, which a hash binds.
  static CircuitRunning make(Builder<F>& b, const fold::RunningInstance<C>& running) {
    const auto scope = b.scope("running");
    CircuitRunning made;
    if constexpr (kStaged<C>) made.c1 = CircuitPoint<C>::trusted(b, "c1", running.c1);
    made.c2 = CircuitPoint<C>::trusted(b, "c2", running.c2);
    made.e = CircuitPoint<C>::trusted(b, "e", running.e);
    made.u = b.variable("u", F::reduce(running.u.to_canonical()));
    for (std::size_t i = 0; i < made.x.size(); ++i) {
      const auto limbs = hash::foreign_limbs(running.x[i]);
      for (std::size_t k = 0; k < limbs.size(); ++k) made.x[i][k] = b.variable("limb", F::from_u64(limbs[k]));
    }
    return made;
  }

  static CircuitRunning zero() {
    const auto infinity = CircuitPoint<C>::infinity();
    return {infinity, infinity, infinity, {}, {}};
  }

  static CircuitRunning select(Builder<F>& b, const Value<F>& condition, const CircuitRunning& p,
                               const CircuitRunning& q) {
    const auto scope = b.scope("select");
    CircuitRunning selected;
    if constexpr (kStaged<C>) selected.c1 = CircuitPoint<C>::select(b, "c1", condition, p.c1, q.c1);
    selected.c2 = CircuitPoint<C>::select(b, "c2", condition, p.c2, q.c2);
    selected.e = CircuitPoint<C>::select(b, "e", condition, p.e, q.e);
    selected.u = b.select("u", condition, p.u, q.u);
    for (std::size_t i = 0; i < p.x.size(); ++i) {
      for (std::size_t k = 0; k < p.x[i].size(); ++k) {
        selected.x[i][k] = b.select("limb", condition, p.x[i][k], q.x[i][k]);
      }
    }
    return selected;
  }
};

/// fold::instance_hash in circuit: the bits of the hash.
template <class C>
Bits<typename C::BaseField> instance_hash(Builder<typename C::BaseField>& b, std::string_view name,
                                          const Value<typename C::BaseField>& digest,
                                          const Value<typename C::BaseField>& steps,
                                          std::span<const Value<typename C::BaseField>> state,
                                          const CircuitRunning<C>& running) {
  const auto scope = b.scope(name);
  const hash::SpongePattern pattern = fold::instance_pattern<C>(state.size());
  CircuitSponge<typename C::BaseField, fold::kSpongeWidth> sponge(b, pattern);
  const auto absorb_point = [&](const CircuitPoint<C>& point) {
    sponge.absorb(point.x);
    sponge.absorb(point.y);
  };
  sponge.absorb(digest);
  sponge.absorb(steps);
  for (const auto& element : state) sponge.absorb(element);
  if constexpr (kStaged<C>) absorb_point(running.c1);
  absorb_point(running.c2);
  absorb_point(running.e);
  sponge.absorb(running.u);
  for (const auto& x : running.x) {
    for (const auto& limb : x) sponge.absorb(limb);
  }
  return sponge.squeeze_digest();
}

/// A fold that was verified: of the running instance which the hash binds, and of a fresh one whose first public
/// element is that hash.
template <class C>
struct VerifiedFold {
  using F = typename C::BaseField;

  Value<F> digest;
  Value<F> step;
  Value<F> is_base;  ///< whether step = 0; the fold then means nothing
  CircuitPoint<C> c1, c2;
  std::array<Limbs<F>, 2> x;  ///< of the fresh instance
  CircuitRunning<C> folded;
};

template <class C>
VerifiedFold<C> verify_fold(Builder<typename C::BaseField>& b, std::span<const Value<typename C::BaseField>> state,
                            const FoldAdvice<C>& advice) {
  using F = typename C::BaseField;
  using Foreign = typename C::ScalarField;
  VerifiedFold<C> result;
  result.digest = b.variable("segment digest", F::reduce(advice.segment_digest));
  result.step = b.variable("step", F::from_u64(advice.step));
  result.is_base = b.is_zero("is base", result.step);
  const auto running = CircuitRunning<C>::make(b, advice.running);

  // The fresh instance. Its first public element is the running one's hash by definition, not by comparison.
  if constexpr (kStaged<C>) result.c1 = CircuitPoint<C>::on_curve(b, "c1", advice.fresh.c1);
  result.c2 = CircuitPoint<C>::on_curve(b, "c2", advice.fresh.c2);
  const Bits<F> hash = instance_hash<C>(b, "hash before", result.digest, result.step, state, running);
  result.x[0] = limbs_of<F>(hash);
  const Bits<F> second = new_bits(b, "second public element", advice.fresh.x[1].to_canonical(), kFreshBits);
  result.x[1] = limbs_of<F>(second);
  const auto cross_term = CircuitPoint<C>::on_curve(b, "cross term", advice.cross_term);

  CircuitSponge<F, fold::kSpongeWidth> sponge(b, fold::challenge_pattern<C>());
  const auto absorb_point = [&](const CircuitPoint<C>& point) {
    sponge.absorb(point.x);
    sponge.absorb(point.y);
  };
  sponge.absorb(result.digest);
  if constexpr (kStaged<C>) absorb_point(result.c1);
  absorb_point(result.c2);
  for (const auto& x : result.x) sponge.absorb(element_of(x));
  absorb_point(cross_term);
  const Bits<F> challenge = sponge.squeeze_challenge();

  const auto fold_point = [&](std::string_view name, const CircuitPoint<C>& of_running,
                              const CircuitPoint<C>& of_fresh) {
    const auto scope = b.scope(name);
    return CircuitPoint<C>::add(b, "sum", of_running, CircuitPoint<C>::multiply(b, "product", challenge, of_fresh));
  };
  if constexpr (kStaged<C>) result.folded.c1 = fold_point("fold c1", running.c1, result.c1);
  result.folded.c2 = fold_point("fold c2", running.c2, result.c2);
  result.folded.e = fold_point("fold e", running.e, cross_term);
  const Limbs<F> c = limbs_of<F>(challenge);
  // u is an integer in both fields: at most 2^129 more with each step.
  result.folded.u = running.u + packed<F>(challenge) + F::from_u64(2).pow(128);
  for (std::size_t i = 0; i < result.x.size(); ++i) {
    result.folded.x[i] =
        fold_foreign<F, Foreign>(b, i == 0 ? "fold x0" : "fold x1", running.x[i], {c[0], c[1]}, result.x[i]);
  }
  return result;
}

}  // namespace

std::vector<Fr> describe_primary(Builder<Fr>& b, const StepCircuit& step, const StepValues& values,
                                 std::span<const Fr> z0, std::span<const Fr> zi,
                                 const FoldAdvice<algebra::Grumpkin>& advice) {
  using C = algebra::Grumpkin;
  assert(z0.size() == step.arity() && zi.size() == step.arity());
  std::vector<Value<Fr>> state;  // z0, then zi
  for (const Fr& element : z0) state.push_back(b.variable("z0", element));
  for (const Fr& element : zi) state.push_back(b.variable("z", element));
  const auto verified = verify_fold<C>(b, state, advice);
  const std::size_t arity = z0.size();
  for (std::size_t k = 0; k < arity; ++k) b.constrain("base z", verified.is_base, state[arity + k] - state[k], {});
  const auto running = CircuitRunning<C>::select(b, verified.is_base, CircuitRunning<C>::zero(), verified.folded);

  std::vector<Value<Fr>> next;
  {
    const auto scope = b.scope("F");
    next = step.describe(b, std::span<const Value<Fr>>(state).subspan(arity), values);
  }
  assert(next.size() == arity);
  std::vector<Fr> result;
  for (std::size_t k = 0; k < arity; ++k) {
    // A variable of its own keeps a long combination out of the hash.
    Value<Fr> element = b.variable("next z", next[k].value());
    b.equal("next z", element, next[k]);
    state[arity + k] = element;
    result.push_back(element.value());
  }
  b.publish("x0", element_of(verified.x[1]));
  const Bits<Fr> hash = instance_hash<C>(b, "hash after", verified.digest, verified.step + Fr::one(), state, running);
  b.publish("x1", packed<Fr>(hash));
  return result;
}

void describe_secondary(Builder<Fq>& b, const Fq& chain, const FoldAdvice<algebra::Bn254>& advice) {
  using C = algebra::Bn254;
  std::vector<Value<Fq>> state{b.variable("chain", chain)};
  const auto verified = verify_fold<C>(b, state, advice);
  b.constrain("base chain", verified.is_base, state[0], {});
  const CircuitRunning<C> relaxed{verified.c1, verified.c2, CircuitPoint<C>::infinity(), Fq::one(), verified.x};
  const auto running = CircuitRunning<C>::select(b, verified.is_base, relaxed, verified.folded);

  {
    const auto scope = b.scope("next chain");
    CircuitSponge<Fq, kChainWidth> sponge(b, chain_pattern());
    sponge.absorb(state[0]);
    sponge.absorb(verified.c1.x);
    sponge.absorb(verified.c1.y);
    state[0] = sponge.squeeze_element();
  }
  b.publish("x0", element_of(verified.x[1]));
  const Bits<Fq> hash = instance_hash<C>(b, "hash after", verified.digest, verified.step + Fq::one(), state, running);
  b.publish("x1", packed<Fq>(hash));
}

Fq extend_chain(const Fq& chain, const algebra::Bn254Affine& commitment) {
  hash::Sponge<Fq, kChainWidth> sponge(chain_pattern());
  sponge.absorb(chain);
  sponge.absorb(commitment.x);
  sponge.absorb(commitment.y);
  return sponge.squeeze_element();
}

}  // namespace magnetar::ivc
