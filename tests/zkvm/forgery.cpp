#include "forgery.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <stdexcept>

#include "engine/device/cpu_device.h"
#include "engine/zkvm/list_codec.h"

namespace magnetar::zkvm::testing {

using algebra::Fr;
using r1cs::Width;
using vm::RowType;

namespace {

/// The row types' circuits with columns that hold any element: widths are no part of the circuits.
const RowTypes& wide_row_types() {
  static const RowTypes types = [] {
    RowTypes wide = make_row_types();
    for (r1cs::Template& shape : wide.templates) {
      for (r1cs::Variable& variable : shape.stage1) variable.width = Width::kField;
    }
    return wide;
  }();
  return types;
}

const TermReader& reader(RowType type) {
  static const std::vector<TermReader> readers = [] {
    std::vector<TermReader> all;
    for (std::size_t i = 0; i < vm::kRowTypeCount; ++i) all.emplace_back(static_cast<RowType>(i));
    return all;
  }();
  return readers[static_cast<std::size_t>(type)];
}

Tuple program_tuple(const vm::ProgramEntry& e) {
  return {Tag::kProgram,
          {static_cast<std::int64_t>(e.pc), static_cast<std::int64_t>(e.type), e.rd, e.rs1, e.rs2,
           static_cast<std::int64_t>(e.immediate), static_cast<std::int64_t>(e.target), e.f1, e.f2}};
}

/// A tuple of small integers, if the term's elements are such.
std::optional<Tuple> as_tuple(const Term& term) {
  Tuple tuple{term.tag, {}};
  for (std::size_t i = 0; i < term.elements.size(); ++i) {
    const auto element = as_integer(term.elements[i]);
    if (!element || (i >= tuple.elements.size() && *element != 0)) return std::nullopt;
    if (i < tuple.elements.size()) tuple.elements[i] = *element;
  }
  return tuple;
}

/// The bus, tuple by tuple.
class ExplicitBus {
 public:
  void add(const Fr& multiplicity, Tag tag, const std::vector<Fr>& elements) {
    std::vector<std::array<std::uint8_t, 32>> key;
    for (const Fr& element : elements) key.push_back(element.to_bytes());
    while (!key.empty() && key.back() == std::array<std::uint8_t, 32>{}) key.pop_back();
    sums_[{tag, key}] += multiplicity;
  }
  void add(const Fr& multiplicity, const Tuple& tuple) {
    std::vector<Fr> elements;
    for (const std::int64_t element : tuple.elements) elements.push_back(Fr::from_i64(element));
    add(multiplicity, tuple.tag, elements);
  }
  std::set<Tag> unbalanced() const {
    std::set<Tag> tags;
    for (const auto& [tuple, sum] : sums_) {
      if (!sum.is_zero()) tags.insert(tuple.first);
    }
    return tags;
  }

