#pragma once

#include <array>

#include "engine/zkvm/units.h"

namespace magnetar::zkvm {

/// The result f1·(a + b) + f2·(a and b) of two u32 whose bytes are x and y: the bytes of `a and b` come from AND8,
/// which also makes all of them bytes, so that they are the operands' only ones. Two constraints and four lookups.
template <class B>
typename B::Value combine_bits(PathUnits<B>& row, const std::array<typename B::Value, 4>& x,
                               const std::array<typename B::Value, 4>& y, const typename B::Value& f1,
                               const typename B::Value& f2) {
  using Value = typename B::Value;
  B& b = row.b;
  const auto z = row.bytes("and", [](const PathRow& r) {
    const bool is_register = r.entry.type == vm::RowType::kLogicR;
    return r.row.rs1_value & (is_register ? r.row.rs2_value : static_cast<std::uint32_t>(r.entry.immediate));
  });
  for (std::size_t i = 0; i < 4; ++i) add_term(b, "and8", -1 * row.enable, Tag::kAnd8, {x[i], y[i], z[i]});
  const Value sum =
      b.product("sum", r1cs::Width::kSigned64, f1, PathUnits<B>::from_bytes(x) + PathUnits<B>::from_bytes(y));
  const Value both = b.product("both", r1cs::Width::kSigned64, f2, PathUnits<B>::from_bytes(z));
  return sum + both;
}

/// LOGIC-R: and (f1, f2) = (0, 1), or (1, -1), xor (1, -2).
///
/// | constraints | stage 2 | of |
/// | --- | --- | --- |
/// | 4 | 3 | frame |
/// | 9 | 9 | accesses rs1, rs2, rd |
/// | 6 | 4 | bits |
///
/// a or b = a + b - (a and b), a xor b = a + b - 2·(a and b), over the integers.
inline constexpr Counts kLogicRCounts = {.constraints = 19, .stage1 = 27, .stage2 = 16};

template <class B>
void describe_logic_r(B& b) {
  using Value = typename B::Value;
  PathUnits<B> row(b);
  const Value rd = row.rd(), rs1 = row.rs1(), rs2 = row.rs2(), target = row.target();
  const Value f1 = row.f1(), f2 = row.f2(r1cs::Width::kSigned64);
  const auto x = row.bytes("a", [](const PathRow& r) { return r.row.rs1_value; });
  const auto y = row.bytes("b", [](const PathRow& r) { return r.row.rs2_value; });
  row.read_rs1(rs1, PathUnits<B>::from_bytes(x));
  row.read_rs2(rs2, PathUnits<B>::from_bytes(y));
  row.write_rd(rd, combine_bits(row, x, y, f1, f2));
  row.finish(vm::RowType::kLogicR, {.rd = rd, .rs1 = rs1, .rs2 = rs2, .target = target, .f1 = f1, .f2 = f2}, target);
}

/// LOGIC-I: the same with the immediate for rs2: 16 constraints, 13 stage-2 values.
inline constexpr Counts kLogicICounts = {.constraints = 16, .stage1 = 25, .stage2 = 13};

template <class B>
void describe_logic_i(B& b) {
  using Value = typename B::Value;
  PathUnits<B> row(b);
  const Value rd = row.rd(), rs1 = row.rs1(), target = row.target();
  const Value f1 = row.f1(), f2 = row.f2(r1cs::Width::kSigned64);
  const auto x = row.bytes("a", [](const PathRow& r) { return r.row.rs1_value; });
  const auto y = row.bytes("b", [](const PathRow& r) { return static_cast<std::uint32_t>(r.entry.immediate); });
  row.read_rs1(rs1, PathUnits<B>::from_bytes(x));
  row.write_rd(rd, combine_bits(row, x, y, f1, f2));
  row.finish(vm::RowType::kLogicI,
             {.rd = rd, .rs1 = rs1, .immediate = PathUnits<B>::from_bytes(y), .target = target, .f1 = f1, .f2 = f2},
             target);
}

}  // namespace magnetar::zkvm
