#include "kernels/relation_tables.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdint>
#include <map>
#include <tuple>

namespace magnetar::kernels {
namespace {

using r1cs::Symbol;

constexpr std::size_t kSymbols = Symbol::kMaxPower + 2;
/// Terms that a thread sums up at most: rows of circuits have a handful, but for one that sums up all bus terms.
constexpr std::size_t kTermsPerPiece = 64;
/// Loads of points and elements are 16 bytes wide.
constexpr std::size_t kAlignment = 16;

constexpr std::size_t aligned(std::size_t offset) {
  return (offset + kAlignment - 1) / kAlignment * kAlignment;
}

std::uint32_t u32(std::size_t value) {
  assert(value <= 0xffff'ffff);
  return static_cast<std::uint32_t>(value);
}

struct Storage {
  ColumnType type;
  std::size_t bytes;
};

Storage storage_of(r1cs::Width width) {
  switch (width) {
    case r1cs::Width::kBit:
    case r1cs::Width::k8:
      return {ColumnType::kU8, 1};
    case r1cs::Width::k16:
      return {ColumnType::kU16, 2};
    case r1cs::Width::k32:
      return {ColumnType::kU32, 4};
    case r1cs::Width::kSigned64:
      return {ColumnType::kI64, 8};
    case r1cs::Width::kField:
      break;
  }
  return {ColumnType::kField, 32};
}

void add_column_tasks(std::vector<ColumnTask>& tasks, const Column& column, std::size_t value_bytes) {
  for (std::uint32_t row = 0; row < column.count; row += kBlockThreads) {
    tasks.push_back({column.offset + row * value_bytes, column.first + row, std::min(kBlockThreads, column.count - row),
                     column.type});
  }
}

/// The tables of templates' constraints.
struct BlockTables {
  std::vector<BlockConstraint> constraints;
  std::vector<SymbolTerm> symbol_terms;
  std::vector<IntegerTerm> integer_terms;
  std::vector<PaletteTerm> palette_terms;

  /// `fresh` says whether fresh assignments evaluate it: a combination of u and stage-1 variables.
  BlockCombination add(const r1cs::Template& shape, const r1cs::Palette& palette, std::span<const r1cs::Entry> entries,
                       bool fresh) {
    BlockCombination result{};
    result.term_begin = u32(palette_terms.size());
    for (const r1cs::Entry& entry : entries) palette_terms.push_back({entry.variable, entry.coefficient});
    result.term_end = u32(palette_terms.size());
    result.field_begin = u32(palette_terms.size());
    result.integer_begin = u32(integer_terms.size());
    result.symbol_begin = u32(symbol_terms.size());
    if (fresh) {
      std::map<Symbol, std::vector<IntegerTerm>> by_symbol;
      for (const r1cs::Entry& entry : entries) {
        assert(entry.variable <= shape.stage1.size());
        if (entry.variable != 0 && shape.stage1[entry.variable - 1].width == r1cs::Width::kField) {
          palette_terms.push_back({entry.variable, entry.coefficient});
          continue;
        }
        for (const auto& [symbol, integer] : palette[entry.coefficient].terms()) {
          by_symbol[symbol].push_back({integer, entry.variable});
        }
      }
      for (const auto& [symbol, terms] : by_symbol) {
        integer_terms.insert(integer_terms.end(), terms.begin(), terms.end());
        symbol_terms.push_back({symbol.code(), u32(integer_terms.size())});
      }
    }
    result.field_end = u32(palette_terms.size());
    result.symbol_end = u32(symbol_terms.size());
    return result;
  }
};

}  // namespace

template <class F>
RelationTables<F>::RelationTables(const r1cs::Relation<F>& relation, const Stream& stream) : relation_(&relation) {
  lay_out_columns(relation, stream);
  lay_out_blocks(relation, stream);
  lay_out_circuit(relation, stream);
}

template <class F>
void RelationTables<F>::lay_out_columns(const r1cs::Relation<F>& relation, const Stream& stream) {
  std::vector<ColumnTask> tasks;
  std::size_t offset = 0;
  std::size_t first = 0;
  for (const r1cs::Block& block : relation.blocks()) {
    for (const r1cs::Variable& variable : block.shape->stage1) {
      const auto [type, bytes] = storage_of(variable.width);
      const Column column{offset, u32(first), u32(block.count), type};
      add_column_tasks(tasks, column, bytes);
      host_columns_.push_back(column);
      first += block.count;
      offset = aligned(offset + block.count * bytes);
    }
  }
  own_offset_ = offset;
  const std::size_t own = relation.circuit().stage1.size();
  add_column_tasks(tasks, {offset, u32(first), u32(own), ColumnType::kField}, sizeof(F));
  packed_bytes_ = offset + own * sizeof(F);
  columns_ = to_device<Column>(host_columns_, stream);
  column_tasks_ = to_device<ColumnTask>(tasks, stream);
}

template <class F>
void RelationTables<F>::lay_out_blocks(const r1cs::Relation<F>& relation, const Stream& stream) {
  BlockTables tables;
  std::vector<BlockShape> shapes;
  std::vector<BlockTask> tasks, solving;
  std::size_t column = 0, stage1 = 0, stage2 = 0, constraint = 0;
  for (const r1cs::Block& block : relation.blocks()) {
    const r1cs::Template& shape = *block.shape;
    const std::size_t all = shape.constraints.size();
    const std::size_t others = all - shape.stage2.size();
    shapes.push_back({u32(block.count), u32(all), u32(shape.stage2.size()), u32(shape.stage1.size()), u32(column),
                      u32(tables.constraints.size()), u32(stage1), u32(stage2), u32(constraint)});
    for (std::size_t k = 0; k < all; ++k) {
      // The constraints that solve stage 2 are the last ones, in its order. Their A·z is what they solve.
      assert(k < others || shape.solving[k - others] == k);
      const r1cs::Constraint& of = shape.constraints[k];
      const auto add = [&](const std::vector<r1cs::Entry>& entries, bool fresh) {
        return tables.add(shape, relation.palette(), entries, fresh);
      };
      const BlockCombination a = add(of.a, k < others);
      const BlockCombination b = add(of.b, true);
      tables.constraints.push_back({a, b, add(of.c, true)});
      for (std::size_t row = 0; row < block.count; row += kBlockThreads) {
        const BlockTask task{u32(shapes.size() - 1), u32(k), u32(row)};
        tasks.push_back(task);
        if (k >= others) solving.push_back(task);
      }
    }
    column += shape.stage1.size();
    stage1 += block.count * shape.stage1.size();
    stage2 += block.count * shape.stage2.size();
    constraint += block.count * all;
  }
  shapes_ = to_device<BlockShape>(shapes, stream);
  constraints_ = to_device<BlockConstraint>(tables.constraints, stream);
  symbol_terms_ = to_device<SymbolTerm>(tables.symbol_terms, stream);
  integer_terms_ = to_device<IntegerTerm>(tables.integer_terms, stream);
  palette_terms_ = to_device<PaletteTerm>(tables.palette_terms, stream);
  block_tasks_ = to_device<BlockTask>(tasks, stream);
  solving_tasks_ = to_device<BlockTask>(solving, stream);
}

template <class F>
void RelationTables<F>::lay_out_circuit(const r1cs::Relation<F>& relation, const Stream& stream) {
  using Key = std::tuple<Symbol, std::array<std::uint64_t, 4>>;
  std::map<Key, std::uint32_t> index;
  const auto intern = [&](Symbol symbol, const F& factor) {
    const auto [known, fresh] = index.try_emplace(Key{symbol, factor.montgomery().limbs}, u32(coefficients_.size()));
    if (fresh) coefficients_.push_back({symbol, factor});
    return known->second;
  };
  [[maybe_unused]] const std::uint32_t one = intern(Symbol::one(), F::one());
  [[maybe_unused]] const std::uint32_t minus_one = intern(Symbol::one(), -F::one());
  assert(one == kCoefficientOne && minus_one == kCoefficientMinusOne);

  std::vector<CircuitTerm> terms;
  std::vector<CircuitPiece> pieces;
  std::vector<CircuitSum> sums;
  const auto add = [&](std::uint32_t matrix, std::size_t row, const r1cs::Terms<F>& from) {
    const std::uint32_t target = matrix << 30 | u32(row);
    const std::size_t count = std::max<std::size_t>(1, (from.size() + kTermsPerPiece - 1) / kTermsPerPiece);
    for (std::size_t piece = 0; piece < count; ++piece) {
      const std::size_t begin = piece * kTermsPerPiece;
      const std::size_t end = std::min(from.size(), begin + kTermsPerPiece);
      pieces.push_back({u32(terms.size()), u32(terms.size() + (end - begin)),
                        count == 1 ? target : kPartial + u32(partial_sums_ + piece)});
      for (std::size_t i = begin; i < end; ++i) {
        const auto part = static_cast<std::uint32_t>(from[i].variable.part());
        terms.push_back({part << 30 | u32(from[i].variable.index()), intern(from[i].symbol, from[i].coefficient)});
      }
    }
    if (count == 1) return;
    sums.push_back({u32(partial_sums_), u32(partial_sums_ + count), target});
    partial_sums_ += count;
  };
  const auto& constraints = relation.circuit().constraints;
  for (std::size_t row = 0; row < constraints.size(); ++row) {
    add(0, row, constraints[row].a);
    add(1, row, constraints[row].b);
    add(2, row, constraints[row].c);
  }
  // Neighbouring threads then have equally much to do.
  std::ranges::stable_sort(pieces, std::greater<>(), [](const CircuitPiece& piece) { return piece.end - piece.begin; });
  circuit_terms_ = to_device<CircuitTerm>(terms, stream);
  circuit_pieces_ = to_device<CircuitPiece>(pieces, stream);
  circuit_sums_ = to_device<CircuitSum>(sums, stream);
}

template <class F>
Stage1View RelationTables<F>::stage1_view(const std::byte* packed) const {
  const std::size_t own_first = relation_->stage1() - relation_->circuit().stage1.size();
  return {packed, columns_.data(), u32(columns_.size()), u32(own_first), packed + own_offset_};
}

template <class F>
BlocksView RelationTables<F>::blocks() const {
  return {shapes_.data(),        constraints_.data(),   symbol_terms_.data(),
          integer_terms_.data(), palette_terms_.data(), columns_.data()};
}

template <class F>
CircuitView RelationTables<F>::circuit() const {
  return {circuit_terms_.data(), circuit_pieces_.data(), circuit_sums_.data(), u32(circuit_pieces_.size()),
          u32(circuit_sums_.size())};
}

template <class F>
std::vector<F> RelationTables<F>::challenge_values(const r1cs::Challenges<F>& challenges) const {
  std::array<F, kSymbols> symbols;
  symbols[0] = F::one();
  for (std::size_t power = 1; power <= Symbol::kMaxPower; ++power)
    symbols[power] = symbols[power - 1] * challenges.beta;
  symbols[Symbol::gamma().code()] = challenges.gamma;
  std::vector<F> values(symbols.begin(), symbols.end());
  const F scale = F::from_u64(2).pow(256);
  for (const F& symbol : symbols) values.push_back(symbol * scale);
  for (const Coefficient& coefficient : coefficients_) {
    values.push_back(coefficient.factor * symbols[coefficient.symbol.code()]);
  }
  if (!relation_->blocks().empty()) {
    const std::vector<F> palette = relation_->palette().values(challenges);
    values.insert(values.end(), palette.begin(), palette.end());
  }
  return values;
}

template <class F>
ChallengesView<typename F::Parameters> RelationTables<F>::challenges(const Element<P>* values) const {
  const Element<P>* const coefficients = values + 2 * kSymbols;
  return {values, values + kSymbols, coefficients + coefficients_.size(), coefficients};
}

template <class F>
std::size_t RelationTables<F>::bytes() const {
  return columns_.bytes() + column_tasks_.bytes() + shapes_.bytes() + constraints_.bytes() + symbol_terms_.bytes() +
         integer_terms_.bytes() + palette_terms_.bytes() + block_tasks_.bytes() + solving_tasks_.bytes() +
         circuit_terms_.bytes() + circuit_pieces_.bytes() + circuit_sums_.bytes();
}

template class RelationTables<algebra::Fr>;
template class RelationTables<algebra::Fq>;

}  // namespace magnetar::kernels
