#include "kernels/stage1.cuh"
#include "kernels/vector_kernels.h"

namespace magnetar::kernels {

namespace {

using P = FrParameters;
using E = Element<P>;
__extension__ using Int128 = __int128;
__extension__ using Uint128 = unsigned __int128;

/// symbol · integer.
__device__ E times(const E& symbol, const E* scaled_symbol, Int128 integer) {
  if (integer == 0) return zero_element<P>();
  const bool negative = integer < 0;
  const Uint128 magnitude = negative ? -static_cast<Uint128>(integer) : static_cast<Uint128>(integer);
  E product = symbol;
  if (magnitude != 1) {
    const E limbs = {{static_cast<std::uint32_t>(magnitude), static_cast<std::uint32_t>(magnitude >> 32),
                      static_cast<std::uint32_t>(magnitude >> 64), static_cast<std::uint32_t>(magnitude >> 96)}};
    product = limbs * load(scaled_symbol);
  }
  return negative ? negated(product) : product;
}

/// A combination of a fresh assignment's row. All threads of a block treat rows of the same template, so the tables are
/// read by all of them at once, and the columns one row beside the other.
__device__ E evaluate(const BlockCombination& combination, const BlocksView& blocks, const Column* columns,
                      const std::byte* packed, std::uint32_t row, const ChallengesView<P>& challenges) {
  E sum = zero_element<P>();
  std::uint32_t term = combination.integer_begin;
#pragma unroll 1
  for (std::uint32_t s = combination.symbol_begin; s < combination.symbol_end; ++s) {
    const SymbolTerm symbol = blocks.symbol_terms[s];
    Int128 integer = 0;
#pragma unroll 1
    for (; term < symbol.integer_end; ++term) {
      const IntegerTerm factor = blocks.integer_terms[term];
      std::int64_t value = 1;
      if (factor.variable != 0) {
        const Column& column = columns[factor.variable - 1];
        value = packed_integer(packed + column.offset, column.type, row);
      }
      integer += Int128{factor.integer} * value;
    }
    sum = sum + times(load(challenges.symbols + symbol.symbol), challenges.scaled_symbols + symbol.symbol, integer);
  }
#pragma unroll 1
  for (std::uint32_t i = combination.field_begin; i < combination.field_end; ++i) {
    const PaletteTerm factor = blocks.palette_terms[i];
    const Column& column = columns[factor.variable - 1];
    sum = sum + load(challenges.palette + factor.coefficient) *
                    load(reinterpret_cast<const E*>(packed + column.offset) + row);
  }
  return sum;
}

__global__ void __launch_bounds__(kBlockThreads)
    fresh_block_products_kernel(BlocksView blocks, const BlockTask* tasks, const std::byte* packed,
                                ChallengesView<P> challenges, ProductsView<P> products, E* stage2) {
  const BlockTask task = tasks[blockIdx.x];
  const BlockShape& shape = blocks.shapes[task.block];
  const std::uint32_t row = task.first_row + threadIdx.x;
  if (row >= shape.rows) return;
  const BlockConstraint& constraint = blocks.constraints[shape.first_filled + task.constraint];
  const Column* const columns = blocks.columns + shape.first_column;
  const std::uint64_t at = shape.first_constraint + std::uint64_t{row} * shape.constraints + task.constraint;
  const std::uint32_t others = shape.constraints - shape.stage2;
  const E b = evaluate(constraint.b, blocks, columns, packed, row, challenges);
  store(products.b + at, b);
  store(products.c + at, evaluate(constraint.c, blocks, columns, packed, row, challenges));
  if (task.constraint < others) {
    store(products.a + at, evaluate(constraint.a, blocks, columns, packed, row, challenges));
  } else {
    store(stage2 + shape.first_stage2 + std::uint64_t{row} * shape.stage2 + (task.constraint - others), b);
  }
}

__global__ void __launch_bounds__(kBlockThreads)
    finish_stage2_kernel(BlocksView blocks, const BlockTask* tasks, ProductsView<P> products, E* stage2) {
  const BlockTask task = tasks[blockIdx.x];
  const BlockShape& shape = blocks.shapes[task.block];
  const std::uint32_t row = task.first_row + threadIdx.x;
  if (row >= shape.rows) return;
  const std::uint32_t others = shape.constraints - shape.stage2;
  const std::uint64_t at = shape.first_constraint + std::uint64_t{row} * shape.constraints + task.constraint;
  E* const variable = stage2 + shape.first_stage2 + std::uint64_t{row} * shape.stage2 + (task.constraint - others);
  const E value = load(products.c + at) * load(variable);
  store(variable, value);
  store(products.a + at, value);
}

struct RowValues {
  const BlockShape& shape;
  const E& u;
  const E* stage1;
  const E* stage2;
  std::uint32_t row;

