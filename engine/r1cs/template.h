#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/r1cs/coefficient.h"

namespace magnetar::r1cs {

/// How large a stage-1 variable's honest values are: it decides how they are stored and committed, and constrains
/// nothing.
enum class Width : std::uint8_t {
  kBit,       ///< 0 or 1
  k8,         ///< below 2^8
  k16,        ///< below 2^16
  k32,        ///< below 2^32
  kSigned64,  ///< a signed 64-bit integer
  kField,     ///< any element
};

/// A variable of a template, by index: 0 is u (1 in a fresh instance), then come stage 1 and stage 2.
using VariableIndex = std::uint32_t;

/// A sum of coefficients times variables of one template.
class Linear {
 public:
  Linear() = default;
  /// `constant` times u.
  Linear(std::int64_t constant) : Linear(Coefficient(constant), 0) {}  // NOLINT: integers are constants
  Linear(Coefficient coefficient, VariableIndex variable) {
    if (!coefficient.is_zero()) terms_.emplace(variable, std::move(coefficient));
  }

  const std::map<VariableIndex, Coefficient>& terms() const { return terms_; }

  /// The combination times a symbol, for one whose coefficients are integers.
  Linear times(Symbol symbol) const;

  Linear& operator+=(const Linear& other);
  friend Linear operator+(Linear a, const Linear& b) { return a += b; }
  friend Linear operator-(Linear a, const Linear& b) { return a += -1 * b; }
  friend Linear operator*(std::int64_t factor, const Linear& a);

 private:
  std::map<VariableIndex, Coefficient> terms_;
};

/// A matrix entry of a template's row.
struct Entry {
  VariableIndex variable;
  std::uint16_t coefficient;  ///< palette index
};

/// ⟨a, z⟩ · ⟨b, z⟩ = ⟨c, z⟩.
struct Constraint {
  std::string name;
  std::vector<Entry> a, b, c;
};

struct Variable {
  std::string name;
  Width width;
};

/// A part of a circuit that is repeated: its variables in two stages, and its constraints, whose entries refer to u and
/// to the part's own variables. The j-th stage-2 variable h is determined by its constraint h · denominator =
/// numerator, which is constraint `solving[j]`; denominator and numerator hold stage-1 variables and u alone.
struct Template {
  std::string name;
  std::vector<Variable> stage1;
  std::vector<Variable> stage2;
  std::vector<Constraint> constraints;
  std::vector<std::size_t> solving;

  VariableIndex stage1_index(std::size_t i) const { return static_cast<VariableIndex>(1 + i); }
  VariableIndex stage2_index(std::size_t i) const { return static_cast<VariableIndex>(1 + stage1.size() + i); }
  std::size_t variables() const { return 1 + stage1.size() + stage2.size(); }
  const std::string& variable_name(VariableIndex index) const;
};

/// Records a description as a template. A description is a function over a builder; run with this one it gives the
/// shape, with a WitnessWriter the stage-1 values (witness.h). Variables are numbered in the order in which they are
/// made, so a description must make no two of them in one expression, whose order of evaluation is open.
class TemplateBuilder {
 public:
  using Value = Linear;

  TemplateBuilder(std::string name, Palette& palette) : palette_(palette) { template_.name = std::move(name); }

  /// A stage-1 variable. `hint` gives its honest value, to the witness writer.
  template <class Hint>
  Linear variable(std::string_view name, Width width, Hint&&) {
    return add_variable(name, width);
  }

  /// A stage-1 variable, by constraint the product of two combinations.
  Linear product(std::string_view name, Width width, const Linear& a, const Linear& b);

  /// A free stage-1 variable, honestly the inverse of `of`, or 0 for 0.
  Linear inverse(std::string_view name, const Linear& of);

  /// a · b = c.
  void constrain(std::string_view name, const Linear& a, const Linear& b, const Linear& c);

  /// x is 0 or `one`.
  void two_valued(std::string_view name, const Linear& x, std::int64_t one = 1) { constrain(name, x, x - one, {}); }

  /// A stage-2 variable h with h · denominator = numerator.
  void quotient(std::string_view name, const Linear& numerator, const Linear& denominator);

  /// Puts "name/" before the names of what is described while the scope lives.
  class Scope {
   public:
    Scope(TemplateBuilder& builder, std::string_view name);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    TemplateBuilder& builder_;
    std::size_t length_;
  };
  Scope scope(std::string_view name) { return {*this, name}; }

  /// The finished template.
  Template build() &&;

 private:
  Linear add_variable(std::string_view name, Width width);
  std::vector<Entry> entries(const Linear& combination);

  Palette& palette_;
  Template template_;
  std::string prefix_;
  // Stage-2 variables come behind stage 1, whose number is known at the end.
  struct Quotient {
    std::string name;
    Linear numerator, denominator;
  };
  std::vector<Quotient> quotients_;
};

}  // namespace magnetar::r1cs
