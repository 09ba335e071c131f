#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/algebra/field.h"
#include "engine/r1cs/template.h"
#include "engine/r1cs/witness.h"

namespace magnetar::r1cs {

/// A template with a segment's challenges filled in, laid out for computing with many instances of it.
///
/// A combination is Σ symbol · (Σ integer · variable), with few symbols. As stage-1 variables are small integers, the
/// inner sums are integers too, so that a combination costs a field product for each of its symbols, not for each
/// entry.
class FilledTemplate {
 public:
  /// The shape must outlive this.
  FilledTemplate(const Template& shape, const Palette& palette, const Challenges<algebra::Fr>& challenges);

  const Template& shape() const { return *shape_; }
  std::size_t constraints() const { return shape_->constraints.size(); }
  std::size_t stage2() const { return shape_->stage2.size(); }

  /// For each instance in [first, last) of `columns`, as a fresh one (u = 1): its stage-2 values, and the products A·z,
  /// B·z, C·z of its constraints. All outputs are for all of the columns' instances, one after the other: stage2() or
  /// constraints() values each. Instances are independent, so threads may share the work by ranges. False if a
  /// denominator is zero; the outputs of the range are then unspecified.
  bool solve(const Columns& columns, std::size_t first, std::size_t last, std::span<algebra::Fr> stage2,
             std::span<algebra::Fr> a, std::span<algebra::Fr> b, std::span<algebra::Fr> c) const;

 private:
  struct IntegerTerm {
    std::uint32_t variable;
    std::int64_t integer;
  };
  struct FieldTerm {
    std::uint32_t variable;
    algebra::Fr coefficient;
  };
  struct Element {
    algebra::Fr symbol;
    algebra::Fr
        scaled_symbol;  // symbol · 2^256: times an integer's limbs taken for a Montgomery form, symbol · integer
    std::uint32_t end;  // in integer_terms_, where the next element's begin
  };
  struct Combination {
    std::uint32_t integer_begin;
    std::uint32_t element_begin, element_end;
    std::uint32_t field_begin, field_end;
  };
  struct Filled {
    Combination a, b, c;
  };
  // One row's variables: integers, and elements for field columns; u first.
  struct RowView {
    const std::int64_t* integers;
    const algebra::Fr* elements;
  };

  Combination fill(std::span<const Entry> entries, const Palette& palette, const Challenges<algebra::Fr>& challenges);
  algebra::Fr evaluate(const Combination& combination, const RowView& row) const;

  const Template* shape_;
  std::vector<Filled> constraints_;
  std::vector<Element> elements_;
  std::vector<IntegerTerm> integer_terms_;
  std::vector<FieldTerm> field_terms_;
  std::vector<std::size_t> field_columns_;
};

}  // namespace magnetar::r1cs
