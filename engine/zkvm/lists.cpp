#include "engine/zkvm/lists.h"

#include <algorithm>
#include <cassert>

#include "engine/zkvm/row_types.h"

namespace magnetar::zkvm {
namespace {

using algebra::Fr;

// Terms multiplicity / (γ - fingerprint), added up with one inversion.
class TermSum {
 public:
  explicit TermSum(const r1cs::Challenges<Fr>& challenges) : gamma_(challenges.gamma) {
    powers_[0] = Fr::one();
    for (std::size_t i = 1; i < powers_.size(); ++i) powers_[i] = powers_[i - 1] * challenges.beta;
  }

  void add(const Fr& multiplicity, const Tuple& tuple) {
    Fr denominator = gamma_ - Fr::from_u64(static_cast<std::uint64_t>(tuple.tag)) * powers_.back();
    for (std::size_t i = 0; i < tuple.elements.size(); ++i) {
      if (tuple.elements[i] != 0) denominator -= Fr::from_i64(tuple.elements[i]) * powers_[i];
    }
    zero_ = zero_ || denominator.is_zero();
    multiplicities_.push_back(multiplicity);
    denominators_.push_back(denominator);
  }

  std::optional<Fr> sum() {
    if (zero_) return std::nullopt;
    algebra::batch_inverse(std::span(denominators_));
    Fr sum;
    for (std::size_t i = 0; i < denominators_.size(); ++i) sum += multiplicities_[i] * denominators_[i];
    return sum;
  }

 private:
  Fr gamma_;
  std::array<Fr, r1cs::Symbol::kMaxPower + 1> powers_;
  std::vector<Fr> multiplicities_;
  std::vector<Fr> denominators_;
  bool zero_ = false;
};

Tuple program_tuple(const vm::ProgramEntry& e) {
  return {Tag::kProgram,
          {static_cast<std::int64_t>(e.pc), static_cast<std::int64_t>(e.type), e.rd, e.rs1, e.rs2,
           static_cast<std::int64_t>(e.immediate), static_cast<std::int64_t>(e.target), e.f1, e.f2}};
}

}  // namespace

Lists::Lists(const vm::Program& vm_program) : program(vm_program.ops().size()) {
  for (std::size_t i = 0; i < kTables.size(); ++i) tables[i].resize(table_size(kTables[i]));
}

std::vector<std::uint64_t>& Lists::multiplicities(Tag table) {
  const auto at = std::find(kTables.begin(), kTables.end(), table);
  assert(at != kTables.end());
  return tables[static_cast<std::size_t>(at - kTables.begin())];
}

void Lists::count(const vm::Program& vm_program, const vm::Trace& trace) {
  const auto look_up = [this](const Tuple& tuple) {
    const auto index = table_index(tuple);
    assert(index);
    ++multiplicities(tuple.tag)[*index];
  };
  std::uint64_t clock = trace.first_clock();
  for (const vm::Row& row : trace.rows()) {
    ++program[row.op];
    for_each_lookup({*vm_program.entry_of(row.op), row, clock++}, look_up);
  }
  for (const vm::Refresh& refresh : trace.refreshes()) for_each_lookup(refresh, look_up);
}

std::optional<Fr> verifier_sum(const vm::Program& program, const Lists& lists, const Boundary& boundary,
                               const r1cs::Challenges<Fr>& challenges) {
  const Fr one = Fr::one();
  TermSum terms(challenges);
  for (std::uint32_t op = 0; op < lists.program.size(); ++op) {
    if (lists.program[op] == 0) continue;
    const auto entry = program.entry_of(op);
    if (!entry) return std::nullopt;
    terms.add(Fr::from_u64(lists.program[op]), program_tuple(*entry));
  }
  for (std::size_t t = 0; t < kTables.size(); ++t) {
    for (std::size_t i = 0; i < lists.tables[t].size(); ++i) {
      if (lists.tables[t][i] != 0) terms.add(Fr::from_u64(lists.tables[t][i]), table_entry(kTables[t], i));
    }
  }
  for (const Touched& touched : lists.touched) {
    const auto address = static_cast<std::int64_t>(touched.address.bus());
    terms.add(one, {Tag::kMemory, {address, touched.first_value, 0}});
    terms.add(-one, {Tag::kMemory, {address, touched.last_value, touched.last_time}});
  }
  terms.add(one, {Tag::kState, {static_cast<std::int64_t>(boundary.start_pc), 1}});
  terms.add(-one, {Tag::kState,
                   {static_cast<std::int64_t>(boundary.end_pc), static_cast<std::int64_t>(boundary.cycles) + 1}});
  for (std::size_t i = 0; i < boundary.input.size(); ++i) {
    terms.add(
        one, {Tag::kInput,
              {static_cast<std::int64_t>(boundary.input_start + i), std::to_integer<std::int64_t>(boundary.input[i])}});
  }
  for (std::size_t i = 0; i < boundary.output.size(); ++i) {
    terms.add(-one, {Tag::kOutput,
                     {static_cast<std::int64_t>(boundary.output_start + i),
                      std::to_integer<std::int64_t>(boundary.output[i])}});
  }
  return terms.sum();
}

}  // namespace magnetar::zkvm
