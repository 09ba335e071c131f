#pragma once

#include <cstddef>
#include <vector>

#include "engine/r1cs/relation.h"
#include "kernels/packed.h"
#include "kernels/runtime.h"

namespace magnetar::kernels {

/// A relation as the kernels read it, in the device's memory, but for the challenges.
template <class F>
class RelationTables {
 public:
  using P = typename F::Parameters;

  RelationTables(const r1cs::Relation<F>& relation, const Stream& stream);

  /// A fresh stage 1 in packed form: block after block the columns as r1cs::Columns stores them, each at a multiple of
  /// 16 bytes, then the circuit's own elements at `own_offset`.
  std::size_t packed_bytes() const { return packed_bytes_; }
  std::size_t own_offset() const { return own_offset_; }
  /// Where the columns of all blocks begin, in order.
  const std::vector<Column>& columns() const { return host_columns_; }
  const DeviceArray<ColumnTask>& column_tasks() const { return column_tasks_; }
  Stage1View stage1_view(const std::byte* packed) const;

  BlocksView blocks() const;
  const DeviceArray<BlockTask>& block_tasks() const { return block_tasks_; }
  /// Those of the constraints that solve stage 2.
  const DeviceArray<BlockTask>& solving_tasks() const { return solving_tasks_; }

  CircuitView circuit() const;
  std::size_t partial_sums() const { return partial_sums_; }

  /// A segment's values, in the order of ChallengesView.
  std::vector<F> challenge_values(const r1cs::Challenges<F>& challenges) const;
  ChallengesView<P> challenges(const Element<P>* values) const;

  /// Of the tables on the device.
  std::size_t bytes() const;

 private:
  struct Coefficient {
    r1cs::Symbol symbol;
    F factor;
  };

  void lay_out_columns(const r1cs::Relation<F>& relation, const Stream& stream);
  void lay_out_blocks(const r1cs::Relation<F>& relation, const Stream& stream);
  void lay_out_circuit(const r1cs::Relation<F>& relation, const Stream& stream);

  const r1cs::Relation<F>* relation_;
  std::vector<Column> host_columns_;
  std::size_t packed_bytes_ = 0;
  std::size_t own_offset_ = 0;
  std::vector<Coefficient> coefficients_;
  std::size_t partial_sums_ = 0;
  DeviceArray<Column> columns_;
  DeviceArray<ColumnTask> column_tasks_;
  DeviceArray<BlockShape> shapes_;
  DeviceArray<BlockConstraint> constraints_;
  DeviceArray<SymbolTerm> symbol_terms_;
  DeviceArray<IntegerTerm> integer_terms_;
  DeviceArray<PaletteTerm> palette_terms_;
  DeviceArray<BlockTask> block_tasks_, solving_tasks_;
  DeviceArray<CircuitTerm> circuit_terms_;
  DeviceArray<CircuitPiece> circuit_pieces_;
  DeviceArray<CircuitSum> circuit_sums_;
};

extern template class RelationTables<algebra::Fr>;
extern template class RelationTables<algebra::Fq>;

}  // namespace magnetar::kernels
