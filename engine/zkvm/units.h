#pragma once

#include <cstdint>
#include <string_view>

#include "engine/r1cs/witness.h"
#include "engine/zkvm/bus.h"
#include "vm/program_entry.h"
#include "vm/trace.h"

namespace magnetar::zkvm {

/// What the honest values of a path row are computed from.
struct PathRow {
  const vm::ProgramEntry& entry;
  const vm::Row& row;
  std::uint64_t clock;
};

/// What a description contains, for the tests that count: constraints, and variables of both stages.
struct Counts {
  std::size_t constraints;
  std::size_t stage1;
  std::size_t stage2;

  friend bool operator==(const Counts&, const Counts&) = default;
};

/// An index register's address is 2^32 plus its number; memory words are below 2^30.
inline constexpr std::int64_t kRegisterBase = std::int64_t{1} << 32;
inline constexpr std::int64_t kTwo32 = std::int64_t{1} << 32;
inline constexpr std::int64_t kTwo16 = std::int64_t{1} << 16;

/// y is looked up in RANGE16: with multiplicity 1 it is an integer in 0..2^16-1.
template <class B>
void range16(B& b, std::string_view name, const typename B::Value& enable, const typename B::Value& y) {
  add_term(b, name, -1 * enable, Tag::kRange16, {y});
}

/// The units that path rows are made of. Every variable that a unit adds is named under it.
///
/// All values on MEM tuples are u32 by induction over time (lists, and every write), immediates are u32, so all
/// expressions below are integers far from the field's modulus, and equations between them hold over the integers.
template <class B>
class PathUnits {
 public:
  using Value = typename B::Value;

  /// The frame: enable bit, pc, clock. Removes (pc, clock) from STATE; `finish` adds what follows.
  explicit PathUnits(B& builder) : b(builder) {
    enable = b.variable("enable", r1cs::Width::kBit, [](const PathRow&) { return 1; });
    b.two_valued("enable", enable);
    pc = b.variable("pc", r1cs::Width::kSigned64, [](const PathRow& r) { return r.entry.pc; });
    clock = b.variable("clock", r1cs::Width::k32, [](const PathRow& r) { return r.clock; });
    add_term(b, "state/remove", -1 * enable, Tag::kState, {pc, clock});
  }

  /// Fields of the program entry; what a type does not use stays 0.
  struct Fields {
    Value rd{}, rs1{}, rs2{}, immediate{}, target{}, f1{}, f2{};
  };
  Value rd() {
    return b.variable("rd", r1cs::Width::k8, [](const PathRow& r) { return r.entry.rd; });
  }
  Value rs1() {
    return b.variable("rs1", r1cs::Width::k8, [](const PathRow& r) { return r.entry.rs1; });
  }
  Value rs2() {
    return b.variable("rs2", r1cs::Width::k8, [](const PathRow& r) { return r.entry.rs2; });
  }
  Value immediate(r1cs::Width width = r1cs::Width::k32) {
    return b.variable("immediate", width, [](const PathRow& r) { return r.entry.immediate; });
  }
  Value target() {
    return b.variable("target", r1cs::Width::kSigned64, [](const PathRow& r) { return r.entry.target; });
  }
  Value f1(r1cs::Width width = r1cs::Width::kBit) {
    return b.variable("f1", width, [](const PathRow& r) { return r.entry.f1; });
  }
  Value f2(r1cs::Width width) {
    return b.variable("f2", width, [](const PathRow& r) { return r.entry.f2; });
  }

  /// Takes the program entry off PROG and adds (next_pc, clock + 1) to STATE.
  void finish(vm::RowType type, const Fields& f, const Value& next_pc) {
    add_term(b, "state/add", enable, Tag::kState, {next_pc, clock + 1});
    add_term(b, "program", -1 * enable, Tag::kProgram,
             {pc, Value(static_cast<std::int64_t>(type)), f.rd, f.rs1, f.rs2, f.immediate, f.target, f.f1, f.f2});
  }

  /// The access in `slot` of an address that holds `value` and will hold `new_value`: at time t = 4·clock + slot,
  /// after the last one at t - 1 - gap.
  void access(unsigned slot, const Value& address, const Value& value, const Value& new_value) {
    const Value gap = b.variable("gap", r1cs::Width::k16, [slot](const PathRow& r) { return r.row.gap[slot]; });
    const Value time = 4 * clock + static_cast<std::int64_t>(slot);
    add_term(b, "remove", -1 * enable, Tag::kMemory, {address, value, time - 1 - gap});
    add_term(b, "add", enable, Tag::kMemory, {address, new_value, time});
    range16("gap", gap);
  }

