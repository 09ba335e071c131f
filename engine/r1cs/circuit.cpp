#include "engine/r1cs/circuit.h"

#include <cassert>
#include <tuple>

namespace magnetar::r1cs {
namespace {

template <class F>
auto key(const Term<F>& term) {
  return std::tuple(term.variable, term.symbol);
}

/// a + factor·b
template <class F>
Terms<F> merged(const Terms<F>& a, const Terms<F>& b, const F& factor) {
  Terms<F> sum;
  sum.reserve(a.size() + b.size());
  auto at = a.begin();
  for (const Term<F>& term : b) {
    while (at != a.end() && key(*at) < key(term)) sum.push_back(*at++);
    Term<F> scaled = term;
    scaled.coefficient *= factor;
    if (at != a.end() && key(*at) == key(term)) scaled.coefficient += (at++)->coefficient;
    if (!scaled.coefficient.is_zero()) sum.push_back(scaled);
  }
  sum.insert(sum.end(), at, a.end());
  return sum;
}

}  // namespace

template <class F>
Combination<F>& Combination<F>::operator+=(const Combination& other) {
  value_ += other.value_;
  constant_ += other.constant_;
  if (!other.terms_.empty()) terms_ = merged(terms_, other.terms_, F::one());
  return *this;
}

template <class F>
Combination<F>& Combination<F>::operator-=(const Combination& other) {
  value_ -= other.value_;
  constant_ -= other.constant_;
  if (!other.terms_.empty()) terms_ = merged(terms_, other.terms_, -F::one());
  return *this;
}

template <class F>
Combination<F> Combination<F>::scaled(const F& factor) const {
  Combination result(factor * constant_);
  result.value_ = factor * value_;
  if (!terms_.empty()) result.terms_ = merged({}, terms_, factor);
  return result;
}

template <class F>
Combination<F> CircuitBuilder<F>::foreign_sum(Reference first, std::size_t count, const F& value) const {
  Value result;
  result.value_ = value;
  if (!records()) return result;
  result.terms_.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    result.terms_.push_back({Reference(first.part(), first.index() + i), Symbol::one(), F::one()});
  }
  return result;
}

template <class F>
Combination<F> CircuitBuilder<F>::times(const Value& a, Symbol symbol) const {
  Value result;
  result.value_ = a.value_ * challenges_.value(symbol);
  if (!records()) return result;
  for (Term<F> term : terms(a)) {
    assert(term.symbol == Symbol::one());
    term.symbol = symbol;
    result.terms_.push_back(term);
  }
  return result;
}

template <class F>
void CircuitBuilder<F>::publish(std::string_view name, const Value& value) {
  values_.publics.push_back(value.value());
  const Value result = own(name, Part::kPublic, values_.publics.size() - 1, circuit_.publics, value.value());
  equal(name, value, result);
}

template <class F>
void CircuitBuilder<F>::constrain(std::string_view name, const Value& a, const Value& b, const Value& c) {
  if (!records()) return;
  circuit_.constraints.push_back({prefix_ + std::string(name), terms(a), terms(b), terms(c)});
}

template <class F>
Combination<F> CircuitBuilder<F>::is_zero(std::string_view name, const Value& x) {
  // x·inverse = 1 - zero and x·zero = 0: if x is not 0 the second gives zero = 0; if it is, the first gives zero = 1.
  const auto named = scope(name);
  const Value inverse = variable("inverse", x.value().inverse());
  Value zero = variable("zero", x.value().is_zero() ? F::one() : F::zero());
  constrain("inverse", x, inverse, Value(F::one()) - zero);
  constrain("zero", x, zero, {});
  return zero;
}

template <class F>
Terms<F> CircuitBuilder<F>::terms(const Value& a) const {
  Terms<F> all;
  if (!a.constant_.is_zero()) all.push_back({Reference(Part::kU, 0), Symbol::one(), a.constant_});
  // Terms of u with a challenge come next, as those of u come before all others.
  all.insert(all.end(), a.terms_.begin(), a.terms_.end());
  return all;
}

template class Combination<algebra::Fr>;
template class Combination<algebra::Fq>;
template class CircuitBuilder<algebra::Fr>;
template class CircuitBuilder<algebra::Fq>;

}  // namespace magnetar::r1cs
