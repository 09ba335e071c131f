#pragma once

#include "engine/zkvm/units.h"

namespace magnetar::zkvm {

/// JALR: on to (rs1 + immediate mod 2^32) with bit 0 cleared; rd = target, which is pc + 4 for guests, and a constant
/// result in microcode.
///
/// | constraints | stage 2 | of |
/// | --- | --- | --- |
/// | 4 | 3 | frame |
/// | 6 | 6 | accesses rs1, rd |
/// | 2 | 0 | bit 0 and the carry are bits |
///
/// a + immediate = next + bit + 2^32·carry. The next pc is that of a PROG entry, or the segment's end: a multiple of 4
/// below 2^32 - 4, or at least 2^33. With next < 2^32 even, next + bit is below 2^32, so carry, bit and next are the
/// quotient and remainders. next ≥ 2^33 is impossible, as a + immediate < 2^33.
inline constexpr Counts kJalrCounts = {.constraints = 12, .stage1 = 13, .stage2 = 9};

template <class B>
void describe_jalr(B& b) {
  using Value = typename B::Value;
  PathUnits<B> row(b);
  const Value rd = row.rd(), rs1 = row.rs1(), immediate = row.immediate(), target = row.target();
  const Value a = row.read_rs1(rs1);
  const Value bit =
      b.variable("bit 0", r1cs::Width::kBit, [](const PathRow& r) { return PathUnits<B>::address(r) & 1; });
  const Value next =
      b.variable("next pc", r1cs::Width::k32, [](const PathRow& r) { return PathUnits<B>::address(r) & ~1U; });
  b.two_valued("bit 0", bit);
  b.two_valued("carry", a + immediate - next - bit, kTwo32);
  row.write_rd(rd, target);
  row.finish(vm::RowType::kJalr, {.rd = rd, .rs1 = rs1, .immediate = immediate, .target = target}, next);
}

}  // namespace magnetar::zkvm
