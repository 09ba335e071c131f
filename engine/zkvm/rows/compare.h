#pragma once

#include "engine/zkvm/units.h"

namespace magnetar::zkvm {

/// The hints of a comparison: first operand less second, as the row type takes them.
inline std::int64_t unsigned_difference(const PathRow& r, std::uint64_t second) {
  return static_cast<std::int64_t>(r.row.rs1_value) - static_cast<std::int64_t>(second);
}
inline std::int64_t signed_difference(const PathRow& r) {
  return std::int64_t{static_cast<std::int32_t>(r.row.rs1_value)} -
         std::int64_t{static_cast<std::int32_t>(r.row.rs2_value)};
}

/// pc' = immediate + bit·(target - immediate): one constraint.
template <class B>
typename B::Value choose_pc(PathUnits<B>& row, const typename B::Value& bit, const typename B::Value& immediate,
                            const typename B::Value& target) {
  return immediate + row.b.product("jump", r1cs::Width::kSigned64, bit, target - immediate);
}

/// BEQ and BNE: on to immediate if a = b, else to target. Which is which, PROG settles.
///
/// | constraints | stage 2 | of |
/// | --- | --- | --- |
/// | 4 | 3 | frame |
/// | 6 | 6 | accesses rs1, rs2 |
/// | 2 | 0 | (a - b)·inverse = differ, (1 - differ)·(a - b) = 0 |
/// | 1 | 0 | choice of pc |
///
/// a = b: differ = 0 by the first. a ≠ b: differ = 1 by the second. |a - b| < 2^32, so a - b is 0 mod p only if a = b.
/// The inverse is free if a = b, which harms nothing: it occurs nowhere else.
inline constexpr Counts kBranchEqualCounts = {.constraints = 13, .stage1 = 14, .stage2 = 9};

template <class B>
void describe_branch_equal(B& b) {
  using Value = typename B::Value;
  PathUnits<B> row(b);
  const Value rs1 = row.rs1(), rs2 = row.rs2(), immediate = row.immediate(r1cs::Width::kSigned64),
              target = row.target();
  const Value x = row.read_rs1(rs1);
  const Value y = row.read_rs2(rs2);
  const Value difference = x - y;
  const Value inverse = b.inverse("inverse", difference);
  const Value differ =
      b.variable("differ", r1cs::Width::kBit, [](const PathRow& r) { return r.row.rs1_value != r.row.rs2_value; });
  b.constrain("differ", difference, inverse, differ);
  b.constrain("equal", 1 - differ, difference, Value{});
  row.finish(vm::RowType::kBranchEqual, {.rs1 = rs1, .rs2 = rs2, .immediate = immediate, .target = target},
             choose_pc(row, differ, immediate, target));
}

/// BLTU and BGEU: on to target if a < b, else to immediate. Frame 4 / 3, accesses 6 / 6, order 3 / 2, choice 1 / 0.
inline constexpr Counts kBranchLessUnsignedCounts = {.constraints = 14, .stage1 = 14, .stage2 = 11};

template <class B>
void describe_branch_less_unsigned(B& b) {
  using Value = typename B::Value;
  PathUnits<B> row(b);
  const Value rs1 = row.rs1(), rs2 = row.rs2(), immediate = row.immediate(r1cs::Width::kSigned64),
              target = row.target();
  const Value x = row.read_rs1(rs1);
  const Value y = row.read_rs2(rs2);
  const Value less = row.less(x, y, [](const PathRow& r) { return unsigned_difference(r, r.row.rs2_value); });
  row.finish(vm::RowType::kBranchLessUnsigned, {.rs1 = rs1, .rs2 = rs2, .immediate = immediate, .target = target},
             choose_pc(row, less, immediate, target));
}

/// x - 2^32·sign: a u32 as a signed integer in -2^31..2^31-1.
template <class B>
typename B::Value as_signed_rs1(PathUnits<B>& row, const typename B::Value& x) {
  return x - kTwo32 * row.sign("rs1 sign", x, [](const PathRow& r) { return r.row.rs1_value; });
}
template <class B>
typename B::Value as_signed_rs2(PathUnits<B>& row, const typename B::Value& x) {
  return x - kTwo32 * row.sign("rs2 sign", x, [](const PathRow& r) { return r.row.rs2_value; });
}

/// BLT and BGE: the same, signed. Frame 4 / 3, accesses 6 / 6, signs 4 / 4, order 3 / 2, choice 1 / 0.
inline constexpr Counts kBranchLessCounts = {.constraints = 18, .stage1 = 18, .stage2 = 15};

template <class B>
void describe_branch_less(B& b) {
  using Value = typename B::Value;
  PathUnits<B> row(b);
  const Value rs1 = row.rs1(), rs2 = row.rs2(), immediate = row.immediate(r1cs::Width::kSigned64),
              target = row.target();
  const Value x = as_signed_rs1(row, row.read_rs1(rs1));
  const Value y = as_signed_rs2(row, row.read_rs2(rs2));
  const Value less = row.less(x, y, signed_difference);
  row.finish(vm::RowType::kBranchLess, {.rs1 = rs1, .rs2 = rs2, .immediate = immediate, .target = target},
             choose_pc(row, less, immediate, target));
}

/// SLTU-R: rd = [a < b]. Frame 4 / 3, accesses 9 / 9, order 3 / 2.
inline constexpr Counts kSetLessUnsignedRCounts = {.constraints = 16, .stage1 = 15, .stage2 = 14};

template <class B>
void describe_set_less_unsigned_r(B& b) {
  using Value = typename B::Value;
  PathUnits<B> row(b);
  const Value rd = row.rd(), rs1 = row.rs1(), rs2 = row.rs2(), target = row.target();
  const Value x = row.read_rs1(rs1);
  const Value y = row.read_rs2(rs2);
  row.write_rd(rd, row.less(x, y, [](const PathRow& r) { return unsigned_difference(r, r.row.rs2_value); }));
  row.finish(vm::RowType::kSetLessUnsignedR, {.rd = rd, .rs1 = rs1, .rs2 = rs2, .target = target}, target);
}

/// SLTU-I: rd = [a < immediate]. Frame 4 / 3, accesses 6 / 6, order 3 / 2.
inline constexpr Counts kSetLessUnsignedICounts = {.constraints = 13, .stage1 = 13, .stage2 = 11};

template <class B>
void describe_set_less_unsigned_i(B& b) {
  using Value = typename B::Value;
  PathUnits<B> row(b);
  const Value rd = row.rd(), rs1 = row.rs1(), immediate = row.immediate(), target = row.target();
  const Value x = row.read_rs1(rs1);
  row.write_rd(rd, row.less(x, immediate, [](const PathRow& r) { return unsigned_difference(r, r.entry.immediate); }));
  row.finish(vm::RowType::kSetLessUnsignedI, {.rd = rd, .rs1 = rs1, .immediate = immediate, .target = target}, target);
}

/// SLT-R: rd = [a < b], signed. Frame 4 / 3, accesses 9 / 9, signs 4 / 4, order 3 / 2.
inline constexpr Counts kSetLessRCounts = {.constraints = 20, .stage1 = 19, .stage2 = 18};

template <class B>
void describe_set_less_r(B& b) {
  using Value = typename B::Value;
  PathUnits<B> row(b);
  const Value rd = row.rd(), rs1 = row.rs1(), rs2 = row.rs2(), target = row.target();
  const Value x = as_signed_rs1(row, row.read_rs1(rs1));
  const Value y = as_signed_rs2(row, row.read_rs2(rs2));
  row.write_rd(rd, row.less(x, y, signed_difference));
  row.finish(vm::RowType::kSetLessR, {.rd = rd, .rs1 = rs1, .rs2 = rs2, .target = target}, target);
}

/// SLT-I: rd = [a < b], signed, where PROG's immediate is b + 2^31: compared with a + 2^31, both in 0..2^32-1.
/// Frame 4 / 3, accesses 6 / 6, sign 2 / 2, order 3 / 2.
inline constexpr Counts kSetLessICounts = {.constraints = 15, .stage1 = 15, .stage2 = 13};

template <class B>
void describe_set_less_i(B& b) {
  using Value = typename B::Value;
  PathUnits<B> row(b);
  const Value rd = row.rd(), rs1 = row.rs1(), immediate = row.immediate(), target = row.target();
  const Value x = as_signed_rs1(row, row.read_rs1(rs1)) + kTwo32 / 2 * row.enable;
  row.write_rd(rd, row.less(x, immediate, [](const PathRow& r) {
    return std::int64_t{static_cast<std::int32_t>(r.row.rs1_value)} + kTwo32 / 2 -
           static_cast<std::int64_t>(r.entry.immediate);
  }));
  row.finish(vm::RowType::kSetLessI, {.rd = rd, .rs1 = rs1, .immediate = immediate, .target = target}, target);
}

}  // namespace magnetar::zkvm