  /// rs1's value, left as it is.
  Value read_rs1(const Value& number) {
    const auto scope = b.scope("rs1");
    Value value = rs1_value();
    access(0, kRegisterBase + number, value, value);
    return value;
  }
  /// The same, where the value is a combination of other variables.
  void read_rs1(const Value& number, const Value& value) {
    const auto scope = b.scope("rs1");
    access(0, kRegisterBase + number, value, value);
  }
  /// rs1's value, which is replaced by the value plus 1.
  Value increment_rs1(const Value& number) {
    const auto scope = b.scope("rs1");
    Value value = rs1_value();
    access(0, kRegisterBase + number, value, value + 1);
    return value;
  }
  Value read_rs2(const Value& number) {
    const auto scope = b.scope("rs2");
    Value value = b.variable("value", r1cs::Width::k32, [](const PathRow& r) { return r.row.rs2_value; });
    access(1, kRegisterBase + number, value, value);
    return value;
  }
  void read_rs2(const Value& number, const Value& value) {
    const auto scope = b.scope("rs2");
    access(1, kRegisterBase + number, value, value);
  }
  void access_memory(const Value& index, const Value& value, const Value& new_value) {
    const auto scope = b.scope("memory");
    access(2, index, value, new_value);
  }
  void write_rd(const Value& number, const Value& new_value) {
    const auto scope = b.scope("rd");
    const Value old = b.variable("old", r1cs::Width::k32, [](const PathRow& r) { return r.row.rd_value; });
    access(3, kRegisterBase + number, old, new_value);
  }

  void range16(std::string_view name, const Value& y) { zkvm::range16(b, name, enable, y); }

  /// numerator = value + 2^32·carry with value a u32: unique by Euclid for a numerator in 0..2^33-1. `low` limb by
  /// RANGE16 is a combination, so that only the carry and the upper limb are variables. Two lookups, one constraint.
  template <class Hint>
  Value reduce(const Value& numerator, Hint&& hint) {
    const Value carry = b.variable("carry", r1cs::Width::kBit, [&](const PathRow& r) { return hint(r) >> 32; });
    const Value high = b.variable("high", r1cs::Width::k16, [&](const PathRow& r) { return hint(r) >> 16 & 0xffff; });
    Value value = numerator - kTwo32 * carry;
    b.two_valued("carry", carry);
    range16("low", value - kTwo16 * high);
    range16("high", high);
    return value;
  }

  /// [x < y] for |x - y| < 2^32: d = x - y + 2^32·w is a u32, so w is 1 exactly if x - y is negative.
  template <class Hint>
  Value less(const Value& x, const Value& y, Hint&& hint) {
    const auto scope = b.scope("less");
    Value w = b.variable("less", r1cs::Width::kBit, [&](const PathRow& r) { return hint(r) < 0 ? 1 : 0; });
    const Value high = b.variable("high", r1cs::Width::k16, [&](const PathRow& r) { return hint(r) >> 16 & 0xffff; });
    const Value d = x - y + kTwo32 * w;
    b.two_valued("less", w);
    range16("low", d - kTwo16 * high);
    range16("high", high);
    return w;
  }

  /// The sign bit of a u32: its upper half is looked up in SIGN16, its lower is a u16.
  template <class Hint>
  Value sign(std::string_view name, const Value& x, Hint&& hint) {
    const auto scope = b.scope(name);
    const Value high = b.variable("high", r1cs::Width::k16, [&](const PathRow& r) { return hint(r) >> 16; });
    Value s = b.variable("sign", r1cs::Width::kBit, [&](const PathRow& r) { return hint(r) >> 31; });
    add_term(b, "sign16", -1 * enable, Tag::kSign16, {high, s});
    range16("low", x - kTwo16 * high);
    return s;
  }

  /// Four bytes of a u32, the lowest first; that they are bytes is for their lookups to say.
  template <class Hint>
  std::array<Value, 4> bytes(std::string_view name, Hint&& hint) {
    const auto scope = b.scope(name);
    const auto byte = [&](std::string_view digit, unsigned i) {
      return b.variable(digit, r1cs::Width::k8, [&, i](const PathRow& r) { return hint(r) >> 8 * i & 0xff; });
    };
    const Value b0 = byte("0", 0), b1 = byte("1", 1), b2 = byte("2", 2), b3 = byte("3", 3);
    return {b0, b1, b2, b3};
  }
  static Value from_bytes(const std::array<Value, 4>& d) {
    return d[0] + 256 * d[1] + kTwo16 * d[2] + (std::int64_t{1} << 24) * d[3];
  }

  /// The word index of rs1 + immediate - offset, modulo 2^32. The index is one of the verifier's list: a memory
  /// word below 2^30, so 4·index + offset is below 2^32 and the carry is determined; a wrong carry gives an index at
  /// or above 2^30 and below 2^31, or a negative one, neither of which is an address.
  Value word_index(const Value& base, const Value& immediate, const Value& offset) {
    Value index = b.variable("index", r1cs::Width::k32, [](const PathRow& r) { return address(r) / 4; });
    b.two_valued("address", base + immediate - 4 * index - offset, kTwo32);
    return index;
  }

  /// The address of a load or store.
  static std::uint32_t address(const PathRow& r) {
    return r.row.rs1_value + static_cast<std::uint32_t>(r.entry.immediate);
  }

  B& b;
  Value enable, pc, clock;

 private:
  Value rs1_value() {
    return b.variable("value", r1cs::Width::k32, [](const PathRow& r) { return r.row.rs1_value; });
  }
};

}  // namespace magnetar::zkvm
