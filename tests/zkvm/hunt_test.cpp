// The under-constraint hunt. Satisfied rows of every type are changed: each free variable alone, all pairs of them, and
// random groups, by the amounts that carries, limbs and offsets differ by. Product variables, which are determined, are
// solved again. A change is *refused* if a constraint fails, if a lookup is no entry of its table or of the program, or
// if a tuple could not be matched on the bus. A change that is not refused must still be a right execution of the
// instruction: what the row then says on the bus is evaluated apart from the circuits.
//
// That the hunt can see is shown by taking away each guard of each type (a constraint, or a lookup), one at a time:
// a wrong execution must then be found.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>

#include "assembler.h"
#include "random_program.h"
#include "replay.h"
#include "row_values.h"

namespace magnetar::zkvm {
namespace {

using namespace testing;
using vm::RowType;

enum class Verdict { kRefused, kRight, kWrong };

constexpr std::size_t kNoGuard = SIZE_MAX;

// A type's circuit taken apart for the hunt.
class Quarry {
 public:
  explicit Quarry(RowType type)
      : type_(type), shape_(row_types()[type]), reader_(type), palette_(row_types().palette.values(some_challenges())) {
    const std::set<std::size_t> solving(shape_.solving.begin(), shape_.solving.end());
    for (std::size_t i = 0; i < shape_.constraints.size(); ++i) {
      if (solving.contains(i)) continue;
      const r1cs::Constraint& constraint = shape_.constraints[i];
      const bool is_product =
          constraint.c.size() == 1 && shape_.variable_name(constraint.c[0].variable) == constraint.name &&
          !appears(constraint.a, constraint.c[0].variable) && !appears(constraint.b, constraint.c[0].variable) &&
          constraint.name.find("differ") == std::string::npos;
      constraints_.push_back({i, is_product ? constraint.c[0].variable : 0});
    }
    for (std::size_t i = 0; i < reader_.size(); ++i) {
      const Tag tag = reader_.tag(i);
      if (tag == Tag::kProgram || std::find(kTables.begin(), kTables.end(), tag) != kTables.end())
        lookups_.push_back(i);
    }
  }

  std::size_t guards() const { return constraints_.size() + lookups_.size(); }
  std::string guard_name(std::size_t guard) const {
    return guard < constraints_.size() ? shape_.constraints[constraints_[guard].index].name
                                       : "lookup " + reader_.name(lookups_[guard - constraints_.size()]);
  }

  // The variables that no product determines once `removed` is gone.
  std::vector<r1cs::VariableIndex> free_variables(std::size_t removed) const {
    std::set<r1cs::VariableIndex> products;
    for (std::size_t i = 0; i < constraints_.size(); ++i) {
      if (i != removed && constraints_[i].product != 0) products.insert(constraints_[i].product);
    }
    std::vector<r1cs::VariableIndex> variables;
    for (std::size_t i = 0; i < shape_.stage1.size(); ++i) {
      if (!products.contains(shape_.stage1_index(i))) variables.push_back(shape_.stage1_index(i));
    }
    return variables;
  }

  // Solves the products of a changed row again and judges it. `entry` is the program's at the row's pc.
  Verdict judge(r1cs::RowValues& values, const vm::ProgramEntry& entry, std::size_t removed) const {
    for (std::size_t i = 0; i < constraints_.size(); ++i) {
      if (i == removed) continue;
      const r1cs::Constraint& constraint = shape_.constraints[constraints_[i].index];
      const Fr product =
          r1cs::evaluate(constraint.a, palette_, values) * r1cs::evaluate(constraint.b, palette_, values);
      if (constraints_[i].product != 0) {
        values[constraints_[i].product] = product;
      } else if (product != r1cs::evaluate(constraint.c, palette_, values)) {
        return Verdict::kRefused;
      }
    }
    const Fr enable = values[1];
    if (enable.is_zero()) return Verdict::kRight;
    if (!enable.is_one()) return Verdict::kWrong;
    for (std::size_t i = 0; i < lookups_.size(); ++i) {
      if (constraints_.size() + i == removed) continue;
      if (!found(reader_.read(lookups_[i], values), entry)) return Verdict::kRefused;
    }
    return type_ == RowType::kRefresh ? judge_refresh(values) : judge_path(values, entry);
  }

  const r1cs::Template& shape() const { return shape_; }

 private:
  static bool appears(const std::vector<r1cs::Entry>& entries, r1cs::VariableIndex variable) {
    return std::any_of(entries.begin(), entries.end(), [&](const r1cs::Entry& e) { return e.variable == variable; });
  }

