#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/algebra/field.h"
#include "engine/r1cs/coefficient.h"

namespace magnetar::r1cs {

/// The parts of z = (u, x, w1, w2).
enum class Part : std::uint8_t { kU, kPublic, kStage1, kStage2 };

/// A variable of a relation: an index into a part of z.
class Reference {
 public:
  static constexpr std::uint32_t kMaxIndex = (std::uint32_t{1} << 30) - 1;

  constexpr Reference(Part part, std::size_t index)
      : code_(static_cast<std::uint32_t>(part) << 30 | static_cast<std::uint32_t>(index)) {}

  constexpr Part part() const { return static_cast<Part>(code_ >> 30); }
  constexpr std::size_t index() const { return code_ & kMaxIndex; }

  friend constexpr auto operator<=>(Reference, Reference) = default;

 private:
  std::uint32_t code_;
};

/// coefficient · symbol · variable.
template <class F>
struct Term {
  Reference variable;
  Symbol symbol;
  F coefficient;

  friend bool operator==(const Term&, const Term&) = default;
};

/// A sum of terms, sorted by variable and symbol, none zero.
template <class F>
using Terms = std::vector<Term<F>>;

/// A linear combination of a circuit's variables and its value in the assignment at hand.
template <class F>
class Combination {
 public:
  Combination() = default;
  /// `constant` times u.
  Combination(const F& constant) : value_(constant), constant_(constant) {}  // NOLINT: elements are constants

  /// Its value where u = 1.
  const F& value() const { return value_; }
  /// Whether its value is one of 0, 1 by looks; only constraints make it so.
  bool is_one() const { return value_.is_one(); }

  Combination& operator+=(const Combination& other);
  Combination& operator-=(const Combination& other);
  friend Combination operator+(Combination a, const Combination& b) { return a += b; }
  friend Combination operator-(Combination a, const Combination& b) { return a -= b; }
  friend Combination operator*(const F& factor, const Combination& a) { return a.scaled(factor); }

 private:
  template <class>
  friend class CircuitBuilder;

  Combination scaled(const F& factor) const;

  F value_;
  F constant_;      // the multiple of u
  Terms<F> terms_;  // the others; none when only values are wanted
};

/// A circuit that is not repeated: constraints ⟨a, z⟩·⟨b, z⟩ = ⟨c, z⟩ over any of a relation's variables, and variables
/// of its own.
template <class F>
struct Circuit {
  struct Constraint {
    std::string name;
    Terms<F> a, b, c;
  };
  std::vector<std::string> publics;  ///< names of its variables, by part
  std::vector<std::string> stage1;
  std::vector<std::string> stage2;
  std::vector<Constraint> constraints;
};

/// The values of a circuit's own variables.
template <class F>
struct CircuitValues {
  std::vector<F> publics, stage1, stage2;
};

/// Runs the description of a circuit: for its shape (names, constraints), or, faster, for its values alone. A
/// description computes the honest values of its variables from the values of the combinations it has, so one text
/// serves for both; what it makes must not depend on values. Values are those of a fresh assignment (u = 1).
template <class F>
class CircuitBuilder {
 public:
  using Value = Combination<F>;
  enum class Mode : std::uint8_t { kShape, kValues };

  /// `foreign_stage1` and `foreign_stage2` variables precede the circuit's own in w1 and w2.
  CircuitBuilder(Mode mode, const Challenges<F>& challenges, std::size_t foreign_stage1 = 0,
                 std::size_t foreign_stage2 = 0)
      : mode_(mode), challenges_(challenges), foreign_stage1_(foreign_stage1), foreign_stage2_(foreign_stage2) {}

  bool records() const { return mode_ == Mode::kShape; }

  /// A stage-1 variable: committed to before the challenges are known.
  Value stage1(std::string_view name, const F& value) {
    values_.stage1.push_back(value);
    return own(name, Part::kStage1, foreign_stage1_ + values_.stage1.size() - 1, circuit_.stage1, value);
  }
  /// A stage-2 variable.
  Value variable(std::string_view name, const F& value) {
    values_.stage2.push_back(value);
    return own(name, Part::kStage2, foreign_stage2_ + values_.stage2.size() - 1, circuit_.stage2, value);
  }
  /// A public variable that `value` is constrained to equal.
  void publish(std::string_view name, const Value& value);
  /// The sum of `count` variables that are not the circuit's own, from `first` on, with the sum's value.
  Value foreign_sum(Reference first, std::size_t count, const F& value) const;

  /// The combination times a challenge; its coefficients so far must be free of challenges.
  Value times(const Value& a, Symbol symbol) const;

  void constrain(std::string_view name, const Value& a, const Value& b, const Value& c);
  void equal(std::string_view name, const Value& a, const Value& b) { constrain(name, a - b, Value(F::one()), {}); }
  /// b(b - 1) = 0
  void boolean(std::string_view name, const Value& b) { constrain(name, b, b - F::one(), {}); }

  /// A new variable that equals a·b.
  Value product(std::string_view name, const Value& a, const Value& b) {
    Value result = variable(name, a.value() * b.value());
    constrain(name, a, b, result);
    return result;
  }
  /// A new variable that is 0 or 1.
  Value bit(std::string_view name, bool value) {
    Value result = variable(name, value ? F::one() : F::zero());
    boolean(name, result);
    return result;
  }
  /// condition ? a : b, for a condition that is 0 or 1.
  Value select(std::string_view name, const Value& condition, const Value& a, const Value& b) {
    return product(name, condition, a - b) + b;
  }
  /// [x = 0]
  Value is_zero(std::string_view name, const Value& x);

  /// Puts "name/" before the names of what is described while the scope lives.
  class Scope {
   public:
    Scope(CircuitBuilder& builder, std::string_view name) : builder_(builder), length_(builder.prefix_.size()) {
      if (builder_.records()) builder_.prefix_.append(name).append("/");
    }
    ~Scope() { builder_.prefix_.resize(length_); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    CircuitBuilder& builder_;
    std::size_t length_;
  };
  Scope scope(std::string_view name) { return {*this, name}; }

  const Circuit<F>& circuit() const { return circuit_; }
  Circuit<F> take_circuit() && { return std::move(circuit_); }
  const CircuitValues<F>& values() const { return values_; }
  CircuitValues<F> take_values() && { return std::move(values_); }

 private:
  Value own(std::string_view name, Part part, std::size_t index, std::vector<std::string>& names, const F& value) {
    if (records()) names.push_back(prefix_ + std::string(name));
    return foreign_sum({part, index}, 1, value);
  }
  Terms<F> terms(const Value& a) const;

  Mode mode_;
  Challenges<F> challenges_;
  std::size_t foreign_stage1_, foreign_stage2_;
  std::string prefix_;
  Circuit<F> circuit_;
  CircuitValues<F> values_;
};

extern template class Combination<algebra::Fr>;
extern template class Combination<algebra::Fq>;
extern template class CircuitBuilder<algebra::Fr>;
extern template class CircuitBuilder<algebra::Fq>;

}  // namespace magnetar::r1cs
