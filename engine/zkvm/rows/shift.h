#pragma once

#include "engine/zkvm/units.h"

namespace magnetar::zkvm {

/// The factor that a shift multiplies by: 2^amount to the left, 2^(32 - amount) to the right.
inline std::uint64_t shift_factor(const PathRow& r) {
  if (r.entry.type == vm::RowType::kShiftI) return r.entry.immediate;
  const unsigned amount = r.row.rs2_value % 32;
  return std::uint64_t{1} << (r.entry.f1 == 1 ? 32 - amount : amount);
}

/// a·factor = hi·2^32 + lo with u32 hi and lo, which is unique, as a·factor < 2^64. Gives lo, or with f1 = 1 hi; and
/// a's sign bit. Eight constraints, six stage-2 values.
template <class B>
struct Shifted {
  typename B::Value half, sign;
};

template <class B>
Shifted<B> shift(PathUnits<B>& row, const typename B::Value& a, const typename B::Value& factor,
                 const typename B::Value& f1) {
  using Value = typename B::Value;
  B& b = row.b;
  const auto limb = [&](std::string_view name, unsigned i) {
    return b.variable(name, r1cs::Width::k16,
                      [i](const PathRow& r) { return r.row.rs1_value * shift_factor(r) >> 16 * i & 0xffff; });
  };
  const Value limbs[] = {limb("limb 0", 0), limb("limb 1", 1), limb("limb 2", 2), limb("limb 3", 3)};
  for (const Value& l : limbs) row.range16("limb", l);
  const Value lo = limbs[0] + kTwo16 * limbs[1];
  const Value hi = limbs[2] + kTwo16 * limbs[3];
  b.constrain("shift", a, factor, lo + kTwo32 * hi);
  const Value sign = row.sign("rs1 sign", a, [](const PathRow& r) { return r.row.rs1_value; });
  const Value half = lo + b.product("select", r1cs::Width::kSigned64, f1, hi - lo);
  return {half, sign};
}

/// SHIFT-I: slli, srli, srai; PROG's immediate is the factor, f1 = 1 to the right, and f2 what a set sign bit adds:
/// 2^32 - factor for srai, else 0.
///
/// | constraints | stage 2 | of |
/// | --- | --- | --- |
/// | 4 | 3 | frame |
/// | 6 | 6 | accesses rs1, rd |
/// | 8 | 6 | shift |
/// | 1 | 0 | extension |
inline constexpr Counts kShiftICounts = {.constraints = 19, .stage1 = 21, .stage2 = 15};

template <class B>
void describe_shift_i(B& b) {
  using Value = typename B::Value;
  PathUnits<B> row(b);
  const Value rd = row.rd(), rs1 = row.rs1(), factor = row.immediate(), target = row.target();
  const Value f1 = row.f1(), f2 = row.f2(r1cs::Width::k32);
  const Value a = row.read_rs1(rs1);
  const Shifted<B> shifted = shift(row, a, factor, f1);
  row.write_rd(rd, shifted.half + b.product("extension", r1cs::Width::k32, f2, shifted.sign));
  row.finish(vm::RowType::kShiftI, {.rd = rd, .rs1 = rs1, .immediate = factor, .target = target, .f1 = f1, .f2 = f2},
             target);
}

/// SHIFT-R: sll, srl, sra by rs2 mod 32; f1 = 1 to the right, f2 = 1 for sra.
///
/// | constraints | stage 2 | of |
/// | --- | --- | --- |
/// | 4 | 3 | frame |
/// | 9 | 9 | accesses rs1, rs2, rd |
/// | 3 | 2 | factor |
/// | 8 | 6 | shift |
/// | 2 | 0 | extension |
///
/// b = x + 2^16·y with x a u16 by SHPOW and y by RANGE16, so x = b mod 2^16, and SHPOW gives both powers for x mod 32.
inline constexpr Counts kShiftRCounts = {.constraints = 26, .stage1 = 28, .stage2 = 20};

template <class B>
void describe_shift_r(B& b) {
  using Value = typename B::Value;
  PathUnits<B> row(b);
  const Value rd = row.rd(), rs1 = row.rs1(), rs2 = row.rs2(), target = row.target();
  const Value f1 = row.f1(), f2 = row.f2(r1cs::Width::kBit);
  const Value a = row.read_rs1(rs1);
  const Value x = b.variable("amount", r1cs::Width::k16, [](const PathRow& r) { return r.row.rs2_value & 0xffff; });
  const Value y = b.variable("rs2 high", r1cs::Width::k16, [](const PathRow& r) { return r.row.rs2_value >> 16; });
  const Value left = b.variable("left factor", r1cs::Width::k32,
                                [](const PathRow& r) { return std::int64_t{1} << r.row.rs2_value % 32; });
  const Value right = b.variable("right factor", r1cs::Width::kSigned64,
                                 [](const PathRow& r) { return std::int64_t{1} << (32 - r.row.rs2_value % 32); });
  add_term(b, "powers", -1 * row.enable, Tag::kShiftPow, {x, left, right});
  row.range16("rs2 high", y);
  row.read_rs2(rs2, x + kTwo16 * y);
  const Value factor = left + b.product("direction", r1cs::Width::kSigned64, f1, right - left);
  const Shifted<B> shifted = shift(row, a, factor, f1);
  const Value fill = b.product("fill", r1cs::Width::k32, f2, kTwo32 * row.enable - factor);
  row.write_rd(rd, shifted.half + b.product("extension", r1cs::Width::k32, shifted.sign, fill));
  row.finish(vm::RowType::kShiftR, {.rd = rd, .rs1 = rs1, .rs2 = rs2, .target = target, .f1 = f1, .f2 = f2}, target);
}

}  // namespace magnetar::zkvm
