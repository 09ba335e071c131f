#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/fold/folding.h"
#include "engine/ivc/bits.h"

namespace magnetar::ivc {

/// What a step circuit's description may use besides its state: the step's stage-1 values of the circuit's own
/// variables, and the sum of the stage-2 variables of its blocks. Zeros when only the shape is wanted.
struct StepValues {
  std::span<const algebra::Fr> stage1;
  algebra::Fr block_sum;
};

/// The function F of an IVC: z' = F(z, w1; γ, β), with w1 the step's stage 1.
class StepCircuit {
 public:
  virtual ~StepCircuit() = default;

  /// Elements of z.
  virtual std::size_t arity() const = 0;
  /// Own stage-1 variables, which describe() makes in order.
  virtual std::size_t stage1() const = 0;
  /// Repeated parts, and the palette of their coefficients. They live as long as the circuit.
  virtual std::span<const r1cs::Block> blocks() const { return {}; }
  virtual const r1cs::Palette* palette() const { return nullptr; }

  /// The rest of the circuit: constraints over its own variables, the blocks', and `state`. Returns z'. Every
  /// stage-2 variable it makes must be determined by stage 1, the state and the challenges.
  virtual std::vector<Value<algebra::Fr>> describe(Builder<algebra::Fr>& b, std::span<const Value<algebra::Fr>> state,
                                                   const StepValues& values) const = 0;
};

/// What a circuit that verifies a fold over C is told; the circuit's constraints and its public hashes bind it.
template <class C>
struct FoldAdvice {
  algebra::U256 segment_digest;
  std::uint64_t step = 0;
  fold::RunningInstance<C> running;
  fold::FreshInstance<C> fresh;
  algebra::AffinePoint<C> cross_term;
};

/// The primary circuit of step i, over Fr (Nova, ePrint 2021/370, figure 4, on the cycle of curves as in ePrint
/// 2023/969). For some running secondary instance U, fresh secondary instance v, and states z0, zi it shows:
///   if i = 0, zi = z0 and U' is the zero instance;
///   else, v's first public element is the hash of (digest, i, z0, zi, U), and U' is the fold of U and v;
///   z(i+1) = F(zi).
/// Its public elements are v's second one, and the hash of (digest, i + 1, z0, z(i+1), U'). Returns z(i+1).
std::vector<algebra::Fr> describe_primary(Builder<algebra::Fr>& b, const StepCircuit& step, const StepValues& values,
                                          std::span<const algebra::Fr> z0, std::span<const algebra::Fr> zi,
                                          const FoldAdvice<algebra::Grumpkin>& advice);

/// The secondary circuit of step i, over Fq. For some running primary instance U, fresh primary instance v:
///   if i = 0, chain_i = 0 and U' is v, relaxed;
///   else, v's first public element is the hash of (digest, i, chain_i, U), and U' is the fold of U and v;
///   chain_(i+1) = H(chain_i, v's commitment to stage 1).
/// Its public elements are v's second one, and the hash of (digest, i + 1, chain_(i+1), U').
void describe_secondary(Builder<algebra::Fq>& b, const algebra::Fq& chain, const FoldAdvice<algebra::Bn254>& advice);

/// The chain after one more commitment: it binds all stage-1 commitments in their order, and starts at 0.
algebra::Fq extend_chain(const algebra::Fq& chain, const algebra::Bn254Affine& commitment);

}  // namespace magnetar::ivc