  static bool found(const Term& term, const vm::ProgramEntry& e) {
    Tuple tuple{term.tag, {}};
    for (std::size_t i = 0; i < tuple.elements.size(); ++i) {
      const auto integer = as_integer(term.elements[i]);
      if (!integer) return false;
      tuple.elements[i] = *integer;
    }
    if (term.tag != Tag::kProgram) return table_index(tuple).has_value();
    return tuple.elements ==
           std::array<std::int64_t, Tuple::kMaxElements>{
               static_cast<std::int64_t>(e.pc),        static_cast<std::int64_t>(e.type),   e.rd, e.rs1, e.rs2,
               static_cast<std::int64_t>(e.immediate), static_cast<std::int64_t>(e.target), e.f1, e.f2};
  }

  // A memory access as the bus sees it. Refused, if nobody can have put what it removes there.
  struct Access {
    std::int64_t address, old_value, old_time, new_value, new_time;
    bool new_value_is_u32;
  };
  static std::optional<Access> access(const Term& remove, const Term& add) {
    std::array<std::optional<std::int64_t>, 5> n = {as_integer(remove.elements[0]), as_integer(remove.elements[1]),
                                                    as_integer(remove.elements[2]), as_integer(add.elements[1]),
                                                    as_integer(add.elements[2])};
    constexpr std::int64_t kU32 = std::int64_t{1} << 32;
    if (!n[0] || !n[1] || !n[2] || remove.elements[0] != add.elements[0]) return std::nullopt;
    const bool listed = (*n[0] >= 0 && *n[0] < 1 << 30) || (*n[0] >= kU32 && *n[0] < kU32 + vm::kRegisterCount);
    if (!listed || *n[1] < 0 || *n[1] >= kU32 || *n[2] < 0 || *n[2] >= kU32) return std::nullopt;
    const bool is_u32 = n[3] && *n[3] >= 0 && *n[3] < kU32;
    return Access{*n[0], *n[1], *n[2], n[3].value_or(-1), n[4].value_or(-1), is_u32};
  }

  Verdict judge_refresh(const r1cs::RowValues& values) const {
    const auto a = access(reader_.read(0, values), reader_.read(1, values));
    if (!a) return Verdict::kRefused;
    return a->new_value == a->old_value && a->new_time > a->old_time ? Verdict::kRight : Verdict::kWrong;
  }

  Verdict judge_path(const r1cs::RowValues& values, const vm::ProgramEntry& entry) const {
    std::map<std::string, Term> terms;
    for (std::size_t i = 0; i < reader_.size(); ++i) terms.emplace(reader_.name(i), reader_.read(i, values));
    const auto pc = as_integer(terms.at("state/remove").elements[0]);
    const auto clock = as_integer(terms.at("state/remove").elements[1]);
    // Another row's pc and clock would be another row.
    if (pc != static_cast<std::int64_t>(entry.pc) || !clock || *clock < 1 || *clock >= 1 << 30)
      return Verdict::kRefused;
    if (terms.at("state/add").elements[1] != Fr::from_i64(*clock + 1)) return Verdict::kWrong;

    const vm::Slots used = vm::slots(type_);
    std::array<std::optional<Access>, 4> accesses;
    constexpr std::array<const char*, 4> kSlots = {"rs1", "rs2", "memory", "rd"};
    const std::array<bool, 4> in_use = {used.rs1, used.rs2, used.memory, used.rd};
    for (std::size_t slot = 0; slot < 4; ++slot) {
      if (!in_use[slot]) continue;
      const std::string name = kSlots[slot];
      accesses[slot] = access(terms.at(name + "/remove"), terms.at(name + "/add"));
      if (!accesses[slot]) return Verdict::kRefused;
      const std::int64_t time = 4 * *clock + static_cast<std::int64_t>(slot);
      if (accesses[slot]->new_time != time || accesses[slot]->old_time >= time) return Verdict::kWrong;
    }
    const auto old_value = [&](std::size_t slot) {
      return accesses[slot] ? static_cast<std::uint32_t>(accesses[slot]->old_value) : 0;
    };
    std::uint32_t byte = 0;
    if (type_ == RowType::kIn || type_ == RowType::kOut) {
      const Term& term = terms.at(type_ == RowType::kIn ? "input" : "output");
      const auto value = as_integer(term.elements[1]);
      if (!value || *value < 0 || *value > 255) return Verdict::kRefused;
      byte = static_cast<std::uint32_t>(*value);
      if (term.elements[0] != Fr::from_u64(old_value(0))) return Verdict::kWrong;
      if (type_ == RowType::kOut && byte != old_value(1)) return Verdict::kWrong;
    }
    const auto effect = vm::testing::evaluate(entry, old_value(0), old_value(1), old_value(2), byte);
    if (!effect) return Verdict::kWrong;

    const Fr next_pc = terms.at("state/add").elements[0];
    if (next_pc != Fr::from_u64(effect->next_pc)) {
      // Could it be the pc of an entry, or of a halt word?
      const auto next = as_integer(next_pc);
      const bool is_pc = next && *next >= 0 && *next % 4 == 0 &&
                         (*next < (std::int64_t{1} << 32) - 4 || *next >= std::int64_t{1} << 33);
      return is_pc ? Verdict::kWrong : Verdict::kRefused;
    }
    const bool stores = type_ == RowType::kStoreWord || type_ == RowType::kStoreSubword;
    const bool increments = type_ == RowType::kIn || type_ == RowType::kOut;
    const auto expect = [&](std::size_t slot, std::int64_t address, std::int64_t new_value) {
      return !accesses[slot] || (accesses[slot]->address == address && accesses[slot]->new_value == new_value);
    };
    const bool right = expect(0, kRegisterBase + entry.rs1, std::int64_t{old_value(0)} + (increments ? 1 : 0)) &&
                       expect(1, kRegisterBase + entry.rs2, old_value(1)) &&
                       expect(2, effect->word_index, stores ? effect->result.value_or(0) : old_value(2)) &&
                       expect(3, kRegisterBase + entry.rd, effect->result.value_or(0));
    return right ? Verdict::kRight : Verdict::kWrong;
  }

