#include "vm/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

#include "vm/instruction.h"

namespace magnetar::vm {
namespace {

constexpr std::array<std::string_view, 9> kFaultNames = {
    "illegal-instruction", "misaligned-access", "misaligned-jump", "pc-outside-text", "store-into-text",
    "unknown-system-call", "cycle-limit",       "memory-limit",    "output-limit"};
static_assert(kFaultNames.size() == static_cast<std::size_t>(FaultKind::kOutputLimit) + 1);

Limits clamped(Limits limits) {
  limits.max_output_bytes = std::min(limits.max_output_bytes, kMaxOutputBytes);
  return limits;
}

}  // namespace

std::string_view name(FaultKind kind) {
  return kFaultNames[static_cast<std::size_t>(kind)];
}

std::string Fault::message() const {
  if (!word) return fmt::format("pc {:#010x}: {}", pc, reason);
  return fmt::format("pc {:#010x}: {:08x} ({}): {}", pc, *word, disassemble(*word, pc), reason);
}

std::uint32_t Checkpoint::word(std::uint32_t index) const {
  const auto page = memory.find(index / kWordsPerPage);
  return page ? (*page)[index % kWordsPerPage] : 0;
}

Machine::Machine(std::shared_ptr<const Program> program, std::shared_ptr<const std::vector<std::byte>> input,
                 Limits limits, Hooks hooks)
    : program_(std::move(program)),
      input_(std::move(input)),
      limits_(clamped(limits)),
      hooks_(std::move(hooks)),
      memory_(program_->memory()),
      times_(PageTree()),
      op_(program_->op_at(program_->entry())) {
  assert(input_->size() <= kMaxInputBytes);
  registers_[kInputLength] = static_cast<std::uint32_t>(input_->size());
  run_to(0, nullptr);
}

Machine::Machine(std::shared_ptr<const Program> program, std::shared_ptr<const std::vector<std::byte>> input,
                 const Checkpoint& checkpoint, Limits limits, Hooks hooks)
    : program_(std::move(program)),
      input_(std::move(input)),
      limits_(clamped(limits)),
      hooks_(std::move(hooks)),
      registers_(checkpoint.registers),
      register_times_(checkpoint.register_times),
      memory_(checkpoint.memory),
      times_(checkpoint.times),
      op_(program_->op_at(checkpoint.pc)),
      outside_pc_(static_cast<std::uint32_t>(checkpoint.pc)),
      cycle_(checkpoint.cycle),
      segment_start_(checkpoint.segment_start),
      instructions_(checkpoint.instructions) {
  assert(registers_[kZero] == 0);
  assert(registers_[kInputLength] == input_->size());
  // Between the comparison of microcode and the read, there is a byte left.
  assert(registers_[kInputIndex] + std::uint64_t{program_->ops()[op_].code == Opcode::kInput} <= input_->size());
  run_to(cycle_, nullptr);
}

Checkpoint Machine::checkpoint() {
  return {.cycle = cycle_,
          .segment_start = segment_start_,
          .instructions = instructions_,
          .pc = pc(),
          .registers = registers_,
          .register_times = register_times_,
          .memory = memory_.snapshot(),
          .times = times_.snapshot()};
}

Status Machine::execute(std::uint64_t until) {
  if (cycle_ != segment_start_) {
    register_times_.fill(0);
    times_.clear();
  }
  const Status status = run_to(until, nullptr);
  segment_start_ = cycle_;
  return status;
}

Status Machine::trace(std::uint64_t until, Trace& trace) {
  trace.size_ = 0;
  trace.refreshes_.clear();
  trace.first_clock_ = cycle_ - segment_start_ + 1;
  return run_to(std::min({until, cycle_ + trace.capacity(), segment_start_ + kMaxSegmentCycles}), &trace);
}

Status Machine::run_to(std::uint64_t until, Trace* trace) {
  if (status_ != Status::kRunning) return status_;
  const std::uint64_t end = std::min(until, limits_.max_cycles);
  if (end > cycle_) {
    const auto fault = trace != nullptr ? interpret<Mode::kTrace>(end, trace) : interpret<Mode::kExecute>(end, nullptr);
    if (fault) {
      stop_at(*fault);
      return status_;
    }
  }
  // A program that has reached its halt word has halted, whether or not more rows were asked for.
  if (program_->ops()[op_].code == Opcode::kHalt) {
    status_ = Status::kHalted;
  } else if (cycle_ >= limits_.max_cycles && until > cycle_) {
    stop_at(FaultKind::kCycleLimit);
  }
  return status_;
}

std::uint64_t Machine::pc() const {
  return op_ == Program::kOutsideOp ? outside_pc_ : program_->pc_of(op_);
}

std::uint32_t Machine::word(std::uint32_t index) const {
  const Page* page = memory_.find(index / kWordsPerPage);
  return page != nullptr ? (*page)[index % kWordsPerPage] : 0;
}

void Machine::for_each_touched(const std::function<void(Address, std::uint32_t, std::uint32_t)>& f) const {
  std::vector<std::uint32_t> pages = times_.present();
  std::ranges::sort(pages);
  for (const std::uint32_t number : pages) {
    const Page& times = *times_.find(number);
    const Page& values = *memory_.find(number);
    for (std::uint32_t i = 0; i < kWordsPerPage; ++i) {
      if (times[i] != 0) f(Address::memory(number * kWordsPerPage + i), values[i], times[i]);
    }
  }
  for (std::uint8_t i = 0; i < kRegisterCount; ++i) {
    if (register_times_[i] != 0) f(Address::of_register(i), registers_[i], register_times_[i]);
  }
}

void Machine::stop_at(FaultKind kind) {
  using enum FaultKind;
  status_ = Status::kFaulted;
  // Inside microcode the guest's instruction is the ECALL being served.
  const bool in_call = Program::is_microcode(op_);
  const std::uint32_t at = in_call ? registers_[kReturnAddress] - 4 : static_cast<std::uint32_t>(pc());
  const auto word = program_->fetch(at);
  const Instruction instruction = word ? decode(*word) : Instruction();
  std::string reason;
  switch (kind) {
    case kIllegalInstruction:
      reason = "not an instruction of RV32I";
      break;
    case kMisalignedAccess:
      reason = fmt::format("the address {:#010x} is not a multiple of the access size", fault_address_);
      break;
    case kMisalignedJump: {
      const std::uint32_t target =
          instruction.mnemonic == Mnemonic::kJalr ? fault_address_ : std::uint32_t{at + instruction.immediate};
      reason = fmt::format("the jump target {:#010x} is not a multiple of 4", target);
      break;
    }
    case kPcOutsideText:
      reason = "no instruction can be fetched here: it is not in the file part of an executable segment";
      break;
    case kStoreIntoText:
      reason = fmt::format("store to {:#010x}, which is in an executable segment", fault_address_);
      break;
    case kUnknownSystemCall:
      reason = fmt::format("unknown system call {} in s2; known are 1 log, 2 read input, 3 write output, 5 profile",
                           registers_[kCallNumber]);
      break;
    case kCycleLimit:
      reason = fmt::format("the limit of {} cycles is reached", limits_.max_cycles);
      break;
    case kMemoryLimit:
      reason = fmt::format("access to {:#010x} would pass the limit of {} bytes of touched memory", fault_address_,
                           limits_.max_memory_bytes);
      break;
    case kOutputLimit:
      reason = fmt::format("the limit of {} bytes of output is reached", limits_.max_output_bytes);
      break;
  }
  fault_ = Fault{.kind = kind, .cycle = cycle_, .pc = at, .word = word, .reason = std::move(reason)};
}

std::string Machine::guest_bytes(std::uint32_t address, std::uint32_t size) const {
  std::string bytes(std::min(size, kMaxLogBytes), '\0');
  for (std::uint32_t i = 0; i < bytes.size(); ++i) {
    const std::uint32_t a = address + i;
    bytes[i] = static_cast<char>(word(a / 4) >> 8 * (a % 4));
  }
  return bytes;
}

void Machine::log_bytes() {
  if (!hooks_.log) return;
  const std::uint32_t size = registers_[kArgument2];
  hooks_.log(guest_bytes(registers_[kArgument1], size), size > kMaxLogBytes ? size - kMaxLogBytes : 0);
}

}  // namespace magnetar::vm
