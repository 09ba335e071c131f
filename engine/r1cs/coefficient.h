#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "engine/algebra/field.h"

namespace magnetar::r1cs {

/// What a matrix entry is a multiple of: 1, a power of the challenge β, or the challenge γ.
class Symbol {
 public:
  static constexpr unsigned kMaxPower = 15;

  static constexpr Symbol one() { return Symbol(0); }
  /// β^power, power in 0..kMaxPower.
  static constexpr Symbol beta(unsigned power) { return Symbol(static_cast<std::uint8_t>(power)); }
  static constexpr Symbol gamma() { return Symbol(kMaxPower + 1); }

  constexpr bool is_gamma() const { return code_ == kMaxPower + 1; }
  constexpr unsigned power() const { return code_; }
  /// A number for each symbol.
  constexpr unsigned code() const { return code_; }

  friend constexpr auto operator<=>(Symbol, Symbol) = default;

 private:
  explicit constexpr Symbol(std::uint8_t code) : code_(code) {}
  std::uint8_t code_;
};

/// A matrix entry before the challenges are known: a sum of integers times symbols.
class Coefficient {
 public:
  Coefficient() = default;
  Coefficient(std::int64_t integer) : Coefficient(integer, Symbol::one()) {}  // NOLINT: integers are coefficients
  Coefficient(std::int64_t integer, Symbol symbol) {
    if (integer != 0) terms_.emplace(symbol, integer);
  }

  bool is_zero() const { return terms_.empty(); }
  const std::map<Symbol, std::int64_t>& terms() const { return terms_; }

  Coefficient& operator+=(const Coefficient& other);
  /// Every integer times `factor`; the products must fit in 64 bits.
  Coefficient scaled(std::int64_t factor) const;
  /// The coefficient times `symbol`, for a coefficient that is an integer.
  Coefficient times(Symbol symbol) const;

  /// "2^16·β - 1"
  std::string to_string() const;

  friend auto operator<=>(const Coefficient&, const Coefficient&) = default;

 private:
  std::map<Symbol, std::int64_t> terms_;
};

/// The challenges of a segment.
template <class F>
struct Challenges {
  F gamma;
  F beta;

  F value(Symbol symbol) const { return symbol.is_gamma() ? gamma : beta.pow(symbol.power()); }
};

/// The distinct coefficients of a circuit's matrices. Entries name them by index; filling in a segment's challenges
/// gives their values.
class Palette {
 public:
  /// The index of `coefficient`, which is added if it is new.
  std::uint16_t intern(const Coefficient& coefficient);

  std::size_t size() const { return coefficients_.size(); }
  const Coefficient& operator[](std::size_t index) const { return coefficients_[index]; }

  /// The values of all coefficients, by index.
  template <class F>
  std::vector<F> values(const Challenges<F>& challenges) const;

 private:
  std::vector<Coefficient> coefficients_;
  std::map<Coefficient, std::uint16_t> index_;
};

extern template std::vector<algebra::Fr> Palette::values(const Challenges<algebra::Fr>&) const;
extern template std::vector<algebra::Fq> Palette::values(const Challenges<algebra::Fq>&) const;

}  // namespace magnetar::r1cs
