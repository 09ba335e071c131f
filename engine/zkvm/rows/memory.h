#pragma once

#include "engine/zkvm/units.h"

namespace magnetar::zkvm {

/// The memory word before the row.
template <class B>
typename B::Value memory_word(B& b) {
  return b.variable("word", r1cs::Width::k32, [](const PathRow& r) { return r.row.memory_value; });
}

/// LW: rd = the word at rs1 + immediate. Frame 4 / 3, accesses 9 / 9, address 1 / 0. The value is a copy of a u32. A
/// misaligned address has no index: 4·index is no integer.
inline constexpr Counts kLoadWordCounts = {.constraints = 14, .stage1 = 14, .stage2 = 12};

template <class B>
void describe_load_word(B& b) {
  using Value = typename B::Value;
  PathUnits<B> row(b);
  const Value rd = row.rd(), rs1 = row.rs1(), immediate = row.immediate(), target = row.target();
  const Value index = row.word_index(row.read_rs1(rs1), immediate, Value{});
  const Value word = memory_word(b);
  row.access_memory(index, word, word);
  row.write_rd(rd, word);
  row.finish(vm::RowType::kLoadWord, {.rd = rd, .rs1 = rs1, .immediate = immediate, .target = target}, target);
}

/// SW: the word at rs1 + immediate = rs2. Frame 4 / 3, accesses 9 / 9, address 1 / 0.
inline constexpr Counts kStoreWordCounts = {.constraints = 14, .stage1 = 14, .stage2 = 12};

template <class B>
void describe_store_word(B& b) {
  using Value = typename B::Value;
  PathUnits<B> row(b);
  const Value rs1 = row.rs1(), rs2 = row.rs2(), immediate = row.immediate(), target = row.target();
  const Value index = row.word_index(row.read_rs1(rs1), immediate, Value{});
  const Value y = row.read_rs2(rs2);
  row.access_memory(index, memory_word(b), y);
  row.finish(vm::RowType::kStoreWord, {.rs1 = rs1, .rs2 = rs2, .immediate = immediate, .target = target}, target);
}

/// A word taken apart around the byte or halfword that is accessed. `byte` is the accessed byte, or the upper byte of
/// the accessed halfword, `other` the halfword's other byte; `sign` is the bit 7 of `byte`, and `place` is 2 to the
/// power of the accessed digit's position.
///
/// X, the accessed halfword, is byte + 256·other, or with p = 1 other + 256·byte; the word is X + 2^16·Y, or with
/// q = 1 Y + 2^16·X. byte and other are bytes by BYTES, Y a u16 by RANGE16, so the digits are the word's only ones once
/// p and q are known; ALIGN makes p and q bits, 1 and a bit for halfwords, and the address unit's offset
/// 2q + p - hf < 4 fixes them. Five constraints besides the address's: three lookups, two products.
template <class B>
struct Digits {
  typename B::Value index, word, byte, other, sign, place;
};

template <class B>
Digits<B> take_apart(PathUnits<B>& row, const typename B::Value& base, const typename B::Value& immediate,
                     const typename B::Value& half) {
  using Value = typename B::Value;
  B& b = row.b;
  // How many bytes above the word's lowest the digit lies; which halfword; which byte in it.
  constexpr auto offset = [](const PathRow& r) { return PathUnits<B>::address(r) % 4; };
  constexpr auto upper_half = [](const PathRow& r) { return r.row.memory_value >> (PathUnits<B>::address(r) & 2) * 8; };
  constexpr auto p_of = [](const PathRow& r) -> std::uint32_t {
    return r.entry.f1 == 1 ? 1 : PathUnits<B>::address(r) % 2;
  };
  const Value q = b.variable("q", r1cs::Width::kBit, [=](const PathRow& r) { return offset(r) / 2; });
  const Value p = b.variable("p", r1cs::Width::kBit, p_of);
  const Value place = b.variable("place", r1cs::Width::k32, [=](const PathRow& r) { return 1U << 8 * offset(r); });
  const Value index = row.word_index(base, immediate, 2 * q + p - half);
  add_term(b, "align", -1 * row.enable, Tag::kAlign, {half, q, p, place});

  const Value byte =
      b.variable("byte", r1cs::Width::k8, [=](const PathRow& r) { return upper_half(r) >> 8 * p_of(r) & 0xff; });
  const Value other = b.variable("other byte", r1cs::Width::k8,
                                 [=](const PathRow& r) { return upper_half(r) >> 8 * (1 - p_of(r)) & 0xff; });
  const Value sign =
      b.variable("sign", r1cs::Width::kBit, [=](const PathRow& r) { return upper_half(r) >> (8 * p_of(r) + 7) & 1; });
  add_term(b, "bytes", -1 * row.enable, Tag::kBytes, {byte, other, sign});
  const Value rest = b.variable("other half", r1cs::Width::k16, [](const PathRow& r) {
    return r.row.memory_value >> (2 - (PathUnits<B>::address(r) & 2)) * 8 & 0xffff;
  });
  row.range16("other half", rest);

  const Value accessed = byte + 256 * other + 255 * b.product("swap bytes", r1cs::Width::kSigned64, p, byte - other);
  const Value word =
      accessed + kTwo16 * rest + (kTwo16 - 1) * b.product("swap halves", r1cs::Width::kSigned64, q, accessed - rest);
  return {index, word, byte, other, sign, place};
}

/// SUBWORD-L: lb, lh, lbu, lhu: rd = the digit, plus f2 if its sign bit is set (2^32 - 2^8, 2^32 - 2^16, or 0).
///
/// | constraints | stage 2 | of |
/// | --- | --- | --- |
/// | 4 | 3 | frame |
/// | 9 | 9 | accesses rs1, memory, rd |
/// | 6 | 3 | address and digits |
/// | 2 | 0 | halfword's second byte, sign extension |
///
/// For halfwords p = 1, so `byte` is always the sign byte. The result is a u32: below 2^16, or 2^32 less something.
inline constexpr Counts kLoadSubwordCounts = {.constraints = 21, .stage1 = 26, .stage2 = 15};

template <class B>
void describe_load_subword(B& b) {
  using Value = typename B::Value;
  PathUnits<B> row(b);
  const Value rd = row.rd(), rs1 = row.rs1(), immediate = row.immediate(), target = row.target();
  const Value half = row.f1(), f2 = row.f2(r1cs::Width::k32);
  const Digits<B> d = take_apart(row, row.read_rs1(rs1), immediate, half);
  row.access_memory(d.index, d.word, d.word);
  const Value second = b.product("second byte", r1cs::Width::kSigned64, half, 255 * d.byte + d.other);
  const Value extension = b.product("extension", r1cs::Width::k32, f2, d.sign);
  row.write_rd(rd, d.byte + second + extension);
  row.finish(vm::RowType::kLoadSubword,
             {.rd = rd, .rs1 = rs1, .immediate = immediate, .target = target, .f1 = half, .f2 = f2}, target);
}

/// SUBWORD-S: sb, sh: the digit is replaced by rs2's lower bits.
///
/// | constraints | stage 2 | of |
/// | --- | --- | --- |
/// | 4 | 3 | frame |
/// | 9 | 9 | accesses rs1, rs2, memory |
/// | 6 | 3 | address and digits |
/// | 4 | 2 | rs2 = k0 + 256·k1 + 2^16·k2, difference for halfwords, difference in place |
///
/// Exactly one digit changes, from a byte or u16 to another, so the word stays a u32.
inline constexpr Counts kStoreSubwordCounts = {.constraints = 23, .stage1 = 28, .stage2 = 17};

template <class B>
void describe_store_subword(B& b) {
  using Value = typename B::Value;
  PathUnits<B> row(b);
  const Value rs1 = row.rs1(), rs2 = row.rs2(), immediate = row.immediate(), target = row.target(), half = row.f1();
  const Digits<B> d = take_apart(row, row.read_rs1(rs1), immediate, half);
  const Value k0 = b.variable("k0", r1cs::Width::k8, [](const PathRow& r) { return r.row.rs2_value & 0xff; });
  const Value k1 = b.variable("k1", r1cs::Width::k8, [](const PathRow& r) { return r.row.rs2_value >> 8 & 0xff; });
  const Value k0_sign =
      b.variable("k0 sign", r1cs::Width::kBit, [](const PathRow& r) { return r.row.rs2_value >> 7 & 1; });
  const Value k2 = b.variable("k2", r1cs::Width::k16, [](const PathRow& r) { return r.row.rs2_value >> 16; });
  add_term(b, "rs2 bytes", -1 * row.enable, Tag::kBytes, {k0, k1, k0_sign});
  row.range16("k2", k2);
  row.read_rs2(rs2, k0 + 256 * k1 + kTwo16 * k2);
  const Value second = b.product("second byte", r1cs::Width::kSigned64, half, 256 * k1 - 255 * d.byte - d.other);
  const Value change = b.product("change", r1cs::Width::kSigned64, d.place, k0 - d.byte + second);
  row.access_memory(d.index, d.word, d.word + change);
  row.finish(vm::RowType::kStoreSubword, {.rs1 = rs1, .rs2 = rs2, .immediate = immediate, .target = target, .f1 = half},
             target);
}

}  // namespace magnetar::zkvm