  struct Guarding {
    std::size_t index;
    r1cs::VariableIndex product;  // 0: none
  };
  RowType type_;
  const r1cs::Template& shape_;
  TermReader reader_;
  std::vector<Fr> palette_;
  std::vector<Guarding> constraints_;
  std::vector<std::size_t> lookups_;
};

struct Sample {
  SampleRow row;
  vm::ProgramEntry entry;
};

// Rows of every type, with operands of all kinds.
const std::map<RowType, std::vector<Sample>>& samples() {
  static const auto all = [] {
    std::map<RowType, std::vector<Sample>> found;
    const auto collect = [&](const std::vector<std::uint32_t>& text, std::string_view input) {
      const auto program = vm::testing::make_program(text);
      vm::Machine machine(program, vm::testing::make_input(input));
      vm::Trace trace(1 << 14);
      while (machine.status() == vm::Status::kRunning) {
        machine.trace(UINT64_MAX, trace);
        std::uint64_t clock = trace.first_clock();
        for (const vm::Row& row : trace.rows()) {
          const vm::ProgramEntry entry = *program->entry_of(row.op);
          std::vector<Sample>& of_type = found[entry.type];
          if (of_type.size() < 40) of_type.push_back({sample({entry, row, clock}), entry});
          ++clock;
        }
        for (const vm::Refresh& refresh : trace.refreshes()) {
          if (found[RowType::kRefresh].size() < 4) found[RowType::kRefresh].push_back({sample(refresh), {}});
        }
      }
    };
    using namespace vm::testing;
    for (std::uint64_t seed = 100; seed < 110; ++seed) {
      Random random(seed);
      std::vector<std::uint32_t> text;
      for (int i = 0; i < 4; ++i) append_random_program(random, text);
      text.push_back(kUnimp);
      collect(text, "");
    }
    collect({addi(s2, zero, 2), kEcallWord, sw(a0, zero, 0x400), kEcallWord, sw(a0, zero, 0x404), addi(s2, zero, 3),
             addi(a1, zero, 0x400), addi(a2, zero, 5), kEcallWord, kUnimp},
            "\xc3z");
    collect({addi(t1, zero, 77), lui(t0, 10), addi(t0, t0, -1), bne(t0, zero, -4), addi(a0, t1, 0), kUnimp}, "");
    return found;
  }();
  return all;
}

// What a variable may be changed by.
const std::vector<Fr>& changes() {
  static const auto all = [] {
    std::vector<Fr> list;
    for (const unsigned bits : {0U, 1U, 2U, 7U, 8U, 15U, 16U, 24U, 31U, 32U}) {
      const Fr power = Fr::from_u64(std::uint64_t{1} << bits);
      list.insert(list.end(), {power, -power});
      if (bits == 1 || bits == 2 || bits == 8 || bits == 16 || bits == 32)
        list.insert(list.end(), {power.inverse(), -power.inverse()});
    }
    list.insert(list.end(), {Fr::from_u64(255), -Fr::from_u64(255)});
    return list;
  }();
  return all;
}

struct Catch {
  std::string description;
};

// The first wrong execution that changes of `row` lead to.
class Hunt {
 public:
  Hunt(const Quarry& quarry, const Sample& sample, std::size_t removed)
      : quarry_(quarry), sample_(sample), removed_(removed), variables_(quarry.free_variables(removed)) {}

  std::optional<Catch> alone() {
    for (const auto variable : variables_) {
      const Fr value = sample_.row.values[variable];
      for (const Fr& change : changes()) {
        if (auto found = attempt({{variable, value + change}})) return found;
      }
      for (std::uint64_t small = 0; small < 256; ++small) {
        if (auto found = attempt({{variable, Fr::from_u64(small)}})) return found;
      }
      if (auto found = attempt({{variable, -value}})) return found;
    }
    return std::nullopt;
  }

