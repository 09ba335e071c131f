#include "engine/r1cs/coefficient.h"

#include <fmt/format.h>

#include <array>
#include <cassert>
#include <limits>

namespace magnetar::r1cs {

Coefficient& Coefficient::operator+=(const Coefficient& other) {
  for (const auto& [symbol, integer] : other.terms_) {
    const auto [term, fresh] = terms_.try_emplace(symbol, integer);
    if (fresh) continue;
    [[maybe_unused]] const bool overflow = __builtin_add_overflow(term->second, integer, &term->second);
    assert(!overflow);
    if (term->second == 0) terms_.erase(term);
  }
  return *this;
}

Coefficient Coefficient::scaled(std::int64_t factor) const {
  Coefficient result;
  if (factor == 0) return result;
  for (const auto& [symbol, integer] : terms_) {
    std::int64_t product = 0;
    [[maybe_unused]] const bool overflow = __builtin_mul_overflow(integer, factor, &product);
    assert(!overflow);
    result.terms_.emplace(symbol, product);
  }
  return result;
}

Coefficient Coefficient::times(Symbol symbol) const {
  if (is_zero()) return {};
  assert(terms_.size() == 1 && terms_.begin()->first == Symbol::one());
  return {terms_.begin()->second, symbol};
}

std::string Coefficient::to_string() const {
  if (is_zero()) return "0";
  std::string text;
  for (const auto& [symbol, integer] : terms_) {
    if (!text.empty()) text += integer < 0 ? " - " : " + ";
    if (text.empty() && integer < 0) text += '-';
    const std::uint64_t magnitude =
        integer < 0 ? 0 - static_cast<std::uint64_t>(integer) : static_cast<std::uint64_t>(integer);
    const bool named = symbol != Symbol::one();
    if (magnitude != 1 || !named) text += fmt::format("{}{}", magnitude, named ? "·" : "");
    if (symbol.is_gamma()) {
      text += "γ";
    } else if (named) {
      text += symbol.power() == 1 ? "β" : fmt::format("β^{}", symbol.power());
    }
  }
  return text;
}

std::uint16_t Palette::intern(const Coefficient& coefficient) {
  assert(coefficients_.size() < std::numeric_limits<std::uint16_t>::max());
  const auto [position, fresh] = index_.try_emplace(coefficient, static_cast<std::uint16_t>(coefficients_.size()));
  if (fresh) coefficients_.push_back(coefficient);
  return position->second;
}

template <class F>
std::vector<F> Palette::values(const Challenges<F>& challenges) const {
  std::array<F, Symbol::kMaxPower + 1> powers;
  powers[0] = F::one();
  for (std::size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * challenges.beta;
  std::vector<F> values;
  values.reserve(coefficients_.size());
  for (const Coefficient& coefficient : coefficients_) {
    F value;
    for (const auto& [symbol, integer] : coefficient.terms()) {
      value += F::from_i64(integer) * (symbol.is_gamma() ? challenges.gamma : powers[symbol.power()]);
    }
    values.push_back(value);
  }
  return values;
}

template std::vector<algebra::Fr> Palette::values(const Challenges<algebra::Fr>&) const;
template std::vector<algebra::Fq> Palette::values(const Challenges<algebra::Fq>&) const;

}  // namespace magnetar::r1cs