 private:
  std::map<std::pair<Tag, std::vector<std::array<std::uint8_t, 32>>>, Fr> sums_;
};

}  // namespace

std::ostream& operator<<(std::ostream& out, const Complaints& complaints) {
  for (const std::string& constraint : complaints.constraints) out << "constraint " << constraint << "; ";
  for (const Tag tag : complaints.tags) out << "tag " << static_cast<int>(tag) << "; ";
  return out;
}

Forgery::Forgery(const Subject& subject, std::uint64_t max_cycles)
    : plan{.subject = subject,
           .start = vm::Machine(subject.program, subject.input).checkpoint(),
           .statement = {},
           .lists = {}},
      lists(*subject.program) {
  auto execution = execute(subject.program, subject.input, max_cycles);
  lists = std::move(execution->lists);
  rows = std::move(execution->rows);
  const Boundary& boundary = execution->boundary;
  Statement& s = plan.statement;
  s.program_id = subject.program_id;
  s.input_digest = subject.input_digest;
  s.input_bytes = subject.input->size();
  s.cycles = boundary.cycles;
  s.steps = (s.cycles + vm::kCyclesPerStep - 1) / vm::kCyclesPerStep;
  s.start_pc = boundary.start_pc;
  s.end_pc = boundary.end_pc;
  s.input_end = static_cast<std::uint32_t>(boundary.input.size());
  s.output_end = static_cast<std::uint32_t>(execution->output.size());
  s.output = execution->output;
  s.halted = execution->status == vm::Status::kHalted;
  if (s.halted) {
    for (const Touched& one : lists.touched) {
      if (one.address == vm::Address::of_register(vm::kReturnValue)) s.exit_code = one.last_value;
    }
  }
  plan.fold_steps = 1;
}

Forgery::Forgery(const Subject& subject, const Subject& rows_of) : Forgery(rows_of) {
  plan.subject = subject;
  plan.statement.program_id = subject.program_id;
}

SampleRow& Forgery::row(RowType type, std::size_t nth) {
  for (SampleRow& one : rows) {
    if (one.type == type && nth-- == 0) return one;
  }
  throw std::out_of_range("no such row");
}

Fr& Forgery::value(SampleRow& row, std::string_view name) {
  const r1cs::Template& shape = row_types()[row.type];
  for (std::size_t i = 0; i < shape.stage1.size(); ++i) {
    if (shape.stage1[i].name == name) return row.values[shape.stage1_index(i)];
  }
  throw std::out_of_range(shape.name + " has no variable " + std::string(name));
}

void Forgery::set(RowType type, std::string_view name, std::int64_t to, std::size_t nth) {
  value(row(type, nth), name) = Fr::from_i64(to);
}

std::int64_t Forgery::get(RowType type, std::string_view name, std::size_t nth) {
  return as_integer(value(row(type, nth), name)).value();
}

Touched& Forgery::touched(vm::Address address) {
  for (Touched& one : lists.touched) {
    if (one.address == address) return one;
  }
  throw std::out_of_range("not touched");
}

void Forgery::touch(const Touched& touched) {
  const auto at = std::find_if(lists.touched.begin(), lists.touched.end(),
                               [&](const Touched& one) { return touched.address < one.address; });
  lists.touched.insert(at, touched);
}

void Forgery::recount() {
  const vm::Program& program = *plan.subject.program;
  std::map<Tuple, std::uint32_t> entries;
  for (std::uint32_t op = 0; op < program.ops().size(); ++op) {
    if (const auto entry = program.entry_of(op)) entries.emplace(program_tuple(*entry), op);
  }
  const std::vector<Touched> touched = lists.touched;
  lists = Lists(program);
  lists.touched = touched;
  for (const SampleRow& one : rows) {
    const TermReader& terms = reader(one.type);
    for (std::size_t i = 0; i < terms.size(); ++i) {
      const Term term = terms.read(i, one.values);
      const auto tuple = as_tuple(term);
      if (!tuple || !(-term.multiplicity).is_one()) continue;
      if (const auto entry = entries.find(*tuple); entry != entries.end()) ++lists.program[entry->second];
      if (const auto index = table_index(*tuple)) ++lists.multiplicities(tuple->tag)[*index];
    }
  }
}

Complaints Forgery::complaints() const {
  Complaints complaints;
  ExplicitBus bus;
  const auto palette = row_types().palette.values(some_challenges());
  for (const SampleRow& one : rows) {
    const r1cs::Template& shape = row_types()[one.type];
    r1cs::RowValues values = one.values;
    EXPECT_TRUE(r1cs::solve_stage2(shape, palette, values));
    for (const r1cs::Constraint& constraint : shape.constraints) {
      if (r1cs::evaluate(constraint.a, palette, values) * r1cs::evaluate(constraint.b, palette, values) !=
          r1cs::evaluate(constraint.c, palette, values)) {
        complaints.constraints.insert(shape.name + ": " + constraint.name);
      }
    }
    const TermReader& terms = reader(one.type);
    for (std::size_t i = 0; i < terms.size(); ++i) {
      const Term term = terms.read(i, one.values);
      bus.add(term.multiplicity, term.tag, term.elements);
    }
  }
  const vm::Program& program = *plan.subject.program;
  for (std::uint32_t op = 0; op < lists.program.size(); ++op) {
    if (lists.program[op] != 0) bus.add(Fr::from_u64(lists.program[op]), program_tuple(program.entry_of(op).value()));
  }
  for (std::size_t t = 0; t < kTables.size(); ++t) {
    for (std::size_t i = 0; i < lists.tables[t].size(); ++i) {
      if (lists.tables[t][i] != 0) bus.add(Fr::from_u64(lists.tables[t][i]), table_entry(kTables[t], i));
    }
  }
  const MachineState start = MachineState::initial(plan.subject);
  const Statement& s = plan.statement;
  const Fr one = Fr::one();
  for (const Touched& touched : lists.touched) {
    const auto address = static_cast<std::int64_t>(touched.address.bus());
    // In a segment from the start, the verifier knows the first values.
    const bool is_address = touched.address.is_register() || touched.address.index() < 1U << 30;
    const std::uint32_t first = s.first_step == 0 && is_address ? start.value(touched.address) : touched.first_value;
    bus.add(one, {Tag::kMemory, {address, first, 0}});
    bus.add(-one, {Tag::kMemory, {address, touched.last_value, touched.last_time}});
  }
  bus.add(one, {Tag::kState, {static_cast<std::int64_t>(s.start_pc), 1}});
  bus.add(-one, {Tag::kState, {static_cast<std::int64_t>(s.end_pc), static_cast<std::int64_t>(s.cycles) + 1}});
  for (std::uint32_t i = s.input_start; i < s.input_end; ++i) {
    bus.add(one, {Tag::kInput, {i, std::to_integer<std::int64_t>((*plan.subject.input)[i])}});
  }
  for (std::uint32_t i = s.output_start; i < s.output_end; ++i) {
    bus.add(-one, {Tag::kOutput, {i, std::to_integer<std::int64_t>(s.output[i - s.output_start])}});
  }
  complaints.tags = bus.unbalanced();
  return complaints;
}

SegmentProof Forgery::prove() const {
  Plan lie = plan;
  lie.lists = encode_lists(lists, lie.statement.first_step != 0);
  Quotas& quotas = lie.statement.layout.quotas;
  lie.statement.layout.log_size = kMinLogSize;
  for (const SampleRow& one : rows) ++quotas[static_cast<std::size_t>(one.type)];

  const auto parameters = store().parameters(lie.statement.layout);
  const FoldStep step(wide_row_types(), quotas);
  const ivc::Circuits circuits(step);
  if (circuits.digest() != parameters->circuits().digest()) throw std::logic_error("widths change the circuits");
  const Devices devices{"lying",
                        device::make_cpu_device<algebra::Bn254>(circuits.primary(), parameters->keys().primary),
                        device::make_cpu_device<algebra::Grumpkin>(circuits.secondary(), parameters->keys().secondary)};

  const ivc::StepSource source = [&](std::uint64_t) {
    ivc::StepStage1 stage1;
    for (std::size_t t = 0; t < quotas.size(); ++t) {
      stage1.blocks.emplace_back();
      if (quotas[t] == 0) continue;
      const r1cs::Template& shape = wide_row_types().templates[t];
      r1cs::Columns& columns = stage1.blocks.back().emplace(shape, quotas[t]);
      // Those that are inverses of integers first; settling inverts them.
      for (const bool integers : {false, true}) {
        std::size_t at = 0;
        for (const SampleRow& one : rows) {
          if (one.type != static_cast<RowType>(t)) continue;
          for (std::size_t v = 0; v < shape.stage1.size(); ++v) {
            const Fr& value = one.values[shape.stage1_index(v)];
            const auto integer = as_integer(value);
            if (integer.has_value() == integers) {
              columns.set(v, Width::kField, at, integers ? *integer : as_integer(value.inverse()).value());
            }
          }
          ++at;
        }
        if (!integers) columns.settle();
      }
    }
    return stage1;
  };
  auto proved = zkvm::prove(*parameters, lie, devices, {}, source);
  if (!proved) throw std::logic_error(proved.error().message);
  return std::move(proved->proof);
}

std::string verdict(const Subject& subject, const SegmentProof& proof) {
  const auto claim = verify(subject, {{proof}}, store());
  return claim ? "accepted" : std::string(name(claim.error().reason));
}

void expect_refused(Forgery& forgery, std::string_view reason, const Complaints& guards) {
  forgery.recount();
  EXPECT_EQ(forgery.complaints(), guards);
  EXPECT_FALSE(guards.none());
  EXPECT_EQ(verdict(forgery.plan.subject, forgery.prove()), reason);
}

}  // namespace magnetar::zkvm::testing