  std::optional<Catch> in_pairs() {
    for (std::size_t i = 0; i < variables_.size(); ++i) {
      for (std::size_t j = i + 1; j < variables_.size(); ++j) {
        for (const Fr& first : candidates(variables_[i])) {
          for (const Fr& second : candidates(variables_[j])) {
            if (auto found = attempt({{variables_[i], first}, {variables_[j], second}})) return found;
          }
        }
      }
    }
    return std::nullopt;
  }

  std::optional<Catch> in_groups(std::uint64_t seed, unsigned attempts) {
    vm::testing::Random random(seed);
    for (unsigned i = 0; i < attempts; ++i) {
      std::vector<std::pair<r1cs::VariableIndex, Fr>> group;
      const unsigned size = 3 + random.below(2);
      for (unsigned k = 0; k < size; ++k) {
        const auto variable = variables_[random.below(static_cast<std::uint32_t>(variables_.size()))];
        const auto values = candidates(variable);
        group.emplace_back(variable, values[random.below(static_cast<std::uint32_t>(values.size()))]);
      }
      if (auto found = attempt(group)) return found;
    }
    return std::nullopt;
  }

 private:
  std::vector<Fr> candidates(r1cs::VariableIndex variable) const {
    const Fr value = sample_.row.values[variable];
    std::vector<Fr> values = {Fr::zero(), Fr::one()};
    for (const Fr& change : changes()) values.push_back(value + change);
    return values;
  }

  std::optional<Catch> attempt(const std::vector<std::pair<r1cs::VariableIndex, Fr>>& changed) {
    values_ = sample_.row.values;
    for (const auto& [variable, value] : changed) values_[variable] = value;
    if (quarry_.judge(values_, sample_.entry, removed_) != Verdict::kWrong) return std::nullopt;
    std::string text = quarry_.shape().name + ":";
    for (const auto& [variable, value] : changed) {
      const auto old_integer = as_integer(sample_.row.values[variable]);
      const auto integer = as_integer(value);
      text += " " + quarry_.shape().variable_name(variable) + " " + (old_integer ? std::to_string(*old_integer) : "?") +
              " -> " + (integer ? std::to_string(*integer) : "fraction");
    }
    return Catch{text};
  }

  const Quarry& quarry_;
  const Sample& sample_;
  std::size_t removed_;
  std::vector<r1cs::VariableIndex> variables_;
  r1cs::RowValues values_;
};

class UnderConstraintHunt : public ::testing::TestWithParam<RowType> {};

TEST_P(UnderConstraintHunt, HonestRowsAreRight) {
  const Quarry quarry(GetParam());
  for (const Sample& sample : samples().at(GetParam())) {
    r1cs::RowValues values = sample.row.values;
    EXPECT_EQ(quarry.judge(values, sample.entry, kNoGuard), Verdict::kRight);
  }
}

TEST_P(UnderConstraintHunt, NoChangeMakesAWrongExecution) {
  const Quarry quarry(GetParam());
  const std::vector<Sample>& rows = samples().at(GetParam());
  ASSERT_FALSE(rows.empty());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Hunt hunt(quarry, rows[i], kNoGuard);
    auto found = hunt.alone();
    if (!found && i % 10 == 0) found = hunt.in_pairs();
    if (!found) found = hunt.in_groups(i, 2000);
    ASSERT_FALSE(found) << found->description;
  }
}

TEST_P(UnderConstraintHunt, EveryGuardIsNeeded) {
  const Quarry quarry(GetParam());
  const std::vector<Sample>& rows = samples().at(GetParam());
  for (std::size_t guard = 0; guard < quarry.guards(); ++guard) {
    std::optional<Catch> found;
    for (std::size_t i = 0; i < rows.size() && !found; ++i) found = Hunt(quarry, rows[i], guard).alone();
    for (std::size_t i = 0; i < rows.size() && !found; ++i) found = Hunt(quarry, rows[i], guard).in_pairs();
    EXPECT_TRUE(found) << quarry.shape().name << " without " << quarry.guard_name(guard) << ": nothing wrong is found";
  }
}

INSTANTIATE_TEST_SUITE_P(All, UnderConstraintHunt, ::testing::ValuesIn([] {
                           std::vector<RowType> types;
                           for (std::size_t i = 0; i < vm::kRowTypeCount; ++i) types.push_back(static_cast<RowType>(i));
                           return types;
                         }()),
                         [](const auto& parameter) {
                           std::string text(name(parameter.param));
                           text.erase(std::remove(text.begin(), text.end(), '-'), text.end());
                           return text;
                         });

}  // namespace
}  // namespace magnetar::zkvm
