#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/r1cs/witness.h"
#include "engine/zkvm/lists.h"
#include "engine/zkvm/row_types.h"
#include "vm/machine.h"

namespace magnetar::zkvm::testing {

using algebra::Fr;

/// The row types, made once.
const RowTypes& row_types();

/// Challenges as good as any.
r1cs::Challenges<Fr> some_challenges();

/// A row of a trace, with its type's honest values of u and stage 1; stage 2 is zero.
struct SampleRow {
  vm::RowType type;
  r1cs::RowValues values;
};
SampleRow sample(const PathRow& row);
SampleRow sample(const vm::Refresh& refresh);

/// A segment that was traced from the start of a program: its rows, and what the verifier gets to know.
struct Execution {
  std::shared_ptr<const vm::Program> program;
  std::shared_ptr<const std::vector<std::byte>> input;
  std::vector<SampleRow> rows;
  Lists lists;
  Boundary boundary;
  std::vector<std::byte> output;
  vm::Status status;
};

/// Traces up to `max_cycles` cycles.
std::unique_ptr<Execution> execute(const std::shared_ptr<const vm::Program>& program,
                                   const std::shared_ptr<const std::vector<std::byte>>& input,
                                   std::uint64_t max_cycles);

/// A term of a row, read off the matrices: multiplicity and tuple elements as field elements.
struct Term {
  std::string name;
  Tag tag;
  Fr multiplicity;
  std::vector<Fr> elements;
};

/// How to read a type's terms off its matrices: for each stage-2 variable the tag, and each element's entries.
class TermReader {
 public:
  explicit TermReader(vm::RowType type);
  std::size_t size() const { return terms_.size(); }
  Term read(std::size_t term, const r1cs::RowValues& values) const;
  Tag tag(std::size_t term) const { return terms_[term].tag; }
  const std::string& name(std::size_t term) const { return terms_[term].name; }

 private:
  struct Part {
    r1cs::VariableIndex variable;
    Fr coefficient;
  };
  struct Shape {
    std::string name;
    Tag tag;
    std::vector<Part> multiplicity;
    std::vector<std::vector<Part>> elements;
  };
  std::vector<Shape> terms_;
};

/// The element as an integer, if it is one below 2^63 in absolute value.
std::optional<std::int64_t> as_integer(const Fr& value);

}  // namespace magnetar::zkvm::testing
