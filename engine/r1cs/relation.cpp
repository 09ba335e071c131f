#include "engine/r1cs/relation.h"

#include <fmt/format.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <cassert>
#include <map>

#include "engine/algebra/inner_product.h"

namespace magnetar::r1cs {
namespace {

constexpr std::uint32_t kOne = 0;
constexpr std::uint32_t kMinusOne = 1;

template <class F>
const F& value_of(Reference variable, const Assignment<F>& z) {
  switch (variable.part()) {
    case Part::kU:
      break;
    case Part::kPublic:
      return z.publics[variable.index()];
    case Part::kStage1:
      return z.stage1[variable.index()];
    case Part::kStage2:
      return z.stage2[variable.index()];
  }
  return z.u;
}

}  // namespace

template <class F>
Relation<F>::Relation(std::vector<Block> blocks, const Palette* palette, Circuit<F> circuit)
    : blocks_(std::move(blocks)), palette_(palette), circuit_(std::move(circuit)) {
  assert(blocks_.empty() || palette_ != nullptr);
  assert(stage1() <= Reference::kMaxIndex && stage2() <= Reference::kMaxIndex);
}

template <class F>
std::size_t Relation<F>::block_stage1(std::span<const Block> blocks) {
  std::size_t sum = 0;
  for (const Block& block : blocks) sum += block.count * block.shape->stage1.size();
  return sum;
}

template <class F>
std::size_t Relation<F>::block_stage2(std::span<const Block> blocks) {
  std::size_t sum = 0;
  for (const Block& block : blocks) sum += block.count * block.shape->stage2.size();
  return sum;
}

template <class F>
std::size_t Relation<F>::block_constraints(std::span<const Block> blocks) {
  std::size_t sum = 0;
  for (const Block& block : blocks) sum += block.count * block.shape->constraints.size();
  return sum;
}

template <class F>
std::string Relation<F>::constraint_name(std::size_t index) const {
  for (const Block& block : blocks_) {
    const std::size_t each = block.shape->constraints.size();
    if (index < block.count * each) {
      return fmt::format("{}[{}]/{}", block.shape->name, index / each, block.shape->constraints[index % each].name);
    }
    index -= block.count * each;
  }
  return circuit_.constraints[index].name;
}

template <class F>
std::string Relation<F>::variable_name(Reference variable) const {
  std::size_t index = variable.index();
  switch (variable.part()) {
    case Part::kU:
      return "u";
    case Part::kPublic:
      return circuit_.publics[index];
    case Part::kStage1:
      for (const Block& block : blocks_) {
        const std::size_t all = block.count * block.shape->stage1.size();
        if (index < all) {
          return fmt::format("{}[{}]/{}", block.shape->name, index % block.count,
                             block.shape->stage1[index / block.count].name);
        }
        index -= all;
      }
      return circuit_.stage1[index];
    case Part::kStage2:
      break;
  }
  for (const Block& block : blocks_) {
    const std::size_t each = block.shape->stage2.size();
    if (index < block.count * each) {
      return fmt::format("{}[{}]/{}", block.shape->name, index / each, block.shape->stage2[index % each].name);
    }
    index -= block.count * each;
  }
  return circuit_.stage2[index];
}

template <class F>
void Relation<F>::encode(const std::function<void(std::span<const std::uint8_t>)>& sink) const {
  const auto number = [&](std::uint64_t value) {
    std::array<std::uint8_t, 8> bytes;
    for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<std::uint8_t>(value >> (8 * i));
    sink(bytes);
  };
  number(blocks_.size());
  for (const Block& block : blocks_) {
    const Template& shape = *block.shape;
    number(block.count);
    number(shape.stage1.size());
    number(shape.stage2.size());
    number(shape.constraints.size());
    for (const Constraint& constraint : shape.constraints) {
      for (const auto* side : {&constraint.a, &constraint.b, &constraint.c}) {
        number(side->size());
        for (const r1cs::Entry& entry : *side) {
          number(entry.variable);
          const auto& terms = (*palette_)[entry.coefficient].terms();
          number(terms.size());
          for (const auto& [symbol, integer] : terms) {
            number(symbol.code());
            number(static_cast<std::uint64_t>(integer));
          }
        }
      }
    }
  }
  number(circuit_.publics.size());
  number(circuit_.stage1.size());
  number(circuit_.stage2.size());
  number(circuit_.constraints.size());
  for (const auto& constraint : circuit_.constraints) {
    for (const Terms<F>* side : {&constraint.a, &constraint.b, &constraint.c}) {
      number(side->size());
      for (const Term<F>& term : *side) {
        number(static_cast<std::uint64_t>(term.variable.part()));
        number(term.variable.index());
        number(term.symbol.code());
        sink(term.coefficient.to_bytes());
      }
    }
  }
}

template <class F>
FilledRelation<F>::FilledRelation(const Relation<F>& relation, const Challenges<F>& challenges)
    : relation_(&relation), challenges_(challenges), coefficients_{F::one(), -F::one()} {
  if (!relation.blocks().empty()) palette_ = relation.palette().values(challenges);
  std::map<F, std::uint32_t> index{{F::one(), kOne}, {-F::one(), kMinusOne}};
  std::map<Symbol, F> symbols;
  const auto fill = [&](Matrix& matrix, const Terms<F>& terms) {
    for (const Term<F>& term : terms) {
      F coefficient = term.coefficient;
      if (term.symbol != Symbol::one()) {
        const auto [symbol, fresh] = symbols.try_emplace(term.symbol);
        if (fresh) symbol->second = challenges.value(term.symbol);
        coefficient *= symbol->second;
      }
      const auto [known, added] = index.try_emplace(coefficient, static_cast<std::uint32_t>(coefficients_.size()));
      if (added) coefficients_.push_back(coefficient);
      matrix.entries.push_back({term.variable, known->second});
    }
    matrix.ends.push_back(static_cast<std::uint32_t>(matrix.entries.size()));
  };
  for (const auto& constraint : relation.circuit().constraints) {
    fill(matrices_[0], constraint.a);
    fill(matrices_[1], constraint.b);
    fill(matrices_[2], constraint.c);
  }
}

template <class F>
F FilledRelation<F>::evaluate(const Matrix& matrix, std::size_t row, const Assignment<F>& z) const {
  constexpr std::size_t kTogether = 32;
  std::array<F, kTogether> coefficients, values;
  std::size_t waiting = 0;
  F sum;
  const auto flush = [&] {
    sum = algebra::inner_product(std::span<const F>(coefficients).first(waiting),
                                 std::span<const F>(values).first(waiting), sum);
    waiting = 0;
  };
  for (std::uint32_t i = row == 0 ? 0 : matrix.ends[row - 1]; i < matrix.ends[row]; ++i) {
    const Entry& entry = matrix.entries[i];
    const F& value = value_of(entry.variable, z);
    if (entry.coefficient == kOne) {
      sum += value;
    } else if (entry.coefficient == kMinusOne) {
      sum -= value;
    } else {
      coefficients[waiting] = coefficients_[entry.coefficient];
      values[waiting] = value;
      if (++waiting == kTogether) flush();
    }
  }
  flush();
  return sum;
}

template <class F>
void FilledRelation<F>::circuit_products(const Assignment<F>& z, Products<F>& products) const {
  const std::size_t own = relation_->circuit().constraints.size();
  const std::size_t offset = relation_->constraints() - own;
  tbb::parallel_for(tbb::blocked_range<std::size_t>(0, own, 128), [&](const auto& range) {
    for (std::size_t row = range.begin(); row != range.end(); ++row) {
      products.a[offset + row] = evaluate(matrices_[0], row, z);
      products.b[offset + row] = evaluate(matrices_[1], row, z);
      products.c[offset + row] = evaluate(matrices_[2], row, z);
    }
  });
}

template <class F>
Products<F> FilledRelation<F>::products(const Assignment<F>& z) const {
  assert(z.publics.size() == relation_->publics() && z.stage1.size() == relation_->stage1() &&
         z.stage2.size() == relation_->stage2());
  Products<F> products(relation_->constraints());
  std::size_t at = 0, at1 = 0, at2 = 0;
  for (const Block& block : relation_->blocks()) {
    const Template& shape = *block.shape;
    const std::size_t n1 = shape.stage1.size(), n2 = shape.stage2.size(), m = shape.constraints.size();
    tbb::parallel_for(tbb::blocked_range<std::size_t>(0, block.count, 32), [&](const auto& range) {
      std::vector<F> row(shape.variables());
      row[0] = z.u;
      const auto evaluate_entries = [&](const std::vector<r1cs::Entry>& entries) {
        F sum;
        for (const r1cs::Entry& entry : entries) sum += palette_[entry.coefficient] * row[entry.variable];
        return sum;
      };
      for (std::size_t r = range.begin(); r != range.end(); ++r) {
        for (std::size_t i = 0; i < n1; ++i) row[1 + i] = z.stage1[at1 + i * block.count + r];
        for (std::size_t i = 0; i < n2; ++i) row[1 + n1 + i] = z.stage2[at2 + r * n2 + i];
        for (std::size_t k = 0; k < m; ++k) {
          products.a[at + r * m + k] = evaluate_entries(shape.constraints[k].a);
          products.b[at + r * m + k] = evaluate_entries(shape.constraints[k].b);
          products.c[at + r * m + k] = evaluate_entries(shape.constraints[k].c);
        }
      }
    });
    at += block.count * m;
    at1 += block.count * n1;
    at2 += block.count * n2;
  }
  circuit_products(z, products);
  return products;
}

template <class F>
std::optional<std::size_t> FilledRelation<F>::first_violated(const Assignment<F>& z, std::span<const F> error) const {
  const Products<F> p = products(z);
  for (std::size_t i = 0; i < p.a.size(); ++i) {
    const F right = z.u * p.c[i] + (error.empty() ? F::zero() : error[i]);
    if (p.a[i] * p.b[i] != right) return i;
  }
  return std::nullopt;
}

template class Relation<algebra::Fr>;
template class Relation<algebra::Fq>;
template class FilledRelation<algebra::Fr>;
template class FilledRelation<algebra::Fq>;

}  // namespace magnetar::r1cs
