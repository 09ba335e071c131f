#pragma once

#include "kernels/stage1.cuh"
#include "kernels/vector_kernels.h"

// Kernels over vectors of one field; included by the files that instantiate them.

namespace magnetar::kernels {

template <class P>
__global__ void __launch_bounds__(kBlockThreads)
    cross_term_kernel(ProductsView<P> running, ProductsView<P> fresh, const __grid_constant__ Element<P> u,
                      Element<P>* cross, std::uint32_t count) {
  const std::uint32_t i = blockIdx.x * kBlockThreads + threadIdx.x;
  if (i >= count) return;
  const Element<P> products =
      sum_of_products(load(running.a + i), load(fresh.b + i), load(fresh.a + i), load(running.b + i));
  store(cross + i, products - (u * load(fresh.c + i) + load(running.c + i)));
}

template <class P>
struct FoldVectors {
  FoldVector<P> vectors[5];
};

template <class P>
__global__ void __launch_bounds__(kBlockThreads)
    fold_vectors_kernel(const __grid_constant__ FoldVectors<P> all, const __grid_constant__ Element<P> r) {
  const FoldVector<P>& vector = all.vectors[blockIdx.y];
  const std::uint32_t i = blockIdx.x * kBlockThreads + threadIdx.x;
  if (i >= vector.count) return;
  store(vector.target + i, load(vector.target + i) + r * load(vector.source + i));
}

template <class P>
__global__ void __launch_bounds__(kBlockThreads)
    fold_columns_kernel(const std::byte* packed, const ColumnTask* tasks, const __grid_constant__ Element<P> r,
                        const __grid_constant__ Element<P> scaled_r, Element<P>* target) {
  const ColumnTask task = tasks[blockIdx.x];
  if (threadIdx.x >= task.count) return;
  const std::byte* values = packed + task.offset;
  Element<P>* const at = target + task.first + threadIdx.x;
  if (task.type == ColumnType::kField) {
    store(at, load(at) + r * load(reinterpret_cast<const Element<P>*>(values) + threadIdx.x));
    return;
  }
  const std::int64_t value = packed_integer(values, task.type, threadIdx.x);
  const bool negative = value < 0;
  const std::uint64_t magnitude = negative ? ~static_cast<std::uint64_t>(value) + 1 : static_cast<std::uint64_t>(value);
  const Element<P> integer = {{static_cast<std::uint32_t>(magnitude), static_cast<std::uint32_t>(magnitude >> 32)}};
  const Element<P> product = integer * scaled_r;
  store(at, negative ? load(at) - product : load(at) + product);
}

/// Montgomery's trick: each thread inverts the product of its elements, which are `stride` apart.
template <class P>
__global__ void __launch_bounds__(kBlockThreads)
    invert_kernel(Element<P>* elements, std::uint32_t count, std::uint32_t stride, Element<P>* scratch,
                  std::uint32_t* has_zero) {
  const std::uint32_t first = blockIdx.x * kBlockThreads + threadIdx.x;
  if (first >= stride || first >= count) return;
  Element<P> product = one_element<P>();
  std::uint32_t last = first;
  bool zero = false;
#pragma unroll 1
  for (std::uint32_t i = first; i < count; i += stride) {
    store(scratch + i, product);
    const Element<P> element = load(elements + i);
    if (is_zero(element)) {
      zero = true;
    } else {
      product = product * element;
    }
    last = i;
  }
  if (zero) atomicExch(has_zero, 1U);
  Element<P> rest = inverse(product);
#pragma unroll 1
  for (std::uint32_t i = last;; i -= stride) {
    const Element<P> element = load(elements + i);
    if (!is_zero(element)) {
      store(elements + i, rest * load(scratch + i));
      rest = rest * element;
    }
    if (i == first) break;
  }
}

/// The sum over a block's threads, in thread 0.
template <class P>
__device__ __forceinline__ Element<P> block_sum(Element<P> sum) {
  __shared__ Element<P> tree[kBlockThreads / 2];
#pragma unroll 1
  for (unsigned half = kBlockThreads / 2; half > 0; half /= 2) {
    if (threadIdx.x >= half && threadIdx.x < 2 * half) store(&tree[threadIdx.x - half], sum);
    __syncthreads();
    if (threadIdx.x < half) sum = sum + load(&tree[threadIdx.x]);
    __syncthreads();
  }
  return sum;
}

template <class P>
__global__ void __launch_bounds__(kBlockThreads)
    sum_elements_kernel(const Element<P>* elements, std::uint32_t count, Element<P>* partial) {
  Element<P> sum = zero_element<P>();
#pragma unroll 1
  for (std::uint32_t i = blockIdx.x * kBlockThreads + threadIdx.x; i < count; i += gridDim.x * kBlockThreads) {
    sum = sum + load(elements + i);
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) store(partial + blockIdx.x, sum);
}

template <class P>
__device__ __forceinline__ Element<P> value_of(std::uint32_t variable, const AssignmentView<P>& z) {
  const std::uint32_t index = variable & 0x3fff'ffff;
  switch (variable >> 30) {
    case 0:
      return z.u;
    case 1:
      return index == 0 ? z.publics[0] : z.publics[1];
    case 2:
      return stage1_value<P>(z.stage1, index);
    default:
      return load(z.stage2 + index);
  }
}

template <class P>
__device__ __forceinline__ Element<P>* product_at(const ProductsView<P>& products, std::uint32_t target,
                                                  std::uint32_t first_constraint) {
  const std::uint32_t matrix = target >> 30;
  Element<P>* const vector = matrix == 0 ? products.a : matrix == 1 ? products.b : products.c;
  return vector + first_constraint + (target & 0x3fff'ffff);
}

template <class P>
__global__ void __launch_bounds__(kBlockThreads)
    circuit_pieces_kernel(CircuitView circuit, const __grid_constant__ AssignmentView<P> z,
                          ChallengesView<P> challenges, std::uint32_t first_constraint, ProductsView<P> products,
                          Element<P>* partial) {
  const std::uint32_t i = blockIdx.x * kBlockThreads + threadIdx.x;
  if (i >= circuit.piece_count) return;
  const CircuitPiece piece = circuit.pieces[i];
  Element<P> sum = zero_element<P>();
#pragma unroll 1
  for (std::uint32_t at = piece.begin; at < piece.end; ++at) {
    const CircuitTerm term = circuit.terms[at];
    Element<P> value = value_of(term.variable, z);
    if (term.coefficient > kCoefficientMinusOne) value = value * load(challenges.coefficients + term.coefficient);
    sum = term.coefficient == kCoefficientMinusOne ? sum - value : sum + value;
  }
  if (piece.target >= kPartial) {
    store(partial + (piece.target - kPartial), sum);
  } else {
    store(product_at(products, piece.target, first_constraint), sum);
  }
}

template <class P>
__global__ void __launch_bounds__(kBlockThreads)
    circuit_sums_kernel(CircuitView circuit, std::uint32_t first_constraint, ProductsView<P> products,
                        const Element<P>* partial) {
  const CircuitSum row = circuit.sums[blockIdx.x];
  Element<P> sum = zero_element<P>();
#pragma unroll 1
  for (std::uint32_t i = row.begin + threadIdx.x; i < row.end; i += kBlockThreads) sum = sum + load(partial + i);
  sum = block_sum(sum);
  if (threadIdx.x == 0) store(product_at(products, row.target, first_constraint), sum);
}

template <class P>
__global__ void __launch_bounds__(kBlockThreads)
    multiply_elements_kernel(const Element<P>* a, const Element<P>* b, Element<P>* out, std::uint32_t count,
                             std::uint32_t rounds) {
  const std::uint32_t i = blockIdx.x * kBlockThreads + threadIdx.x;
  if (i >= count) return;
  Element<P> value = load(a + i);
  const Element<P> factor = load(b + i);
#pragma unroll 1
  for (std::uint32_t round = 0; round < rounds; ++round) value = value * factor;
  store(out + i, value);
}

inline unsigned vector_blocks(std::uint64_t threads) {
  return static_cast<unsigned>((threads + kBlockThreads - 1) / kBlockThreads);
}

template <class P>
cudaError_t cross_term(const ProductsView<P>& running, const ProductsView<P>& fresh, const Element<P>& u,
                       Element<P>* cross, std::uint32_t count, cudaStream_t stream) {
  cross_term_kernel<<<vector_blocks(count), kBlockThreads, 0, stream>>>(running, fresh, u, cross, count);
  return cudaGetLastError();
}

template <class P>
cudaError_t fold_vectors(const std::array<FoldVector<P>, 5>& vectors, const Element<P>& r, cudaStream_t stream) {
  FoldVectors<P> all{};
  std::uint32_t longest = 0;
  for (unsigned i = 0; i < 5; ++i) {
    all.vectors[i] = vectors[i];
    if (vectors[i].count > longest) longest = vectors[i].count;
  }
  fold_vectors_kernel<<<dim3(vector_blocks(longest), 5), kBlockThreads, 0, stream>>>(all, r);
  return cudaGetLastError();
}

template <class P>
cudaError_t fold_columns(const std::byte* packed, const ColumnTask* tasks, std::uint32_t task_count,
                         const Element<P>& r, const Element<P>& scaled_r, Element<P>* target, cudaStream_t stream) {
  fold_columns_kernel<<<task_count, kBlockThreads, 0, stream>>>(packed, tasks, r, scaled_r, target);
  return cudaGetLastError();
}

template <class P>
cudaError_t invert(Element<P>* elements, std::uint32_t count, Element<P>* scratch, std::uint32_t* has_zero,
                   cudaStream_t stream) {
  // Some 330 products of an inversion for each thread: many elements a thread, as long as there are threads enough.
  constexpr std::uint32_t kElementsPerThread = 32;
  constexpr std::uint32_t kFewThreads = 1024;
  std::uint32_t threads = count / kElementsPerThread;
  if (threads < kFewThreads) threads = kFewThreads;
  if (threads > count) threads = count;
  invert_kernel<<<vector_blocks(threads), kBlockThreads, 0, stream>>>(elements, count, threads, scratch, has_zero);
  return cudaGetLastError();
}

template <class P>
cudaError_t sum_elements(const Element<P>* elements, std::uint32_t count, Element<P>* partial, cudaStream_t stream) {
  sum_elements_kernel<<<kSumBlocks, kBlockThreads, 0, stream>>>(elements, count, partial);
  return cudaGetLastError();
}

template <class P>
cudaError_t circuit_products(const CircuitView& circuit, const AssignmentView<P>& z,
                             const ChallengesView<P>& challenges, std::uint32_t first_constraint,
                             const ProductsView<P>& products, Element<P>* partial, cudaStream_t stream) {
  if (circuit.piece_count != 0) {
    circuit_pieces_kernel<<<vector_blocks(circuit.piece_count), kBlockThreads, 0, stream>>>(
        circuit, z, challenges, first_constraint, products, partial);
    if (const cudaError_t error = cudaGetLastError()) return error;
  }
  if (circuit.sum_count != 0) {
    circuit_sums_kernel<<<circuit.sum_count, kBlockThreads, 0, stream>>>(circuit, first_constraint, products, partial);
  }
  return cudaGetLastError();
}

template <class P>
cudaError_t multiply_elements(const Element<P>* a, const Element<P>* b, Element<P>* out, std::uint32_t count,
                              std::uint32_t rounds, cudaStream_t stream) {
  multiply_elements_kernel<<<vector_blocks(count), kBlockThreads, 0, stream>>>(a, b, out, count, rounds);
  return cudaGetLastError();
}

#define MAGNETAR_VECTOR_KERNELS(P)                                                                                \
  template cudaError_t cross_term(const ProductsView<P>&, const ProductsView<P>&, const Element<P>&, Element<P>*, \
                                  std::uint32_t, cudaStream_t);                                                   \
  template cudaError_t fold_vectors(const std::array<FoldVector<P>, 5>&, const Element<P>&, cudaStream_t);        \
  template cudaError_t fold_columns(const std::byte*, const ColumnTask*, std::uint32_t, const Element<P>&,        \
                                    const Element<P>&, Element<P>*, cudaStream_t);                                \
  template cudaError_t invert(Element<P>*, std::uint32_t, Element<P>*, std::uint32_t*, cudaStream_t);             \
  template cudaError_t sum_elements(const Element<P>*, std::uint32_t, Element<P>*, cudaStream_t);                 \
  template cudaError_t circuit_products(const CircuitView&, const AssignmentView<P>&, const ChallengesView<P>&,   \
                                        std::uint32_t, const ProductsView<P>&, Element<P>*, cudaStream_t);        \
  template cudaError_t multiply_elements(const Element<P>*, const Element<P>*, Element<P>*, std::uint32_t,        \
                                         std::uint32_t, cudaStream_t)

}  // namespace magnetar::kernels
