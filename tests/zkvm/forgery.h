#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "proving.h"
#include "row_values.h"

namespace magnetar::zkvm::testing {

/// What is wrong with rows and statement, as if the verifier looked at everything: the constraints that are violated,
/// as "type: name", and the tags whose tuples do not cancel out.
struct Complaints {
  std::set<std::string> constraints;
  std::set<Tag> tags;

  bool none() const { return constraints.empty() && tags.empty(); }
  friend bool operator==(const Complaints&, const Complaints&) = default;
};
std::ostream& operator<<(std::ostream& out, const Complaints& complaints);

/// A prover that lies, in one fold step: it starts from an honest execution, and may put anything in the place of
/// every row's stage-1 values, the lists and the statement before it commits to them.
class Forgery {
 public:
  /// Of an execution from the start, up to `max_cycles` cycles, or to its end.
  explicit Forgery(const Subject& subject, std::uint64_t max_cycles = UINT64_MAX);
  /// The rows of one program under the name of another: for rows that no execution gives.
  Forgery(const Subject& subject, const Subject& rows_of);

  Plan plan;  ///< but for the lists
  Lists lists;
  std::vector<SampleRow> rows;

  Statement& statement() { return plan.statement; }
  /// The `nth` row of a type.
  SampleRow& row(vm::RowType type, std::size_t nth = 0);
  /// A stage-1 variable of a row.
  static algebra::Fr& value(SampleRow& row, std::string_view name);
  /// The same of the `nth` row of a type, for integers.
  void set(vm::RowType type, std::string_view name, std::int64_t to, std::size_t nth = 0);
  std::int64_t get(vm::RowType type, std::string_view name, std::size_t nth = 0);
  Touched& touched(vm::Address address);
  /// Puts an address into the list.
  void touch(const Touched& touched);

  /// Makes the multiplicities those of the rows' lookups, as far as there are entries.
  void recount();

  /// What is wrong with all that; the lists are as they stand, before they are encoded.
  Complaints complaints() const;

  /// Proves it, whatever it is. Values must be integers of 64 bits, or the inverses of such.
  SegmentProof prove() const;
};

/// The name of the reason for which a segment is refused in a verification from the program's start, or "accepted".
std::string verdict(const Subject& subject, const SegmentProof& proof);

/// Proves a lie, which must be refused for the reason, and have nothing wrong but what is said: without these guards,
/// it would be accepted.
void expect_refused(Forgery& forgery, std::string_view reason, const Complaints& guards);

}  // namespace magnetar::zkvm::testing
