#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "engine/algebra/field.h"
#include "engine/hash/poseidon_parameters.h"

namespace magnetar::hash {

/// The permutation Poseidon with S-box x^5 over F (Grassi et al., ePrint 2019/458).
///
/// permute() runs the equivalent form of appendix B, in which a partial round costs 2·width - 1 products instead of
/// width². With M the MDS matrix, M = S·D where D = diag(1, M') keeps the first element, so that D commutes with the
/// S-box of a partial round and merges with the matrix of the round before; what is left is sparse:
/// S = [row; column | identity].
template <class F>
class Poseidon {
 public:
  explicit Poseidon(std::size_t width);

  /// The permutation of `width` in kMinPoseidonWidth..kMaxPoseidonWidth, made when first asked for and kept.
  static const Poseidon& of_width(std::size_t width);

  std::size_t width() const { return parameters_.width; }
  const PoseidonParameters<F>& parameters() const { return parameters_; }

  /// Permutes `state`, of length width().
  void permute(std::span<F> state) const;
  /// The same, round by round as the paper defines it.
  void permute_plain(std::span<F> state) const;

  /// One partial round of the equivalent form: state[0] becomes x = (state[0] + constant)^5; then
  /// state[0] = row[0]·x + Σ row[i]·state[i] and state[i] += column[i - 1]·x.
  struct PartialRound {
    F constant;
    std::span<const F> row;
    std::span<const F> column;
  };
  PartialRound partial_round(std::size_t index) const;
  /// The matrix of the last full round before the partial rounds.
  const SquareMatrix<F>& transition() const { return transition_; }
  /// Constants of the full rounds of the equivalent form, width() each; the second half is for after the partial
  /// rounds.
  std::span<const F> full_round_constants() const { return full_round_constants_; }

 private:
  PoseidonParameters<F> parameters_;
  std::vector<F> full_round_constants_;
  SquareMatrix<F> transition_;
  /// A partial round: constant, row, column.
  std::vector<F> partial_rounds_;
};

extern template class Poseidon<algebra::Fr>;
extern template class Poseidon<algebra::Fq>;

}  // namespace magnetar::hash
