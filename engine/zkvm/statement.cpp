#include "engine/zkvm/statement.h"

#include <cassert>

#include "vm/machine.h"

namespace magnetar::zkvm {
namespace {

constexpr std::string_view kStatementTag = "magnetar-v1 statement";

class Encoder {
 public:
  void number(std::uint64_t value) {
    for (unsigned i = 0; i < 8; ++i) bytes_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  }
  void bytes(std::span<const std::uint8_t> data) { bytes_.insert(bytes_.end(), data.begin(), data.end()); }
  std::vector<std::uint8_t> take() && { return std::move(bytes_); }

 private:
  std::vector<std::uint8_t> bytes_;
};

}  // namespace

std::vector<std::uint8_t> encode(const Statement& s) {
  Encoder to;
  to.number(kProtocolVersion);
  to.number(s.layout.log_size);
  to.number(s.layout.quotas.size());
  for (const std::uint32_t quota : s.layout.quotas) to.number(quota);
  to.bytes(s.program_id);
  to.bytes(s.input_digest);
  to.number(s.input_bytes);
  to.number(s.first_step);
  to.number(s.steps);
  to.number(s.cycles);
  to.number(s.start_pc);
  to.number(s.end_pc);
  to.number(s.input_start);
  to.number(s.input_end);
  to.number(s.output_start);
  to.number(s.output_end);
  to.number(s.halted ? 1 : 0);
  to.number(s.exit_code);
  to.number(s.output.size());
  to.bytes({reinterpret_cast<const std::uint8_t*>(s.output.data()), s.output.size()});
  return std::move(to).take();
}

hash::Sha256::Digest statement_digest(const Statement& statement, const hash::Sha256::Digest& lists) {
  hash::Sha256 sha256;
  sha256.update({reinterpret_cast<const std::uint8_t*>(kStatementTag.data()), kStatementTag.size()});
  sha256.update(lists);
  sha256.update(encode(statement));
  return sha256.finish();
}

std::string_view name(StatementFault fault) {
  switch (fault) {
    case StatementFault::kLayout:
      return "layout";
    case StatementFault::kCycles:
      return "cycles";
    case StatementFault::kSteps:
      return "steps";
    case StatementFault::kInput:
      return "input";
    case StatementFault::kOutput:
      return "output";
    case StatementFault::kExit:
      break;
  }
  return "exit";
}

std::optional<StatementFault> check(const Statement& s) {
  if (!is_valid(s.layout)) return StatementFault::kLayout;
  if (s.cycles > vm::kMaxSegmentCycles) return StatementFault::kCycles;
  if (s.cycles == 0) {
    // A program whose entry is a halt word, as its only segment; the machine stays as it is.
    if (!s.halted || s.start_pc != s.end_pc) return StatementFault::kCycles;
    if (s.first_step != 0 || s.steps != 0) return StatementFault::kSteps;
  } else {
    // No overflow: steps is bounded first, by what 2^30 cycles can fill.
    constexpr std::uint64_t kMaxSteps = vm::kMaxSegmentCycles / vm::kCyclesPerStep + 1;
    if (s.steps < 1 || s.steps > kMaxSteps || s.first_step > UINT64_MAX / vm::kCyclesPerStep - kMaxSteps) {
      return StatementFault::kSteps;
    }
    const std::uint64_t full = s.steps * vm::kCyclesPerStep;
    if (s.cycles > full || s.cycles + vm::kCyclesPerStep <= full) return StatementFault::kSteps;
    if (!s.halted && s.cycles != full) return StatementFault::kSteps;
  }
  if (s.input_bytes > vm::kMaxInputBytes || s.input_start > s.input_end || s.input_end > s.input_bytes) {
    return StatementFault::kInput;
  }
  if (s.output_start > s.output_end || s.output.size() != s.output_end - s.output_start) return StatementFault::kOutput;
  if (!s.halted && s.exit_code != 0) return StatementFault::kExit;
  return std::nullopt;
}

}  // namespace magnetar::zkvm
