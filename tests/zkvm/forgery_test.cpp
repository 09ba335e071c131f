// Provers that lie, through the prover's own interface. Each lie is carried through as far as a prover can carry it:
// everything that depends on it is made to fit, so that but for the guards that a test names nothing is wrong: with
// those constraints, or the terms of those tags, removed, the proof would be accepted. Then the verifier must refuse
// it, for the reason that these guards give.

#include "forgery.h"

#include <gtest/gtest.h>

#include <functional>

#include "assembler.h"
#include "engine/zkvm/list_codec.h"

namespace magnetar::zkvm {
namespace {

using namespace testing;
using namespace vm::testing;
using algebra::Fr;
using vm::Address;
using vm::RowType;

constexpr std::int64_t k2To16 = std::int64_t{1} << 16;
constexpr std::int64_t k2To32 = std::int64_t{1} << 32;

constexpr Address reg(std::uint32_t number) {
  return Address::of_register(static_cast<std::uint8_t>(number));
}

Fr one_over(std::int64_t integer) {
  return Fr::from_i64(integer).inverse();
}

/// Two operands in t0 and t1, and an instruction whose result goes to t2 and nowhere else.
Subject two_operands(std::int32_t x, std::int32_t y, std::uint32_t instruction) {
  return subject_of({addi(t0, zero, x), addi(t1, zero, y), instruction, kUnimp});
}

TEST(Forgery, TheHonestStartingPointIsAccepted) {
  Forgery honest(subject_of({addi(s2, zero, 2), kEcallWord, sw(a0, zero, 0x400), kUnimp}, "x"));
  const Lists lists = honest.lists;
  honest.recount();
  EXPECT_EQ(honest.lists, lists);
  EXPECT_TRUE(honest.complaints().none()) << honest.complaints();
  EXPECT_EQ(verdict(honest.plan.subject, honest.prove()), "accepted");
}

// --- Wrong results

struct WrongResult {
  std::string name;
  std::function<Subject()> subject;
  std::function<void(Forgery&)> lie;  ///< all but the lists' last value of t2
  std::int64_t result;                ///< the wrong one
  std::string reason;
  Complaints guards;
};

void PrintTo(const WrongResult& attack, std::ostream* out) {
  *out << attack.name;
}

class WrongResults : public ::testing::TestWithParam<WrongResult> {};

TEST_P(WrongResults, AreRefused) {
  const WrongResult& attack = GetParam();
  Forgery forgery(attack.subject());
  const std::uint32_t right = forgery.touched(reg(t2)).last_value;
  attack.lie(forgery);
  forgery.touched(reg(t2)).last_value = static_cast<std::uint32_t>(attack.result);
  EXPECT_NE(right, attack.result);
  expect_refused(forgery, attack.reason, attack.guards);
}

// A sum that is wrong by 1: the carry is a fraction, so that the value is a u32 all the same.
void off_by_one(Forgery& f, RowType type, std::size_t nth) {
  Forgery::value(f.row(type, nth), "carry") = -one_over(k2To32);
}

// The order's bit turned; the difference, which is then no u32, goes to the upper limb.
void turn_order(Forgery& f, RowType type) {
  const std::int64_t less = f.get(type, "less/less");
  f.set(type, "less/less", 1 - less);
  f.set(type, "less/high", f.get(type, "less/high") + (less == 1 ? -k2To16 : k2To16));
}

std::vector<WrongResult> wrong_results() {
  const auto operands = [](std::int32_t x, std::int32_t y, std::uint32_t instruction) {
    return [=] { return two_operands(x, y, instruction); };
  };
  return {
      {"AddImmediate",
       operands(5, 0, addi(t2, t0, 3)),
       [](Forgery& f) { off_by_one(f, RowType::kAddI, 2); },
       9,
       "primary-instance",
       {{"ADD-I: carry"}, {}}},
      {"AddImmediateOutOfRange",
       operands(5, 0, addi(t2, t0, 3)),
       // 9, with a lower limb of 9 + 2^16: a value out of its table.
       [](Forgery& f) {
         Forgery::value(f.row(RowType::kAddI, 2), "carry") = -one_over(k2To32);
         f.set(RowType::kAddI, "high", -1, 2);
       },
       9,
       "bus",
       {{"ADD-I: carry"}, {Tag::kRange16}}},
      {"Add",
       operands(5, 7, r_type(0, 0, t2, t0, t1)),
       [](Forgery& f) { off_by_one(f, RowType::kAddR, 0); },
       13,
       "primary-instance",
       {{"ADD-R: carry"}, {}}},
      {"Subtract",
       operands(5, 7, r_type(0x20, 0, t2, t0, t1)),
       // As if it were an addition.
       [](Forgery& f) {
         f.set(RowType::kAddR, "subtrahend", 0);
         f.set(RowType::kAddR, "carry", 1);
         f.set(RowType::kAddR, "high", 0);
       },
       12,
       "primary-instance",
       {{"ADD-R: subtrahend"}, {}}},
      {"And",
       operands(12, 10, r_type(0, 7, t2, t0, t1)),
       [](Forgery& f) {
         f.set(RowType::kLogicR, "and/0", 9);
         f.set(RowType::kLogicR, "both", 9);
       },
       9,
       "bus",
       {{}, {Tag::kAnd8}}},
      {"Xor",
       operands(12, 10, r_type(0, 4, t2, t0, t1)),
       [](Forgery& f) { f.set(RowType::kLogicR, "both", -22); },
       0,
       "primary-instance",
       {{"LOGIC-R: both"}, {}}},
      {"OrImmediate",
       operands(12, 0, i_type(0x13, 6, t2, t0, 10)),
       [](Forgery& f) { f.set(RowType::kLogicI, "sum", 23); },
       15,
       "primary-instance",
       {{"LOGIC-I: sum"}, {}}},
      {"SetLessUnsigned",
       operands(5, 7, r_type(0, 3, t2, t0, t1)),
       [](Forgery& f) { turn_order(f, RowType::kSetLessUnsignedR); },
       0,
       "bus",
       {{}, {Tag::kRange16}}},
      {"SetLessUnsignedImmediate",
       operands(9, 0, i_type(0x13, 3, t2, t0, 7)),
       [](Forgery& f) { turn_order(f, RowType::kSetLessUnsignedI); },
       1,
       "bus",
       {{}, {Tag::kRange16}}},
      {"SetLess",
       operands(-1, 7, r_type(0, 2, t2, t0, t1)),
       // -1 taken for 2^32 - 1.
       [](Forgery& f) {
         f.set(RowType::kSetLessR, "rs1 sign/sign", 0);
         f.set(RowType::kSetLessR, "less/less", 0);
       },
       0,
       "bus",
       {{}, {Tag::kSign16}}},
      {"SetLessImmediate",
       operands(-1, 0, i_type(0x13, 2, t2, t0, 7)),
       [](Forgery& f) { turn_order(f, RowType::kSetLessI); },
       0,
       "bus",
       {{}, {Tag::kRange16}}},
      {"LoadByte",
       operands(0, 0, lb(t2, zero, 1)),
       // The upper byte of the first word's lower half is that of an ADDI's rd: 0x02 of 0x...0293; taken for negative.
       [](Forgery& f) {
         f.set(RowType::kLoadSubword, "sign", 1);
         f.set(RowType::kLoadSubword, "extension", k2To32 - 0x100);
       },
       k2To32 - 0x100 + 0x02,
       "bus",
       {{}, {Tag::kBytes}}},
      {"LoadHalf",
       operands(0, 0, lh(t2, zero, 0)),
       [](Forgery& f) { f.set(RowType::kLoadSubword, "second byte", 0); },
       0x02,
       "primary-instance",
       {{"SUBWORD-L: second byte"}, {}}},
      {"ShiftImmediate",
       operands(5, 0, i_type(0x13, 1, t2, t0, 3)),
       [](Forgery& f) { f.set(RowType::kShiftI, "limb 0", 41); },
       41,
       "primary-instance",
       {{"SHIFT-I: shift"}, {}}},
      {"ShiftByAnotherAmount",
       operands(5, 3, r_type(0, 1, t2, t0, t1)),
       [](Forgery& f) {
         f.set(RowType::kShiftR, "left factor", 16);
         f.set(RowType::kShiftR, "limb 0", 80);
       },
       80,
       "bus",
       {{}, {Tag::kShiftPow}}},
      {"ShiftRightArithmetic",
       operands(-8, 1, r_type(0x20, 5, t2, t0, t1)),
       // As if the sign bit were not drawn in.
       [](Forgery& f) { f.set(RowType::kShiftR, "extension", 0); },
       0x7ffffffc,
       "primary-instance",
       {{"SHIFT-R: extension"}, {}}},
      {"JumpAndLinkRegister",
       [] {
         return subject_of({addi(t0, zero, 8), jalr(t2, t0, 0), kUnimp});
       },
       // The return address, which PROG knows.
       [](Forgery& f) { f.set(RowType::kJalr, "target", 12); },
       12,
       "bus",
       {{}, {Tag::kProgram}}},
  };
}

INSTANTIATE_TEST_SUITE_P(All, WrongResults, ::testing::ValuesIn(wrong_results()),
                         [](const auto& parameter) { return parameter.param.name; });

TEST(Forgery, AByteStoredWrongly) {
  Forgery forgery(subject_of({addi(t0, zero, 5), sb(t0, zero, 0x401), kUnimp}));
  forgery.set(RowType::kStoreSubword, "change", 6 * 256);
  forgery.touched(Address::memory(0x100)).last_value = 6 * 256;
  expect_refused(forgery, "primary-instance", {{"SUBWORD-S: change"}, {}});
}

TEST(Forgery, AWordStoredWrongly) {
  // Another value than rs2's: a register that it has never been in.
  Forgery forgery(subject_of({addi(t0, zero, 5), sw(t0, zero, 0x400), kUnimp}));
  forgery.set(RowType::kStoreWord, "rs2/value", 6);
  forgery.touched(Address::memory(0x100)).last_value = 6;
  expect_refused(forgery, "bus", {{}, {Tag::kMemory}});
}

// --- Control flow

struct WrongWay {
  std::string name;
  Subject subject;
  std::function<void(Forgery&)> lie;
  std::uint64_t end_pc;
  std::string reason;
  Complaints guards;
};

TEST(Forgery, WrongWays) {
  // Behind the branch stand two halt words, one for each way.
  const auto branch = [](std::int32_t x, std::int32_t y, std::uint32_t funct3) {
    return subject_of({addi(t0, zero, x), addi(t1, zero, y), b_type(funct3, t0, t1, 8), kUnimp, kUnimp});
  };
  const auto equal = RowType::kBranchEqual;
  const auto below = RowType::kBranchLessUnsigned;
  const std::vector<WrongWay> ways{
      {"equal, called different",
       branch(5, 5, 0),
       [&](Forgery& f) {
         f.set(equal, "differ", 1);
         f.set(equal, "jump", -4);
       },
       12,
       "primary-instance",
       {{"BEQ: differ"}, {}}},
      {"different, called equal",
       branch(5, 6, 0),
       [&](Forgery& f) {
         f.set(equal, "differ", 0);
         f.set(equal, "inverse", 0);
         f.set(equal, "jump", 0);
       },
       16,
       "primary-instance",
       {{"BEQ: equal"}, {}}},
      {"the other way",
       branch(5, 6, 1),
       [&](Forgery& f) { f.set(equal, "jump", 0); },
       12,
       "primary-instance",
       {{"BEQ: jump"}, {}}},
      {"unsigned order",
       branch(5, 6, 6),
       [&](Forgery& f) {
         turn_order(f, below);
         f.set(below, "jump", 0);
       },
       12,
       "bus",
       {{}, {Tag::kRange16}}},
      {"signed order",
       branch(-1, 6, 4),
       [&](Forgery& f) {
         f.set(RowType::kBranchLess, "rs1 sign/sign", 0);
         f.set(RowType::kBranchLess, "less/less", 0);
         f.set(RowType::kBranchLess, "jump", 0);
       },
       12,
       "bus",
       {{}, {Tag::kSign16}}},
      {"a jump by register",
       subject_of({addi(t0, zero, 8), jalr(zero, t0, 0), kUnimp, kUnimp}),
       [&](Forgery& f) { f.set(RowType::kJalr, "next pc", 12); },
       12,
       "primary-instance",
       {{"JALR: carry"}, {}}},
      {"a jump by PROG",
       subject_of({jal(zero, 8), kUnimp, kUnimp}),
       [&](Forgery& f) { f.set(RowType::kAddI, "target", 4); },
       4,
       "bus",
       {{}, {Tag::kProgram}}},
  };
  for (const WrongWay& way : ways) {
    SCOPED_TRACE(way.name);
    Forgery forgery(way.subject);
    ASSERT_NE(forgery.statement().end_pc, way.end_pc);
    way.lie(forgery);
    forgery.statement().end_pc = way.end_pc;
    expect_refused(forgery, way.reason, way.guards);
  }
}

TEST(Forgery, RowsSkippedRepeatedAndBesideThePath) {
  const Subject subject = subject_of({addi(a0, a0, 1), addi(a0, a0, 1), addi(a0, a0, 1), kUnimp});
  {
    // The row in the middle is left out, and what its accesses did.
    Forgery forgery(subject);
    forgery.rows.erase(forgery.rows.begin() + 1);
    forgery.set(RowType::kAddI, "rs1/value", 1, 1);
    forgery.set(RowType::kAddI, "rs1/gap", 4, 1);
    forgery.set(RowType::kAddI, "rd/old", 1, 1);
    forgery.touched(reg(a0)).last_value = 2;
    forgery.statement().exit_code = 2;
    expect_refused(forgery, "bus", {{}, {Tag::kState}});
  }
  {
    Forgery forgery(subject);
    forgery.rows.push_back(forgery.rows[1]);
    expect_refused(forgery, "bus", {{}, {Tag::kState, Tag::kMemory}});
  }
  {
    // A second path, from nowhere to nowhere: one more addition, at a clock of its own between those of the first.
    Forgery forgery(subject);
    SampleRow extra = forgery.rows[2];
    forgery.rows.push_back(extra);
    forgery.set(RowType::kAddI, "clock", 4, 3);
    forgery.set(RowType::kAddI, "rs1/value", 3, 3);
    forgery.set(RowType::kAddI, "rd/old", 3, 3);
    forgery.touched(reg(a0)).last_value = 4;
    forgery.touched(reg(a0)).last_time = 4 * 4 + 3;
    forgery.statement().exit_code = 4;
    // The list's times end with the clocks of the path, which refuses it first.
    expect_refused(forgery, "lists", {{}, {Tag::kState}});
  }
}

TEST(Forgery, DisabledRowsDoNothingWhateverTheyHold) {
  // Every variable that a constraint leaves free in a row that is not enabled: none of them reaches the bus.
  const Subject subject = subject_of({addi(a0, zero, 1), kUnimp});
  Forgery forgery(subject);
  for (std::size_t t = 0; t < vm::kRowTypeCount; ++t) {
    const auto type = static_cast<RowType>(t);
    SampleRow wild{type, r1cs::RowValues(row_types()[type].variables())};
    wild.values[0] = Fr::one();
    for (const char* name :
         {"pc", "clock", "rd", "target", "rd/gap", "rs1/gap", "address", "time", "gap low", "byte"}) {
      for (std::size_t i = 0; i < row_types()[type].stage1.size(); ++i) {
        if (row_types()[type].stage1[i].name == name) wild.values[row_types()[type].stage1_index(i)] = Fr::from_u64(77);
      }
    }
    forgery.rows.push_back(wild);
  }
  // "byte" takes part in the digits of subwords, so these rows are not satisfied but for their own values.
  for (const RowType type : {RowType::kLoadSubword, RowType::kStoreSubword}) {
    for (const char* name : {"byte", "pc"}) forgery.set(type, name, 0);
  }
  forgery.recount();
  ASSERT_TRUE(forgery.complaints().none()) << forgery.complaints();
  EXPECT_EQ(verdict(subject, forgery.prove()), "accepted");
  // Enabled by a half, or twice.
  for (const Fr& enable : {one_over(2), Fr::from_u64(2)}) {
    Forgery half = forgery;
    Forgery::value(half.row(RowType::kRefresh), "enable") = enable;
    const Complaints found = half.complaints();
    EXPECT_EQ(found.constraints, std::set<std::string>{"REFRESH: enable"});
    EXPECT_EQ(verdict(subject, half.prove()), "bus");
  }
}

TEST(Forgery, WhereAnExecutionEnds) {
  const Subject subject = subject_of({addi(a0, zero, 1), kUnimp, kUnimp});
  for (const auto& [by, reason] : {std::pair{1, "end-pc"}, {2, "end-pc"}, {-4, "end-pc"}, {4, "bus"}}) {
    SCOPED_TRACE(by);
    Forgery forgery(subject);
    forgery.statement().end_pc += static_cast<std::uint64_t>(by);
    expect_refused(forgery, reason, {{}, {Tag::kState}});
  }
  // At the top of memory: the last word has no entry and is no place to halt at, whatever it holds; nor is microcode,
  // which is far above.
  const std::uint32_t top = 0xfffffff8;
  const auto elf = make_elf(top, {{top, bytes_of({addi(a0, zero, 1), kUnimp}), 8, 5}});
  const Subject high = subject_of_elf(elf);
  for (const std::uint64_t end : {std::uint64_t{top} + 4, std::uint64_t{1} << 32, vm::kMicrocodeBase}) {
    Forgery forgery(high, 1);
    forgery.statement().end_pc = end;
    forgery.statement().halted = true;
    forgery.statement().exit_code = 1;
    forgery.recount();
    EXPECT_EQ(forgery.complaints().none(), end == std::uint64_t{top} + 4)
        << "only the rule refuses the word that is next";
    EXPECT_EQ(verdict(high, forgery.prove()), "end-pc");
  }
}

// --- Registers and memory

// The word at 0x400 is set to 5, read, and set to 6 and read again, into t2.
Subject read_twice() {
  return subject_of({addi(t0, zero, 5), sw(t0, zero, 0x400), lw(t1, zero, 0x400), addi(t0, zero, 6),
                     sw(t0, zero, 0x400), lw(t2, zero, 0x400), kUnimp});
}

// Of the second load: that it reads `value` as of `ticks` ticks before.
void read_instead(Forgery& f, std::int64_t value, std::int64_t gap) {
  f.set(RowType::kLoadWord, "word", value, 1);
  f.set(RowType::kLoadWord, "memory/gap", gap, 1);
  f.touched(reg(t2)).last_value = static_cast<std::uint32_t>(value);
}

TEST(Forgery, AStaleRead) {
  Forgery forgery(read_twice());
  // As the first load left it, three rows before.
  read_instead(forgery, 5, 4 * 3 - 1);
  expect_refused(forgery, "bus", {{}, {Tag::kMemory}});
}

TEST(Forgery, ATimeThatGoesBack) {
  {
    // The access stands on its own feet: it takes off the bus what it puts there.
    Forgery forgery(read_twice());
    read_instead(forgery, 77, -1);
    forgery.touched(Address::memory(0x100)).last_time -= 4;
    expect_refused(forgery, "bus", {{}, {Tag::kRange16}});
  }
  {
    // A REFRESH leads from the access back to before it.
    Forgery forgery(read_twice());
    read_instead(forgery, 77, 3);
    forgery.touched(Address::memory(0x100)).last_time -= 4;
    const std::int64_t time = 4 * forgery.get(RowType::kLoadWord, "clock", 1) + 2;
    forgery.rows.push_back(sample(vm::Refresh{Address::memory(0x100), 77, static_cast<std::uint32_t>(time),
                                              static_cast<std::uint32_t>(time + 1)}));
    forgery.set(RowType::kRefresh, "gap low", -4 - 1);
    expect_refused(forgery, "bus", {{}, {Tag::kRange16}});
  }
  {
    // Once around the field's integers is too far for any gap; around 2^32 for a time that is listed.
    Forgery forgery(read_twice());
    read_instead(forgery, 77, -k2To32 + 3);
    expect_refused(forgery, "bus", {{}, {Tag::kMemory, Tag::kRange16}});
  }
}

TEST(Forgery, AnAddressListedTwiceOrNotAtAll) {
  {
    // Two lives of the same word: the second load reads from one in which nothing was stored.
    Forgery forgery(read_twice());
    const std::int64_t time = 4 * forgery.get(RowType::kLoadWord, "clock", 1) + 2;
    read_instead(forgery, 0, time - 1);
    Touched& word = forgery.touched(Address::memory(0x100));
    word.last_time -= 4;
    const Touched second{Address::memory(0x100), 0, 0, static_cast<std::uint32_t>(time)};
    const Touched first = word;
    word = second;
    forgery.recount();
    EXPECT_EQ(forgery.complaints().tags, std::set<Tag>{Tag::kMemory}) << "one of them alone";
    forgery.touch(first);
    EXPECT_TRUE(forgery.complaints().none()) << "nothing refuses it but the lists' rules";
    // Which cannot even be written down: the next address's distance is from the one behind. Here they are one after
    // the other, so that they are two words.
    Forgery apart = forgery;
    std::size_t at = 0;
    while (apart.lists.touched[at].address != Address::memory(0x100)) ++at;
    apart.lists.touched[at + 1].address = Address::memory(0x101);
    EXPECT_EQ(verdict(forgery.plan.subject, apart.prove()), "bus");
    // A distance of -1, as a number modulo 2^64.
    SegmentProof proof = apart.prove();
    std::vector<std::uint8_t> twice = proof.lists;
    const std::vector<std::uint8_t> word_bytes = [&] {
      Lists only = apart.lists;
      only.touched.erase(only.touched.begin(), only.touched.begin() + static_cast<std::ptrdiff_t>(at) + 1);
      Lists none = only;
      none.touched.clear();
      const auto with = encode_lists(only, false);
      return std::vector<std::uint8_t>(with.begin() + static_cast<std::ptrdiff_t>(encode_lists(none, false).size()),
                                       with.end());
    }();
    ASSERT_GT(word_bytes.size(), 3U);
    // The second entry begins with its distance, 0, right where the other's bytes end.
    const std::size_t tail = encode_lists(apart.lists, false).size() - (word_bytes.size() - 2 + 1);
    ASSERT_EQ(twice[tail], 0U);
    twice.erase(twice.begin() + static_cast<std::ptrdiff_t>(tail));
    const std::vector<std::uint8_t> minus_one{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
    twice.insert(twice.begin() + static_cast<std::ptrdiff_t>(tail), minus_one.begin(), minus_one.end());
    proof.lists = twice;
    EXPECT_EQ(verdict(forgery.plan.subject, proof), "lists");
  }
  {
    Forgery forgery(read_twice());
    std::erase_if(forgery.lists.touched, [](const Touched& one) { return one.address == Address::memory(0x100); });
    expect_refused(forgery, "bus", {{}, {Tag::kMemory}});
  }
}

TEST(Forgery, AnotherImageThanTheProgramS) {
  // A load of the program's own first word, as if that were another.
  Forgery forgery(subject_of({lw(t2, zero, 0), kUnimp}));
  forgery.set(RowType::kLoadWord, "word", 77);
  forgery.touched(reg(t2)).last_value = 77;
  forgery.touched(Address::memory(0)).first_value = 77;
  forgery.touched(Address::memory(0)).last_value = 77;
  expect_refused(forgery, "bus", {{}, {Tag::kMemory}});
}

TEST(Forgery, AWriteToX0) {
  // ADDI x0, x0, 7 writes the sink; here x0 itself.
  Forgery forgery(subject_of({addi(zero, zero, 7), kUnimp}));
  forgery.set(RowType::kAddI, "rd", 0);
  std::erase_if(forgery.lists.touched, [](const Touched& one) { return one.address == reg(vm::kSink); });
  forgery.set(RowType::kAddI, "rd/gap", 2);
  forgery.touched(reg(zero)).last_value = 7;
  forgery.touched(reg(zero)).last_time = 7;
  expect_refused(forgery, "lists", {{}, {Tag::kProgram}});
  // Left at 0 it does no harm, and is not what PROG says.
  forgery.set(RowType::kAddI, "immediate", 0);
  forgery.touched(reg(zero)).last_value = 0;
  expect_refused(forgery, "bus", {{}, {Tag::kProgram}});
}

// lw t2, offset(t1), where t1 is `base`. The rows are of a program whose t1 is `other`.
Forgery load_from(std::int32_t base, std::int32_t offset, std::int32_t other) {
  const auto program = [&](std::int32_t address) {
    return subject_of({addi(t1, zero, address), lw(t2, t1, offset), kUnimp});
  };
  Forgery forgery(program(base), program(other));
  forgery.lists = Forgery(program(other)).lists;
  const auto as_u32 = static_cast<std::int64_t>(static_cast<std::uint32_t>(base));
  forgery.set(RowType::kAddI, "immediate", as_u32);
  forgery.set(RowType::kAddI, "high", as_u32 >> 16);
  forgery.set(RowType::kLoadWord, "rs1/value", as_u32);
  forgery.touched(reg(t1)).last_value = static_cast<std::uint32_t>(as_u32);
  return forgery;
}

TEST(Forgery, AMisalignedAccess) {
  {
    // The word in which the address lies: the offset is left over.
    Forgery forgery = load_from(0x402, 0, 0x400);
    expect_refused(forgery, "primary-instance", {{"LW: address"}, {}});
  }
  {
    // Half a word further: the address that the constraint gives is no integer, and no list has it.
    Forgery forgery = load_from(0x402, 0, 0x400);
    Forgery::value(forgery.row(RowType::kLoadWord), "index") = one_over(2);
    forgery.set(RowType::kAddI, "immediate", 2);
    forgery.set(RowType::kLoadWord, "rs1/value", 2);
    forgery.touched(reg(t1)).last_value = 2;
    forgery.plan.subject = subject_of({addi(t1, zero, 2), lw(t2, t1, 0), kUnimp});
    forgery.statement().program_id = forgery.plan.subject.program_id;
    expect_refused(forgery, "bus", {{}, {Tag::kMemory}});
  }
}

TEST(Forgery, RegistersReachedByALoad) {
  // 0xffffffff + 0x7ff wraps around to 0x7fe; without wrapping it comes to 2^30 + 0x1ff words and 2 bytes, which is
  // neither a memory word nor as far up as the registers.
  {
    Forgery forgery = load_from(-1, 0x7fd, 3);
    ASSERT_EQ(forgery.get(RowType::kLoadWord, "index"), 0x200);
    forgery.set(RowType::kLoadWord, "index", 0x1ff);
    std::erase_if(forgery.lists.touched, [](const Touched& one) { return !one.address.is_register(); });
    const Touched word{Address::memory(0x1ff), 0, 0, 4 * 2 + 2};
    forgery.touch(word);
    // The honest wrap is fine.
    forgery.recount();
    ASSERT_TRUE(forgery.complaints().none()) << forgery.complaints();
    EXPECT_EQ(verdict(forgery.plan.subject, forgery.prove()), "accepted");
    // Without it, the address is one that only a list could make a word of.
    forgery.set(RowType::kLoadWord, "index", (std::int64_t{1} << 30) + 0x1ff);
    expect_refused(forgery, "bus", {{}, {Tag::kMemory}});
    std::erase(forgery.lists.touched, word);
    // Behind the registers, where its number stands in the lists' encoding.
    forgery.lists.touched.push_back(word);
    forgery.lists.touched.back().address = Address::memory((1U << 30) + 0x1ff);
    EXPECT_TRUE(forgery.complaints().none()) << "nothing refuses it but the lists' rules";
    EXPECT_EQ(verdict(forgery.plan.subject, forgery.prove()), "lists");
  }
  {
    // The return value's register for the word.
    Forgery forgery = load_from(-1, 0x7fd, 3);
    forgery.set(RowType::kLoadWord, "index", k2To32 + vm::kReturnValue);
    std::erase_if(forgery.lists.touched, [](const Touched& one) { return !one.address.is_register(); });
    forgery.touch({reg(vm::kReturnValue), 0, 0, 4 * 2 + 2});
    expect_refused(forgery, "primary-instance", {{"LW: address"}, {}});
  }
}

// --- Input and output

Subject echo() {
  return subject_of({addi(s2, zero, 2), kEcallWord, sb(a0, zero, 0x400), addi(s2, zero, 3), addi(a1, zero, 0x400),
                     addi(a2, zero, 1), kEcallWord, kUnimp},
                    "xy");
}

TEST(Forgery, OtherInputAndOutput) {
  {
    Forgery forgery(subject_of({addi(s2, zero, 2), kEcallWord, kUnimp}, "xy"));
    forgery.set(RowType::kIn, "byte", 'z');
    forgery.touched(reg(a0)).last_value = 'z';
    forgery.statement().exit_code = 'z';
    expect_refused(forgery, "bus", {{}, {Tag::kInput}});
  }
  {
    // The second byte, as if the first had been read before.
    Forgery forgery(subject_of({addi(s2, zero, 2), kEcallWord, kUnimp}, "xy"));
    forgery.set(RowType::kIn, "byte", 'y');
    forgery.set(RowType::kIn, "rs1/value", 1);
    forgery.touched(reg(a0)).last_value = 'y';
    forgery.statement().exit_code = 'y';
    forgery.touched(reg(vm::kInputIndex)).last_value = 2;
    forgery.statement().input_end = 2;
    expect_refused(forgery, "bus", {{}, {Tag::kMemory, Tag::kInput}});
  }
  {
    Forgery forgery(echo());
    forgery.statement().output[0] = std::byte{'z'};
    expect_refused(forgery, "bus", {{}, {Tag::kOutput}});
  }
  {
    Forgery forgery(echo());
    forgery.set(RowType::kOut, "rs2/value", 'z');
    forgery.statement().output[0] = std::byte{'z'};
    expect_refused(forgery, "bus", {{}, {Tag::kMemory}});
  }
  {
    // Less output than was written, and the register as it would then be.
    Forgery forgery(echo());
    forgery.statement().output.clear();
    forgery.statement().output_end = 0;
    forgery.touched(reg(vm::kOutputIndex)).last_value = 0;
    expect_refused(forgery, "bus", {{}, {Tag::kMemory, Tag::kOutput}});
  }
}

// --- Statements and proofs changed after all

struct Honest {
  Subject subject = echo();
  SegmentProof proof = prove_honestly(plan_of(subject));
  static const Honest& get() {
    static const Honest honest;
    return honest;
  }
};

TEST(Forgery, EveryPartOfTheStatementCounts) {
  const Honest& honest = Honest::get();
  ASSERT_EQ(verdict(honest.subject, honest.proof), "accepted");
  struct Change {
    const char* what;
    std::function<void(SegmentProof&)> apply;
    const char* reason;
  };
  const std::vector<Change> changes{
      {"log_size", [](SegmentProof& p) { ++p.statement.layout.log_size; }, "bus"},
      {"a quota", [](SegmentProof& p) { ++p.statement.layout.quotas[0]; }, "bus"},
      {"quotas that do not fit", [](SegmentProof& p) { p.statement.layout.quotas[0] = 1 << 16; }, "statement"},
      {"unknown size", [](SegmentProof& p) { p.statement.layout.log_size = 15; }, "statement"},
      {"program", [](SegmentProof& p) { p.statement.program_id[0] ^= 1; }, "wrong-program"},
      {"input", [](SegmentProof& p) { p.statement.input_digest[31] ^= 1; }, "wrong-input"},
      {"input bytes", [](SegmentProof& p) { ++p.statement.input_bytes; }, "wrong-input"},
      {"first step", [](SegmentProof& p) { ++p.statement.first_step; }, "state"},
      {"steps", [](SegmentProof& p) { ++p.statement.steps; }, "statement"},
      {"no steps", [](SegmentProof& p) { p.statement.steps = 0; }, "statement"},
      {"a cycle more", [](SegmentProof& p) { ++p.statement.cycles; }, "bus"},
      {"a cycle less", [](SegmentProof& p) { --p.statement.cycles; }, "lists"},
      {"no cycles", [](SegmentProof& p) { p.statement.cycles = 0; }, "statement"},
      {"too many cycles", [](SegmentProof& p) { p.statement.cycles = UINT64_MAX; }, "statement"},
      {"start pc", [](SegmentProof& p) { p.statement.start_pc += 4; }, "state"},
      {"input start", [](SegmentProof& p) { ++p.statement.input_start; }, "state"},
      {"input end", [](SegmentProof& p) { ++p.statement.input_end; }, "lists"},
      {"input end beyond the input", [](SegmentProof& p) { p.statement.input_end = 3; }, "statement"},
      {"output start", [](SegmentProof& p) { p.statement.output_start = 1; }, "statement"},
      {"more output",
       [](SegmentProof& p) {
         ++p.statement.output_end;
         p.statement.output.push_back(std::byte{0});
       },
       "lists"},
      {"an output byte", [](SegmentProof& p) { p.statement.output[0] ^= std::byte{1}; }, "bus"},
      {"not halted", [](SegmentProof& p) { p.statement.halted = false; }, "statement"},
      {"not halted, whole steps",
       [](SegmentProof& p) {
         p.statement.halted = false;
         p.statement.cycles = 1024;
       },
       "end-pc"},
      {"exit code", [](SegmentProof& p) { ++p.statement.exit_code; }, "exit-code"},
      {"no fold steps", [](SegmentProof& p) { p.fold_steps = 0; }, "fold-steps"},
      {"too many fold steps", [](SegmentProof& p) { p.fold_steps = ivc::kMaxSteps + 1; }, "fold-steps"},
      {"a fold step more", [](SegmentProof& p) { ++p.fold_steps; }, "bus"},
      {"sum", [](SegmentProof& p) { p.sum += Fr::one(); }, "bus"},
      {"chain", [](SegmentProof& p) { p.ivc.chain += algebra::Fq::one(); }, "bus"},
      {"u", [](SegmentProof& p) { p.ivc.primary.u = -Fr::one(); }, "ivc-range"},
      {"the running primary instance", [](SegmentProof& p) { p.ivc.primary.x[0] += Fr::one(); }, "secondary-hash"},
      {"the running secondary instance", [](SegmentProof& p) { p.ivc.secondary.u += algebra::Fq::one(); },
       "primary-hash"},
      {"a primary value", [](SegmentProof& p) { p.ivc.primary_assignment.stage1[0] += Fr::one(); }, "primary-instance"},
      {"a secondary value", [](SegmentProof& p) { p.ivc.secondary_assignment.stage2[0] += algebra::Fq::one(); },
       "secondary-instance"},
      {"a fresh value", [](SegmentProof& p) { p.ivc.fresh_stage2[0] += algebra::Fq::one(); }, "fresh-instance"},
      {"no lists", [](SegmentProof& p) { p.lists.clear(); }, "lists"},
      {"longer lists", [](SegmentProof& p) { p.lists.push_back(0); }, "lists"},
  };
  for (const Change& change : changes) {
    SCOPED_TRACE(change.what);
    SegmentProof proof = honest.proof;
    change.apply(proof);
    EXPECT_EQ(verdict(honest.subject, proof), change.reason);
  }
}

TEST(Forgery, EveryNumberOfTheListsCounts) {
  const Honest& honest = Honest::get();
  const auto lists = decode_lists(honest.proof.lists, honest.subject, honest.proof.statement);
  ASSERT_TRUE(lists);
  const auto refuse = [&](const char* what, auto change, std::string_view reason) {
    Lists changed = *lists;
    change(changed);
    SegmentProof proof = honest.proof;
    proof.lists = encode_lists(changed, false);
    EXPECT_EQ(verdict(honest.subject, proof), reason) << what;
  };
  const auto op = honest.subject.program->op_at(0);
  refuse(
      "a program word's multiplicity", [&](Lists& l) { ++l.program[op]; }, "bus");
  refuse(
      "a halt word's", [&](Lists& l) { l.program[honest.subject.program->op_at(28)] = 1; }, "lists");
  refuse(
      "a table entry's", [](Lists& l) { ++l.tables[0][9]; }, "bus");
  refuse(
      "a last value", [](Lists& l) { ++l.touched[0].last_value; }, "bus");
  refuse(
      "a last time", [](Lists& l) { --l.touched[0].last_time; }, "bus");
  refuse(
      "an early time", [](Lists& l) { l.touched[0].last_time = 3; }, "lists");
  refuse(
      "a late time",
      [&](Lists& l) { l.touched[0].last_time = static_cast<std::uint32_t>(4 * honest.proof.statement.cycles + 4); },
      "lists");
  refuse(
      "one left out", [](Lists& l) { l.touched.erase(l.touched.begin()); }, "bus");
  const auto find = [](Lists& l, std::uint8_t number) -> Touched& {
    return *std::find_if(l.touched.begin(), l.touched.end(),
                         [&](const Touched& t) { return t.address == reg(number); });
  };
  refuse(
      "x0", [&](Lists& l) { find(l, vm::kZero).last_value = 1; }, "lists");
  refuse(
      "the input index", [&](Lists& l) { ++find(l, vm::kInputIndex).last_value; }, "lists");
  refuse(
      "the output index", [&](Lists& l) { ++find(l, vm::kOutputIndex).last_value; }, "lists");
  refuse(
      "the input's length", [&](Lists& l) { ++find(l, vm::kInputLength).last_value; }, "lists");
  refuse(
      "the exit code's register", [&](Lists& l) { ++find(l, vm::kReturnValue).last_value; }, "exit-code");
}

TEST(Forgery, Stage1ChangedAfterTheChallenges) {
  const Plan plan = spread(plan_of(Honest::get().subject), 2);
  const auto parameters = store().parameters(plan.statement.layout);
  const auto prove_changing = [&](RowType type, std::string_view variable, std::int64_t to) {
    const auto& stage1 = row_types()[type].stage1;
    const auto at = static_cast<std::size_t>(
        std::find_if(stage1.begin(), stage1.end(), [&](const auto& one) { return one.name == variable; }) -
        stage1.begin());
    // Each step is asked for once before the challenges are known and once afterwards.
    SegmentRows rows(plan);
    std::uint64_t asked = 0;
    const ivc::StepSource source = [&](std::uint64_t index) {
      ivc::StepStage1 values = rows(index);
      auto& columns = values.blocks[static_cast<std::size_t>(type)].value();
      // In all rows of the last step.
      if (asked++ == 2 * plan.fold_steps - 1) {
        for (std::size_t row = 0; row < columns.rows(); ++row) columns.set(at, columns.width(at), row, to);
      }
      return values;
    };
    auto proved = prove(*parameters, plan, cpu_devices(*parameters), {}, source);
    EXPECT_TRUE(proved);
    EXPECT_EQ(asked, 2 * plan.fold_steps);
    return verdict(plan.subject, proved->proof);
  };
  EXPECT_EQ(prove_changing(RowType::kAddI, "clock", 9), "bus");
  // A value that no tuple holds: the bus does not tell, the commitment does.
  EXPECT_EQ(prove_changing(RowType::kBranchEqual, "jump", 9), "bus");
  EXPECT_EQ(prove_changing(RowType::kBranchEqual, "inverse", 9), "primary-instance");
}

/// The sum that the verifier expects of a proof, for its own statement, lists and chain.
Fr expected_sum(const Subject& subject, const SegmentProof& proof) {
  const auto parameters = store().parameters(proof.statement.layout);
  const Statement& s = proof.statement;
  const auto lists = decode_lists(proof.lists, subject, s);
  const auto digest = statement_digest(s, hash::Sha256::digest(proof.lists));
  const auto segment = ivc::derive_segment(parameters->circuits().digest(), digest, proof.fold_steps, proof.ivc.chain);
  const Boundary boundary{.start_pc = s.start_pc,
                          .end_pc = s.end_pc,
                          .cycles = s.cycles,
                          .input = std::span(*subject.input).subspan(s.input_start, s.input_end - s.input_start),
                          .input_start = s.input_start,
                          .output = s.output,
                          .output_start = s.output_start};
  return -verifier_sum(*subject.program, lists.value(), boundary, segment.challenges).value();
}

TEST(Forgery, ChallengesOfSomethingElse) {
  // With the bus's sum made to fit, what refuses these is the hash that binds sum and challenges to the proof.
  const Honest& honest = Honest::get();
  const auto fitted = [&](SegmentProof proof) {
    proof.sum = expected_sum(honest.subject, proof);
    return verdict(honest.subject, proof);
  };
  EXPECT_EQ(fitted(honest.proof), "accepted");
  SegmentProof proof = honest.proof;
  proof.statement.output[0] ^= std::byte{1};
  EXPECT_EQ(fitted(proof), "primary-hash") << "another statement";
  proof = honest.proof;
  ++proof.statement.layout.quotas[3];
  EXPECT_EQ(fitted(proof), "primary-hash") << "other parameters";
  proof = honest.proof;
  ++proof.fold_steps;
  EXPECT_EQ(fitted(proof), "primary-hash") << "another number of fold steps";
  // The chain of another segment's commitments: a disabled row more in the same layout gives such.
  Plan plan = plan_of(honest.subject);
  ++plan.statement.layout.quotas[0];
  const SegmentProof roomy = prove_honestly(plan);
  ASSERT_EQ(verdict(honest.subject, roomy), "accepted");
  ASSERT_NE(roomy.ivc.chain, honest.proof.ivc.chain);
  proof = honest.proof;
  proof.ivc.chain = roomy.ivc.chain;
  EXPECT_EQ(verdict(honest.subject, proof), "bus");
  EXPECT_EQ(fitted(proof), "primary-hash") << "another chain";
}

// --- Chains

TEST(Forgery, SegmentsInAnotherOrder) {
  // A counter in memory, in four segments.
  const Subject subject = subject_of({lw(t0, zero, 0x400), addi(t0, t0, 1), sw(t0, zero, 0x400), jal(zero, -12)});
  std::vector<SegmentProof> s;
  for (std::uint64_t step = 0; step < 4; ++step) s.push_back(prove_honestly(plan_of(subject, {step, 1})));
  const auto check = [&](const std::vector<std::size_t>& order) -> std::string {
    Bundle bundle;
    for (const std::size_t i : order) bundle.segments.push_back(s[i]);
    const auto claim = verify(subject, bundle, store());
    return claim ? "accepted" : std::string(name(claim.error().reason));
  };
  EXPECT_EQ(check({0, 1, 2, 3}), "accepted");
  EXPECT_EQ(check({0, 1}), "accepted");
  EXPECT_EQ(check({0, 2, 1, 3}), "continuity");
  EXPECT_EQ(check({0, 2, 3}), "continuity") << "one left out";
  EXPECT_EQ(check({0, 1, 1, 2}), "continuity") << "one again";
  EXPECT_EQ(check({1, 2}), "state");
  EXPECT_EQ(check({3, 2, 1, 0}), "state");
  EXPECT_EQ(check({}), "statement");

  // Numbered as if they were in order: the values that they start from are not those that were left behind. All four
  // start and end at the same pc, so that nothing else tells.
  const auto renumbered = [&](std::size_t which, std::uint64_t as) {
    vm::Machine machine(subject.program, subject.input);
    machine.execute(which * vm::kCyclesPerStep);
    vm::Checkpoint checkpoint = machine.checkpoint();
    checkpoint.cycle = as * vm::kCyclesPerStep;
    return prove_honestly(plan_of(subject, {as, 1}, kSmallest, &checkpoint));
  };
  const SegmentProof replayed = renumbered(1, 2);
  const auto conditional = verify_assuming(subject, {{replayed}}, store());
  ASSERT_TRUE(conditional) << "true of the state that it assumes";
  const auto claim = verify(subject, {{s[0], s[1], replayed}}, store());
  ASSERT_FALSE(claim);
  EXPECT_EQ(claim.error().reason, RefusalReason::kContinuity);
  EXPECT_EQ(claim.error().segment, 2U);
}

TEST(Forgery, AMiddleSegmentFromAFalseState) {
  const Subject subject = subject_of({addi(t0, t0, 1), sw(t0, zero, 0x400), jal(zero, -8)});
  vm::Machine machine(subject.program, subject.input);
  machine.execute(vm::kCyclesPerStep);
  const vm::Checkpoint honest = machine.checkpoint();
  vm::Checkpoint lie = honest;
  lie.registers[t0] = 1'000'000;
  const SegmentProof proof = prove_honestly(plan_of(subject, {1, 1}, kSmallest, &lie));

  const auto conditional = verify_assuming(subject, {{proof}}, store());
  ASSERT_TRUE(conditional);
  bool assumed = false;
  for (const Touched& one : conditional->assumption.first_values) {
    if (one.address == reg(t0)) assumed = one.first_value == 1'000'000;
  }
  EXPECT_TRUE(assumed) << "the claim says what it takes for granted";
  const auto alone = verify_from(MachineState::at(honest), subject, {{proof}}, store());
  ASSERT_FALSE(alone);
  EXPECT_EQ(alone.error().reason, RefusalReason::kState);
  const auto chain = verify(subject, {{prove_honestly(plan_of(subject, {0, 1})), proof}}, store());
  ASSERT_FALSE(chain);
  EXPECT_EQ(chain.error().reason, RefusalReason::kContinuity);
  // Another pc.
  lie = honest;
  lie.pc = lie.pc == 0 ? 4 : 0;
  const SegmentProof elsewhere = prove_honestly(plan_of(subject, {1, 1}, kSmallest, &lie));
  const auto refused = verify_from(MachineState::at(honest), subject, {{elsewhere}}, store());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, RefusalReason::kState);
}

TEST(Forgery, ProofsOfOtherProgramsAndInputs) {
  const Honest& honest = Honest::get();
  EXPECT_EQ(verdict(subject_of({addi(a0, zero, 1), kUnimp}, "xy"), honest.proof), "wrong-program");
  EXPECT_EQ(verdict(Subject{honest.subject.program, honest.subject.program_id, make_input("xz"),
                            hash::Sha256::digest(std::vector<std::uint8_t>{'x', 'z'})},
                    honest.proof),
            "wrong-input");
}

}  // namespace
}  // namespace magnetar::zkvm
