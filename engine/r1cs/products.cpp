#include "engine/r1cs/products.h"

#include <algorithm>
#include <cassert>
#include <map>

namespace magnetar::r1cs {
namespace {

using algebra::Fr;
using algebra::U256;
__extension__ using Int128 = __int128;
__extension__ using Uint128 = unsigned __int128;

// Instances whose denominators are inverted together: enough to make the inversion cheap, few enough for the cache.
constexpr std::size_t kTogether = 64;

// symbol · integer. Most integers are below 2^64 in absolute value, many 0 or ±1.
Fr times(const Fr& symbol, const Fr& scaled_symbol, Int128 integer) {
  if (integer == 0) return Fr::zero();
  const bool negative = integer < 0;
  const Uint128 magnitude = negative ? -static_cast<Uint128>(integer) : static_cast<Uint128>(integer);
  if (magnitude == 1) return negative ? -symbol : symbol;
  const U256 limbs{{static_cast<std::uint64_t>(magnitude), static_cast<std::uint64_t>(magnitude >> 64), 0, 0}};
  const Fr product = Fr::from_montgomery(limbs) * scaled_symbol;
  return negative ? -product : product;
}

}  // namespace

FilledTemplate::FilledTemplate(const Template& shape, const Palette& palette, const Challenges<Fr>& challenges)
    : shape_(&shape) {
  for (std::size_t i = 0; i < shape.stage1.size(); ++i) {
    if (shape.stage1[i].width == Width::kField) field_columns_.push_back(i);
  }
  const std::size_t others = shape.constraints.size() - shape.stage2.size();
  for (std::size_t i = 0; i < shape.constraints.size(); ++i) {
    const Constraint& constraint = shape.constraints[i];
    // The constraints that solve stage 2 are the last ones, in its order. Their A·z is what they solve.
    assert(i < others || shape.solving[i - others] == i);
    const Combination a = fill(i < others ? std::span(constraint.a) : std::span<const Entry>(), palette, challenges);
    const Combination b = fill(constraint.b, palette, challenges);
    constraints_.push_back({a, b, fill(constraint.c, palette, challenges)});
  }
}

FilledTemplate::Combination FilledTemplate::fill(std::span<const Entry> entries, const Palette& palette,
                                                 const Challenges<Fr>& challenges) {
  const auto value_of = [&](Symbol symbol) {
    return symbol.is_gamma() ? challenges.gamma : challenges.beta.pow(symbol.power());
  };
  std::map<Symbol, std::vector<IntegerTerm>> by_symbol;
  Combination result{};
  result.field_begin = static_cast<std::uint32_t>(field_terms_.size());
  for (const Entry& entry : entries) {
    assert(entry.variable <= shape_->stage1.size());
    for (const auto& [symbol, integer] : palette[entry.coefficient].terms()) {
      if (entry.variable != 0 && shape_->stage1[entry.variable - 1].width == Width::kField) {
        field_terms_.push_back({entry.variable, value_of(symbol) * Fr::from_i64(integer)});
      } else {
        by_symbol[symbol].push_back({entry.variable, integer});
      }
    }
  }
  result.field_end = static_cast<std::uint32_t>(field_terms_.size());
  result.integer_begin = static_cast<std::uint32_t>(integer_terms_.size());
  result.element_begin = static_cast<std::uint32_t>(elements_.size());
  const Fr scale = Fr::from_u64(2).pow(256);
  for (const auto& [symbol, terms] : by_symbol) {
    integer_terms_.insert(integer_terms_.end(), terms.begin(), terms.end());
    const Fr value = value_of(symbol);
    elements_.push_back({value, value * scale, static_cast<std::uint32_t>(integer_terms_.size())});
  }
  result.element_end = static_cast<std::uint32_t>(elements_.size());
  return result;
}

Fr FilledTemplate::evaluate(const Combination& combination, const RowView& row) const {
  Fr sum;
  std::uint32_t term = combination.integer_begin;
  for (std::uint32_t e = combination.element_begin; e < combination.element_end; ++e) {
    const Element& element = elements_[e];
    Int128 integer = 0;
    for (; term < element.end; ++term) {
      integer += Int128{integer_terms_[term].integer} * row.integers[integer_terms_[term].variable];
    }
    sum += times(element.symbol, element.scaled_symbol, integer);
  }
  for (std::uint32_t i = combination.field_begin; i < combination.field_end; ++i) {
    sum += field_terms_[i].coefficient * row.elements[field_terms_[i].variable];
  }
  return sum;
}

bool FilledTemplate::solve(const Columns& columns, std::size_t first, std::size_t last, std::span<Fr> stage2,
                           std::span<Fr> a, std::span<Fr> b, std::span<Fr> c) const {
  const std::size_t stride = 1 + shape_->stage1.size();
  const std::size_t n2 = shape_->stage2.size();
  const std::size_t m = constraints_.size();
  const std::size_t others = m - n2;
  assert(stage2.size() == n2 * columns.rows() && a.size() == m * columns.rows());

  std::vector<std::int64_t> integers(kTogether * stride);
  std::vector<Fr> elements(stride);
  std::vector<Fr> inverses(kTogether * n2);
  for (std::size_t start = first; start < last; start += kTogether) {
    const std::size_t count = std::min(kTogether, last - start);
    columns.gather_integers(start, count, integers);
    for (std::size_t i = 0; i < count; ++i) {
      for (const std::size_t column : field_columns_) elements[1 + column] = columns.get(column, start + i);
      const RowView row{integers.data() + i * stride, elements.data()};
      const std::size_t at = (start + i) * m;
      for (std::size_t k = 0; k < m; ++k) {
        a[at + k] = evaluate(constraints_[k].a, row);
        b[at + k] = evaluate(constraints_[k].b, row);
        c[at + k] = evaluate(constraints_[k].c, row);
      }
      for (std::size_t k = 0; k < n2; ++k) {
        const Fr& denominator = b[at + others + k];
        if (denominator.is_zero()) return false;
        inverses[i * n2 + k] = denominator;
      }
    }
    algebra::batch_inverse(std::span(inverses).first(count * n2));
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t at = (start + i) * m + others;
      for (std::size_t k = 0; k < n2; ++k) {
        // h = numerator / denominator, and the constraint's A·z. Most numerators are the enable bit or its opposite.
        const Fr& numerator = c[at + k];
        const Fr& inverse = inverses[i * n2 + k];
        Fr h;
        if (numerator.is_one()) {
          h = inverse;
        } else if ((-numerator).is_one()) {
          h = -inverse;
        } else {
          h = numerator * inverse;
        }
        stage2[(start + i) * n2 + k] = h;
        a[at + k] = h;
      }
    }
  }
  return true;
}

}  // namespace magnetar::r1cs
