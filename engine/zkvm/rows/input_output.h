#pragma once

#include "engine/zkvm/units.h"

namespace magnetar::zkvm {

/// IN: rd = byte i of the input, where i is rs1's value, which becomes i + 1. Frame 4 / 3, accesses 6 / 6, INPUT 1 / 1.
/// The verifier puts each input byte on INPUT once, so the byte is the input's, and each index is read once.
inline constexpr Counts kInCounts = {.constraints = 11, .stage1 = 11, .stage2 = 10};

template <class B>
void describe_in(B& b) {
  using Value = typename B::Value;
  PathUnits<B> row(b);
  const Value rd = row.rd(), rs1 = row.rs1(), target = row.target();
  const Value index = row.increment_rs1(rs1);
  const Value byte = b.variable("byte", r1cs::Width::k8, [](const PathRow& r) { return r.row.result; });
  add_term(b, "input", -1 * row.enable, Tag::kInput, {index, byte});
  row.write_rd(rd, byte);
  row.finish(vm::RowType::kIn, {.rd = rd, .rs1 = rs1, .target = target}, target);
}

/// OUT: rs2's value is byte j of the output, where j is rs1's value, which becomes j + 1. Frame 4 / 3, accesses 6 / 6,
/// OUTPUT 1 / 1. The verifier takes each output byte off OUTPUT once.
inline constexpr Counts kOutCounts = {.constraints = 11, .stage1 = 10, .stage2 = 10};

template <class B>
void describe_out(B& b) {
  using Value = typename B::Value;
  PathUnits<B> row(b);
  const Value rs1 = row.rs1(), rs2 = row.rs2(), target = row.target();
  const Value index = row.increment_rs1(rs1);
  const Value byte = row.read_rs2(rs2);
  add_term(b, "output", row.enable, Tag::kOutput, {index, byte});
  row.finish(vm::RowType::kOut, {.rs1 = rs1, .rs2 = rs2, .target = target}, target);
}

}  // namespace magnetar::zkvm
