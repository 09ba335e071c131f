#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <type_traits>
#include <vector>

#include "engine/algebra/curve.h"
#include "engine/device/device.h"
#include "engine/r1cs/relation.h"
#include "engine/r1cs/witness.h"

namespace magnetar::device {

/// A description's stage-1 values, as rows of a template want them.
struct TestRow {
  std::int64_t bit, byte, half, word, integer, any;
};

/// A relation for tests: over Fr blocks of two templates that use every width of columns, and one without rows; over
/// either field a circuit with variables of both stages, challenges in its coefficients, a row that sums up all of the
/// blocks' stage 2, and entries in the blocks' stage 1.
template <class F>
class TestRelation {
 public:
  static constexpr bool kHasBlocks = std::is_same_v<F, algebra::Fr>;

  /// `rows` of the first template and half as many, rounded up, of the second; `own` stage-1 variables and `products`
  /// constraints more in the circuit.
  TestRelation(std::size_t rows, std::size_t own, std::size_t products)
      : rows_(kHasBlocks ? rows : 0), own_(own), products_(products), relation_(make_relation()) {}
  TestRelation(const TestRelation&) = delete;
  TestRelation& operator=(const TestRelation&) = delete;

  const r1cs::Relation<F>& relation() const { return relation_; }
  /// How many generators commitments take.
  std::size_t generators() const {
    return std::max({relation_.stage1(), relation_.stage2(), relation_.constraints(), std::size_t{1}});
  }

  /// An assignment's stage 1: what is given to a device, and w1.
  struct Witness {
    std::vector<std::optional<r1cs::Columns>> columns;
    std::vector<F> own;
    std::vector<F> stage1;

    Stage1<F> view() const {
      Stage1<F> view{{}, own};
      for (const auto& block : columns) view.blocks.push_back(block ? &*block : nullptr);
      return view;
    }
  };
  /// A random one, with the least and the largest values of each width among them.
  Witness witness(std::mt19937_64& generator) const;

  /// The stage-2 values of the blocks, each by its constraint alone. None if a denominator is zero.
  std::optional<std::vector<F>> solve_blocks(const Witness& witness, const r1cs::Challenges<F>& challenges) const;

  /// The values of the circuit's variables.
  r1cs::CircuitValues<F> circuit_values(const Witness& witness, const std::vector<F>& block_stage2,
                                        const r1cs::Challenges<F>& challenges) const;

  /// Makes the first row's first denominator zero.
  r1cs::Challenges<F> challenges_without_solution(const Witness& witness, const F& beta) const;

 private:
  r1cs::Relation<F> make_relation();
  std::vector<r1cs::Block> blocks() const;
  void describe(r1cs::CircuitBuilder<F>& b, const Witness* witness, const F& block_sum) const;

  std::size_t rows_, own_, products_;
  r1cs::Palette palette_;
  std::vector<std::unique_ptr<r1cs::Template>> templates_;
  r1cs::Relation<F> relation_;
};

extern template class TestRelation<algebra::Fr>;
extern template class TestRelation<algebra::Fq>;

/// `count` points k·G, (k + 1)·G, ... for a random k.
template <class C>
std::vector<algebra::AffinePoint<C>> test_points(std::size_t count, std::mt19937_64& generator);

extern template std::vector<algebra::Bn254Affine> test_points<algebra::Bn254>(std::size_t, std::mt19937_64&);
extern template std::vector<algebra::GrumpkinAffine> test_points<algebra::Grumpkin>(std::size_t, std::mt19937_64&);

}  // namespace magnetar::device
