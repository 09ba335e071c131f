#pragma once

#include <cstddef>
#include <vector>

#include "engine/algebra/field.h"
#include "engine/hash/square_matrix.h"

namespace magnetar::hash {

inline constexpr std::size_t kMinPoseidonWidth = 2;
inline constexpr std::size_t kMaxPoseidonWidth = 17;
inline constexpr std::size_t kPoseidonFullRounds = 8;

/// The partial rounds for S-box x^5, 254-bit fields and 128 bits of security, with the paper's margin (two full rounds
/// and 7.5 % of the partial ones), rounded up to a multiple of the width as the authors and circomlib do. The test
/// derives them from the inequalities of section 5.5 (calc_round_numbers.py of the authors).
constexpr std::size_t poseidon_partial_rounds(std::size_t width) {
  const std::size_t least = width <= 5 ? 56 : 57;
  return (least + width - 1) / width * width;
}

/// An instance of Poseidon with S-box x^5 over F: what the paper's reference procedure generates for a width.
template <class F>
struct PoseidonParameters {
  std::size_t width;
  std::size_t partial_rounds;
  /// `width` constants a round, added before the S-boxes.
  std::vector<F> round_constants;
  /// Multiplies the state, a column, after the S-boxes.
  SquareMatrix<F> mds;

  std::size_t rounds() const { return kPoseidonFullRounds + partial_rounds; }

  /// Runs the Grain LFSR: round constants by rejection sampling, so that the same bits serve either field, then Cauchy
  /// matrices until one resists infinitely long subspace trails. `width` is in kMinPoseidonWidth..kMaxPoseidonWidth.
  static PoseidonParameters generate(std::size_t width);
};

/// Whether no subspace trail of any length passes the partial rounds of `mds`, as the reference procedure checks it
/// (algorithms 1 to 3 of Grassi, Rechberger, Schofnegger, ePrint 2020/500, for one S-box a round).
template <class F>
bool resists_subspace_trails(const SquareMatrix<F>& mds);

extern template struct PoseidonParameters<algebra::Fr>;
extern template struct PoseidonParameters<algebra::Fq>;
extern template bool resists_subspace_trails(const SquareMatrix<algebra::Fr>&);
extern template bool resists_subspace_trails(const SquareMatrix<algebra::Fq>&);

}  // namespace magnetar::hash
