#include "row_values.h"

#include <algorithm>

#include "random_program.h"

namespace magnetar::zkvm::testing {

using vm::RowType;

const RowTypes& row_types() {
  static const RowTypes types = make_row_types();
  return types;
}

r1cs::Challenges<Fr> some_challenges() {
  const Fr seed = Fr::from_u64(0x9e3779b97f4a7c15);
  return {.gamma = seed.pow(77), .beta = seed.pow(1001)};
}

namespace {

template <class Source>
SampleRow sample_of(RowType type, const Source& source) {
  const r1cs::Template& shape = row_types()[type];
  r1cs::Columns columns(shape, 1);
  write_row(columns, 0, source);
  columns.settle();
  return {type, r1cs::gather(shape, columns, 0)};
}

}  // namespace

SampleRow sample(const PathRow& row) {
  return sample_of(row.entry.type, row);
}
SampleRow sample(const vm::Refresh& refresh) {
  return sample_of(RowType::kRefresh, refresh);
}

std::unique_ptr<Execution> execute(const std::shared_ptr<const vm::Program>& program,
                                   const std::shared_ptr<const std::vector<std::byte>>& input,
                                   std::uint64_t max_cycles) {
  auto execution = std::make_unique<Execution>(Execution{.program = program,
                                                         .input = input,
                                                         .rows = {},
                                                         .lists = Lists(*program),
                                                         .boundary = {},
                                                         .output = {},
                                                         .status = {}});
  vm::Machine machine(program, input);
  const vm::Checkpoint start = machine.checkpoint();
  vm::Trace trace(1 << 12);
  while (machine.status() == vm::Status::kRunning && machine.cycle() < max_cycles) {
    machine.trace(max_cycles, trace);
    execution->lists.count(*program, trace);
    std::uint64_t clock = trace.first_clock();
    for (const vm::Row& row : trace.rows())
      execution->rows.push_back(sample({*program->entry_of(row.op), row, clock++}));
    for (const vm::Refresh& refresh : trace.refreshes()) execution->rows.push_back(sample(refresh));
  }
  machine.for_each_touched([&](vm::Address address, std::uint32_t value, std::uint32_t time) {
    const std::uint32_t first = address.is_register() ? start.registers[address.index()] : start.word(address.index());
    execution->lists.touched.push_back({address, first, value, time});
  });
  execution->output = machine.output();
  execution->status = machine.status();
  execution->boundary = {.start_pc = start.pc,
                         .end_pc = machine.pc(),
                         .cycles = machine.cycle(),
                         .input = std::span(*input).first(machine.reg(vm::kInputIndex)),
                         .input_start = 0,
                         .output = execution->output,
                         .output_start = 0};
  return execution;
}

TermReader::TermReader(RowType type) {
  using r1cs::Symbol;
  const RowTypes& types = row_types();
  const r1cs::Template& shape = types[type];
  for (const std::size_t index : shape.solving) {
    const r1cs::Constraint& constraint = shape.constraints[index];
    Shape term{constraint.name, {}, {}, std::vector<std::vector<Part>>(Symbol::kMaxPower)};
    for (const r1cs::Entry& entry : constraint.c) {
      term.multiplicity.push_back(
          {entry.variable, Fr::from_i64(types.palette[entry.coefficient].terms().at(Symbol::one()))});
    }
    for (const r1cs::Entry& entry : constraint.b) {
      for (const auto& [symbol, integer] : types.palette[entry.coefficient].terms()) {
        if (symbol.is_gamma()) continue;
        if (symbol.power() == Symbol::kMaxPower) {
          term.tag = static_cast<Tag>(-integer);
        } else {
          term.elements[symbol.power()].push_back({entry.variable, Fr::from_i64(-integer)});
        }
      }
    }
    terms_.push_back(std::move(term));
  }
}

Term TermReader::read(std::size_t index, const r1cs::RowValues& values) const {
  const Shape& shape = terms_[index];
  const auto sum = [&](const std::vector<Part>& parts) {
    Fr total;
    for (const Part& part : parts) total += part.coefficient * values[part.variable];
    return total;
  };
  Term term{shape.name, shape.tag, sum(shape.multiplicity), {}};
  for (const auto& parts : shape.elements) term.elements.push_back(sum(parts));
  return term;
}

std::optional<std::int64_t> as_integer(const Fr& value) {
  const auto positive = value.to_canonical();
  if (positive.bit_length() < 64) return static_cast<std::int64_t>(positive.limbs[0]);
  const auto negative = (-value).to_canonical();
  if (negative.bit_length() < 64) return -static_cast<std::int64_t>(negative.limbs[0]);
  return std::nullopt;
}

}  // namespace magnetar::zkvm::testing
