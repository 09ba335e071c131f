#pragma once

#include <cuda_runtime_api.h>

#include <array>

#include "kernels/packed.h"

namespace magnetar::kernels {

// Kernels over vectors of elements. Launchers enqueue on `stream` and return the launch's error.

/// cross[i] = a1·b2 + a2·b1 - u1·c2 - c1, where 1 is the running assignment and 2 a fresh one.
template <class P>
cudaError_t cross_term(const ProductsView<P>& running, const ProductsView<P>& fresh, const Element<P>& u,
                       Element<P>* cross, std::uint32_t count, cudaStream_t stream);

/// Folds five vectors in one launch: target += r·source.
template <class P>
cudaError_t fold_vectors(const std::array<FoldVector<P>, 5>& vectors, const Element<P>& r, cudaStream_t stream);

/// target[i] += r·w1[i] for a packed stage 1. `scaled_r` is r·2^256.
template <class P>
cudaError_t fold_columns(const std::byte* packed, const ColumnTask* tasks, std::uint32_t task_count,
                         const Element<P>& r, const Element<P>& scaled_r, Element<P>* target, cudaStream_t stream);

/// Replaces `count` elements by their inverses, zeros by zero, in which case *has_zero becomes 1. `scratch` has as
/// many.
template <class P>
cudaError_t invert(Element<P>* elements, std::uint32_t count, Element<P>* scratch, std::uint32_t* has_zero,
                   cudaStream_t stream);

/// Blocks of sum_elements: as many partial sums.
inline constexpr std::uint32_t kSumBlocks = 64;

/// partial[0 .. kSumBlocks - 1] sum up to the sum of the elements.
template <class P>
cudaError_t sum_elements(const Element<P>* elements, std::uint32_t count, Element<P>* partial, cudaStream_t stream);

/// The products of a relation's circuit, whose constraints begin at `first_constraint`. `partial` has an element for
/// each partial sum.
template <class P>
cudaError_t circuit_products(const CircuitView& circuit, const AssignmentView<P>& z,
                             const ChallengesView<P>& challenges, std::uint32_t first_constraint,
                             const ProductsView<P>& products, Element<P>* partial, cudaStream_t stream);

/// The products of the blocks of a fresh assignment. Those that solve stage 2 leave their denominator, B·z, in their
/// variable's place.
cudaError_t fresh_block_products(const BlocksView& blocks, const BlockTask* tasks, std::uint32_t task_count,
                                 const std::byte* packed, const ChallengesView<FrParameters>& challenges,
                                 const ProductsView<FrParameters>& products, Element<FrParameters>* stage2,
                                 cudaStream_t stream);

/// Multiplies the inverted denominators in stage 2 by their numerators, C·z, which gives the variable and A·z. The
/// tasks are those of solving constraints.
cudaError_t finish_stage2(const BlocksView& blocks, const BlockTask* tasks, std::uint32_t task_count,
                          const ProductsView<FrParameters>& products, Element<FrParameters>* stage2,
                          cudaStream_t stream);

/// The products of the blocks of any assignment.
cudaError_t block_products(const BlocksView& blocks, const BlockTask* tasks, std::uint32_t task_count,
                           const Element<FrParameters>& u, const Element<FrParameters>* stage1,
                           const Element<FrParameters>* stage2, const Element<FrParameters>* palette,
                           const ProductsView<FrParameters>& products, cudaStream_t stream);

/// out[i] = a[i]·b[i], `rounds` times over: what benches measure the multiplier by.
template <class P>
cudaError_t multiply_elements(const Element<P>* a, const Element<P>* b, Element<P>* out, std::uint32_t count,
                              std::uint32_t rounds, cudaStream_t stream);

}  // namespace magnetar::kernels
