#include "engine/zkvm/row_types.h"

#include <algorithm>
#include <cassert>
#include <string>

#include "engine/zkvm/rows/add.h"
#include "engine/zkvm/rows/compare.h"
#include "engine/zkvm/rows/input_output.h"
#include "engine/zkvm/rows/jalr.h"
#include "engine/zkvm/rows/logic.h"
#include "engine/zkvm/rows/memory.h"
#include "engine/zkvm/rows/refresh.h"
#include "engine/zkvm/rows/shift.h"

namespace magnetar::zkvm {
namespace {

using vm::RowType;

// Stores variables; terms have no stage-1 values.
struct ColumnSink {
  r1cs::Columns& columns;
  std::size_t row;
  std::size_t next = 0;

  void store(r1cs::Width width, std::int64_t value) { columns.set(next++, width, row, value); }
  void term(Tag, r1cs::WrappingInteger, std::initializer_list<r1cs::WrappingInteger>) {}
};

// Passes on the terms with fixed tables.
struct LookupSink {
  const std::function<void(const Tuple&)>& visit;

  void store(r1cs::Width, std::int64_t) {}
  void term(Tag tag, r1cs::WrappingInteger, std::initializer_list<r1cs::WrappingInteger> elements) {
    if (std::find(kTables.begin(), kTables.end(), tag) == kTables.end()) return;
    Tuple tuple{tag, {}};
    std::transform(elements.begin(), elements.end(), tuple.elements.begin(), [](auto e) { return e.value(); });
    visit(tuple);
  }
};

// Runs the description of a path row's type.
template <class B>
void describe(RowType type, B& b) {
  switch (type) {
    case RowType::kAddI:
      return describe_add_i(b);
    case RowType::kAddR:
      return describe_add_r(b);
    case RowType::kJalr:
      return describe_jalr(b);
    case RowType::kLogicR:
      return describe_logic_r(b);
    case RowType::kLogicI:
      return describe_logic_i(b);
    case RowType::kBranchEqual:
      return describe_branch_equal(b);
    case RowType::kBranchLessUnsigned:
      return describe_branch_less_unsigned(b);
    case RowType::kBranchLess:
      return describe_branch_less(b);
    case RowType::kSetLessUnsignedR:
      return describe_set_less_unsigned_r(b);
    case RowType::kSetLessUnsignedI:
      return describe_set_less_unsigned_i(b);
    case RowType::kSetLessR:
      return describe_set_less_r(b);
    case RowType::kSetLessI:
      return describe_set_less_i(b);
    case RowType::kLoadWord:
      return describe_load_word(b);
    case RowType::kStoreWord:
      return describe_store_word(b);
    case RowType::kLoadSubword:
      return describe_load_subword(b);
    case RowType::kStoreSubword:
      return describe_store_subword(b);
    case RowType::kShiftI:
      return describe_shift_i(b);
    case RowType::kShiftR:
      return describe_shift_r(b);
    case RowType::kIn:
      return describe_in(b);
    case RowType::kOut:
      return describe_out(b);
    case RowType::kRefresh:
      break;
  }
  assert(false);
}

}  // namespace

RowTypes make_row_types() {
  RowTypes types;
  for (std::size_t i = 0; i < vm::kRowTypeCount; ++i) {
    const auto type = static_cast<RowType>(i);
    r1cs::TemplateBuilder builder(std::string(name(type)), types.palette);
    if (type == RowType::kRefresh) {
      describe_refresh(builder);
    } else {
      describe(type, builder);
    }
    types.templates[i] = std::move(builder).build();
  }
  return types;
}

Counts stated_counts(RowType type) {
  switch (type) {
    case RowType::kAddI:
      return kAddICounts;
    case RowType::kAddR:
      return kAddRCounts;
    case RowType::kJalr:
      return kJalrCounts;
    case RowType::kLogicR:
      return kLogicRCounts;
    case RowType::kLogicI:
      return kLogicICounts;
    case RowType::kBranchEqual:
      return kBranchEqualCounts;
    case RowType::kBranchLessUnsigned:
      return kBranchLessUnsignedCounts;
    case RowType::kBranchLess:
      return kBranchLessCounts;
    case RowType::kSetLessUnsignedR:
      return kSetLessUnsignedRCounts;
    case RowType::kSetLessUnsignedI:
      return kSetLessUnsignedICounts;
    case RowType::kSetLessR:
      return kSetLessRCounts;
    case RowType::kSetLessI:
      return kSetLessICounts;
    case RowType::kLoadWord:
      return kLoadWordCounts;
    case RowType::kStoreWord:
      return kStoreWordCounts;
    case RowType::kLoadSubword:
      return kLoadSubwordCounts;
    case RowType::kStoreSubword:
      return kStoreSubwordCounts;
    case RowType::kShiftI:
      return kShiftICounts;
    case RowType::kShiftR:
      return kShiftRCounts;
    case RowType::kIn:
      return kInCounts;
    case RowType::kOut:
      return kOutCounts;
    case RowType::kRefresh:
      break;
  }
  return kRefreshCounts;
}

void write_row(r1cs::Columns& columns, std::size_t at, const PathRow& row) {
  ColumnSink sink{columns, at};
  r1cs::WitnessWriter writer(row, sink);
  describe(row.entry.type, writer);
}

void write_row(r1cs::Columns& columns, std::size_t at, const vm::Refresh& refresh) {
  ColumnSink sink{columns, at};
  r1cs::WitnessWriter writer(refresh, sink);
  describe_refresh(writer);
}

void for_each_lookup(const PathRow& row, const std::function<void(const Tuple&)>& visit) {
  LookupSink sink{visit};
  r1cs::WitnessWriter writer(row, sink);
  describe(row.entry.type, writer);
}

void for_each_lookup(const vm::Refresh& refresh, const std::function<void(const Tuple&)>& visit) {
  LookupSink sink{visit};
  r1cs::WitnessWriter writer(refresh, sink);
  describe_refresh(writer);
}

}  // namespace magnetar::zkvm
