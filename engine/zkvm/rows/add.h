#pragma once

#include "engine/zkvm/units.h"

namespace magnetar::zkvm {

/// ADD-I: addi, lui, auipc, jal, ecall, and as no-ops fence and ebreak: rd = rs1 + immediate mod 2^32, on to target.
///
/// | constraints | stage 2 | of |
/// | --- | --- | --- |
/// | 4 | 3 | frame |
/// | 6 | 6 | accesses rs1, rd |
/// | 3 | 2 | reduction of a + immediate |
///
/// a + immediate < 2^33, so the reduction's value is the sum mod 2^32 and nothing else.
inline constexpr Counts kAddICounts = {.constraints = 13, .stage1 = 13, .stage2 = 11};

template <class B>
void describe_add_i(B& b) {
  using Value = typename B::Value;
  PathUnits<B> row(b);
  const Value rd = row.rd(), rs1 = row.rs1(), immediate = row.immediate(), target = row.target();
  const Value a = row.read_rs1(rs1);
  const Value sum = row.reduce(a + immediate, [](const PathRow& r) -> std::uint64_t {
    return std::uint64_t{r.row.rs1_value} + r.entry.immediate;
  });
  row.write_rd(rd, sum);
  row.finish(vm::RowType::kAddI, {.rd = rd, .rs1 = rs1, .immediate = immediate, .target = target}, target);
}

/// ADD-R: add and, with f1 = 1, sub.
///
/// | constraints | stage 2 | of |
/// | --- | --- | --- |
/// | 4 | 3 | frame |
/// | 9 | 9 | accesses rs1, rs2, rd |
/// | 1 | 0 | g = f1·b |
/// | 3 | 2 | reduction of a + b - 2g + 2^32·f1 |
///
/// f1 is 0 or 1 by PROG; the numerator is a + b, or a - b + 2^32: in 0..2^33-1 either way, so its value mod 2^32 is
/// unique.
inline constexpr Counts kAddRCounts = {.constraints = 17, .stage1 = 17, .stage2 = 14};

template <class B>
void describe_add_r(B& b) {
  using Value = typename B::Value;
  PathUnits<B> row(b);
  const Value rd = row.rd(), rs1 = row.rs1(), rs2 = row.rs2(), target = row.target(), f1 = row.f1();
  const Value x = row.read_rs1(rs1);
  const Value y = row.read_rs2(rs2);
  const Value g = b.product("subtrahend", r1cs::Width::k32, f1, y);
  const Value result = row.reduce(x + y - 2 * g + kTwo32 * f1, [](const PathRow& r) -> std::uint64_t {
    const std::uint64_t second = r.row.rs2_value;
    return r.entry.f1 == 1 ? (std::uint64_t{1} << 32) + r.row.rs1_value - second : r.row.rs1_value + second;
  });
  row.write_rd(rd, result);
  row.finish(vm::RowType::kAddR, {.rd = rd, .rs1 = rs1, .rs2 = rs2, .target = target, .f1 = f1}, target);
}

}  // namespace magnetar::zkvm