  __device__ E operator[](std::uint32_t variable) const {
    if (variable == 0) return u;
    if (variable <= shape.stage1)
      return load(stage1 + shape.first_stage1 + std::uint64_t{variable - 1} * shape.rows + row);
    return load(stage2 + shape.first_stage2 + std::uint64_t{row} * shape.stage2 + (variable - 1 - shape.stage1));
  }
};

__device__ E evaluate(const BlockCombination& combination, const BlocksView& blocks, const RowValues& values,
                      const E* palette) {
  E sum = zero_element<P>();
#pragma unroll 1
  for (std::uint32_t i = combination.term_begin; i < combination.term_end; ++i) {
    const PaletteTerm term = blocks.palette_terms[i];
    sum = sum + load(palette + term.coefficient) * values[term.variable];
  }
  return sum;
}

__global__ void __launch_bounds__(kBlockThreads)
    block_products_kernel(BlocksView blocks, const BlockTask* tasks, const __grid_constant__ E u, const E* stage1,
                          const E* stage2, const E* palette, ProductsView<P> products) {
  const BlockTask task = tasks[blockIdx.x];
  const BlockShape& shape = blocks.shapes[task.block];
  const std::uint32_t row = task.first_row + threadIdx.x;
  if (row >= shape.rows) return;
  const BlockConstraint& constraint = blocks.constraints[shape.first_filled + task.constraint];
  const std::uint64_t at = shape.first_constraint + std::uint64_t{row} * shape.constraints + task.constraint;
  const RowValues values{shape, u, stage1, stage2, row};
  store(products.a + at, evaluate(constraint.a, blocks, values, palette));
  store(products.b + at, evaluate(constraint.b, blocks, values, palette));
  store(products.c + at, evaluate(constraint.c, blocks, values, palette));
}

}  // namespace

cudaError_t fresh_block_products(const BlocksView& blocks, const BlockTask* tasks, std::uint32_t task_count,
                                 const std::byte* packed, const ChallengesView<P>& challenges,
                                 const ProductsView<P>& products, E* stage2, cudaStream_t stream) {
  fresh_block_products_kernel<<<task_count, kBlockThreads, 0, stream>>>(blocks, tasks, packed, challenges, products,
                                                                        stage2);
  return cudaGetLastError();
}

cudaError_t finish_stage2(const BlocksView& blocks, const BlockTask* tasks, std::uint32_t task_count,
                          const ProductsView<P>& products, E* stage2, cudaStream_t stream) {
  finish_stage2_kernel<<<task_count, kBlockThreads, 0, stream>>>(blocks, tasks, products, stage2);
  return cudaGetLastError();
}

cudaError_t block_products(const BlocksView& blocks, const BlockTask* tasks, std::uint32_t task_count, const E& u,
                           const E* stage1, const E* stage2, const E* palette, const ProductsView<P>& products,
                           cudaStream_t stream) {
  block_products_kernel<<<task_count, kBlockThreads, 0, stream>>>(blocks, tasks, u, stage1, stage2, palette, products);
  return cudaGetLastError();
}

}  // namespace magnetar::kernels
