#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/algebra/field.h"
#include "engine/r1cs/circuit.h"
#include "engine/r1cs/template.h"

namespace magnetar::r1cs {

/// z = (u, x, w1, w2): of a relaxed instance, or with u = 1 of a fresh one.
template <class F>
struct Assignment {
  F u;
  std::span<const F> publics, stage1, stage2;
};

/// `count` instances of a template.
struct Block {
  const Template* shape;
  std::size_t count;
};

/// An R1CS relation over z: blocks of repeated templates, then one circuit. The matrices are never expanded.
///
/// w1 holds block after block, of each the rows' values of one variable after the other (as Columns does); then the
/// circuit's own. w2 holds block after block, of each the rows' variables one row after the other; then the circuit's
/// own. Constraints are in the order of w2.
template <class F>
class Relation {
 public:
  /// `palette` holds the blocks' coefficients; it and the templates must outlive the relation. The circuit must have
  /// been built behind block_stage1(blocks) and block_stage2(blocks) variables.
  Relation(std::vector<Block> blocks, const Palette* palette, Circuit<F> circuit);
  explicit Relation(Circuit<F> circuit) : Relation({}, nullptr, std::move(circuit)) {}

  static std::size_t block_stage1(std::span<const Block> blocks);
  static std::size_t block_stage2(std::span<const Block> blocks);
  static std::size_t block_constraints(std::span<const Block> blocks);

  std::size_t publics() const { return circuit_.publics.size(); }
  std::size_t stage1() const { return block_stage1(blocks_) + circuit_.stage1.size(); }
  std::size_t stage2() const { return block_stage2(blocks_) + circuit_.stage2.size(); }
  std::size_t constraints() const { return block_constraints(blocks_) + circuit_.constraints.size(); }

  std::span<const Block> blocks() const { return blocks_; }
  const Palette& palette() const { return *palette_; }
  const Circuit<F>& circuit() const { return circuit_; }

  std::string constraint_name(std::size_t index) const;
  std::string variable_name(Reference variable) const;

  /// Feeds `sink` an injective encoding of the relation, names left out, for a digest.
  void encode(const std::function<void(std::span<const std::uint8_t>)>& sink) const;

 private:
  std::vector<Block> blocks_;
  const Palette* palette_;
  Circuit<F> circuit_;
};

/// The vectors A·z, B·z and C·z.
template <class F>
struct Products {
  std::vector<F> a, b, c;

  Products() = default;
  explicit Products(std::size_t constraints) : a(constraints), b(constraints), c(constraints) {}
};

/// A relation with challenges filled into its matrices.
template <class F>
class FilledRelation {
 public:
  /// The relation must outlive this.
  FilledRelation(const Relation<F>& relation, const Challenges<F>& challenges);

  const Relation<F>& relation() const { return *relation_; }
  const Challenges<F>& challenges() const { return challenges_; }

  /// The products of any assignment, on the threads of the calling oneTBB arena.
  Products<F> products(const Assignment<F>& z) const;
  /// The products of the circuit's constraints alone, which come last.
  void circuit_products(const Assignment<F>& z, Products<F>& products) const;

  /// The first constraint with A·z ∘ B·z != u·C·z + E, E empty standing for zeros.
  std::optional<std::size_t> first_violated(const Assignment<F>& z, std::span<const F> error = {}) const;

 private:
  struct Entry {
    Reference variable;
    std::uint32_t coefficient;
  };
  struct Matrix {
    std::vector<std::uint32_t> ends;  // in entries, of each row
    std::vector<Entry> entries;
  };

  F evaluate(const Matrix& matrix, std::size_t row, const Assignment<F>& z) const;

  const Relation<F>* relation_;
  Challenges<F> challenges_;
  std::vector<F> palette_;          // of the blocks
  std::array<Matrix, 3> matrices_;  // of the circuit
  std::vector<F> coefficients_;     // of the circuit: 1, -1, others
};

extern template class Relation<algebra::Fr>;
extern template class Relation<algebra::Fq>;
extern template class FilledRelation<algebra::Fr>;
extern template class FilledRelation<algebra::Fq>;

}  // namespace magnetar::r1cs
