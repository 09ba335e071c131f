#pragma once

#include <cstdint>

#include "kernels/element.h"

// What is passed to kernels by value or lies in tables on the device: plain types for host and device code.

namespace magnetar::kernels {

/// Threads of a block, and rows or scalars of a task.
inline constexpr unsigned kBlockThreads = 128;

/// How a column of stage-1 values is stored; r1cs::Width, a bit taking a byte.
enum class ColumnType : std::uint32_t { kU8, kU16, kU32, kI64, kField };

/// A column of a fresh assignment's stage 1 in the packed form in which it crosses the bus.
struct Column {
  std::uint64_t offset;  ///< of its first value, in bytes
  std::uint32_t first;   ///< index in w1 of its first value
  std::uint32_t count;
  ColumnType type;
};

/// At most kBlockThreads values of a column: what a block treats.
struct ColumnTask {
  std::uint64_t offset;
  std::uint32_t first;
  std::uint32_t count;
  ColumnType type;
};

/// Stage-1 values of one assignment. Those from `own_first` on are elements; those before lie in packed columns. With
/// own_first = 0 all are elements.
struct Stage1View {
  const std::byte* packed;
  const Column* columns;  ///< in ascending order of `first`
  std::uint32_t column_count;
  std::uint32_t own_first;
  const void* own;  ///< elements
};

/// z of an assignment.
template <class P>
struct AssignmentView {
  Element<P> u;
  Element<P> publics[2];
  Stage1View stage1;
  const Element<P>* stage2;
};

/// A·z, B·z, C·z.
template <class P>
struct ProductsView {
  Element<P>*a, *b, *c;
};

/// The windows into which scalars are cut. Bits 0..253 are cut into strides, one for each table of multiples of the
/// generators, and each stride into `pieces` windows, whose buckets all tables share: window (table, piece) covers the
/// bits table·stride + begin[piece] .. table·stride + begin[piece + 1] - 1.
struct WindowPlan {
  static constexpr std::uint32_t kMaxBits = 254;
  static constexpr std::uint32_t kMaxPieces = 127;
  static constexpr std::uint32_t kMaxWidth = 20;

  std::uint32_t stride;
  std::uint32_t tables;
  std::uint32_t pieces;
  std::uint32_t bucket_bits;  ///< each piece has 2^bucket_bits buckets, for the widest window
  std::uint8_t begin[kMaxPieces + 1];
  std::uint32_t offset[8];  ///< makes digits of windows signed: Σ (2^(width-1) - 1)·2^position

  std::uint32_t buckets() const { return pieces << bucket_bits; }
};

/// A template's block.
struct BlockShape {
  std::uint32_t rows;
  std::uint32_t constraints;   ///< of a row
  std::uint32_t stage2;        ///< variables of a row, solved by its last constraints
  std::uint32_t stage1;        ///< variables of a row
  std::uint32_t first_column;  ///< of the relation's columns
  std::uint32_t first_filled;  ///< of the relation's template constraints
  std::uint32_t first_stage1;
  std::uint32_t first_stage2;
  std::uint32_t first_constraint;  ///< where its products begin
};

/// One constraint of at most kBlockThreads rows of a block: what a block of threads treats.
struct BlockTask {
  std::uint32_t block;
  std::uint32_t constraint;
  std::uint32_t first_row;
};

/// integer · variable. Variable 0 is u, then come the template's stage-1 variables.
struct IntegerTerm {
  std::int64_t integer;
  std::uint32_t variable;
};

/// palette[coefficient] · variable.
struct PaletteTerm {
  std::uint32_t variable;
  std::uint32_t coefficient;
};

/// symbol · (the integer terms up to integer_end).
struct SymbolTerm {
  std::uint32_t symbol;
  std::uint32_t integer_end;
};

/// A linear combination of a row's variables in two forms: for fresh assignments, whose stage 1 is mostly small
/// integers, by symbols and palette terms of field columns; for any assignment, by palette terms alone.
struct BlockCombination {
  std::uint32_t integer_begin;
  std::uint32_t symbol_begin, symbol_end;
  std::uint32_t field_begin, field_end;
  std::uint32_t term_begin, term_end;
};

struct BlockConstraint {
  BlockCombination a, b, c;
};

/// The blocks of a relation on the device.
struct BlocksView {
  const BlockShape* shapes;
  const BlockConstraint* constraints;
  const SymbolTerm* symbol_terms;
  const IntegerTerm* integer_terms;
  const PaletteTerm* palette_terms;
  const Column* columns;
};

/// A segment's challenges on the device.
template <class P>
struct ChallengesView {
  const Element<P>* symbols;         ///< value of each symbol
  const Element<P>* scaled_symbols;  ///< times 2^256: times an integer taken for a Montgomery form, symbol · integer
  const Element<P>* palette;
  const Element<P>* coefficients;  ///< of the circuit: 1, -1, others
};

/// coefficients[coefficient] · variable, a variable by r1cs::Reference's code: the part in the upper 2 bits.
struct CircuitTerm {
  std::uint32_t variable;
  std::uint32_t coefficient;
};

/// Indices of 1 and -1 in a circuit's coefficients.
inline constexpr std::uint32_t kCoefficientOne = 0;
inline constexpr std::uint32_t kCoefficientMinusOne = 1;

/// Consecutive terms of one row of one matrix; what a thread sums up. A row of one piece is complete with it; those of
/// several are summed up again.
struct CircuitPiece {
  std::uint32_t begin, end;
  std::uint32_t target;  ///< matrix · 2^30 + constraint, or kPartial + index of a partial sum
};
inline constexpr std::uint32_t kPartial = std::uint32_t{3} << 30;

struct CircuitSum {
  std::uint32_t begin, end;  ///< partial sums
  std::uint32_t target;      ///< matrix · 2^30 + constraint
};

/// The circuit of a relation on the device.
struct CircuitView {
  const CircuitTerm* terms;
  const CircuitPiece* pieces;
  const CircuitSum* sums;
  std::uint32_t piece_count;
  std::uint32_t sum_count;
};

/// target += r·source, element by element.
template <class P>
struct FoldVector {
  Element<P>* target;
  const Element<P>* source;
  std::uint32_t count;
};

}  // namespace magnetar::kernels
