#include "replay.h"

#include <fmt/format.h>

#include <utility>

namespace magnetar::vm::testing {
namespace {

constexpr std::uint64_t kTwo32 = std::uint64_t{1} << 32;

std::int64_t as_signed(std::uint64_t value) {
  return static_cast<std::int64_t>(value) - (value >= kTwo32 / 2 ? static_cast<std::int64_t>(kTwo32) : 0);
}

}  // namespace

std::optional<Effect> evaluate(const ProgramEntry& entry, std::uint32_t rs1_value, std::uint32_t rs2_value,
                               std::uint32_t memory_value, std::uint32_t input) {
  const std::uint64_t a = rs1_value;
  const std::uint64_t b = rs2_value;
  std::uint64_t next = entry.target;
  std::optional<std::uint32_t> result;  // what goes to rd or memory
  std::uint32_t word_index = 0;

  const auto logic = [&](std::uint64_t second) {
    return static_cast<std::uint32_t>(static_cast<std::uint64_t>(entry.f1) * (a + second) +
                                      static_cast<std::uint64_t>(entry.f2) * (a & second));
  };
  const auto shift = [&](std::uint64_t factor, bool right, std::uint64_t sign_extension) {
    const std::uint64_t product = a * factor;
    const std::uint64_t half = right ? product >> 32 : product & (kTwo32 - 1);
    return static_cast<std::uint32_t>(half + (a >> 31) * sign_extension);
  };
  const std::uint64_t address = (a + entry.immediate) % kTwo32;
  // The accessed digit of the word: a byte, or a halfword where f1 says so.
  const std::uint64_t digit_bits = entry.f1 == 1 ? 16 : 8;
  const std::uint64_t digit_shift = 8 * (address % 4);
  const std::uint64_t digit_mask = ((std::uint64_t{1} << digit_bits) - 1) << digit_shift;

  switch (entry.type) {
    case RowType::kAddI:
      result = static_cast<std::uint32_t>(a + entry.immediate);
      break;
    case RowType::kAddR:
      result = static_cast<std::uint32_t>(entry.f1 == 1 ? a - b : a + b);
      break;
    case RowType::kJalr:
      next = address - address % 2;
      result = static_cast<std::uint32_t>(entry.target);
      break;
    case RowType::kLogicR:
      result = logic(b);
      break;
    case RowType::kLogicI:
      result = logic(entry.immediate);
      break;
    case RowType::kBranchEqual:
      next = a == b ? entry.immediate : entry.target;
      break;
    case RowType::kBranchLessUnsigned:
      next = a < b ? entry.target : entry.immediate;
      break;
    case RowType::kBranchLess:
      next = as_signed(a) < as_signed(b) ? entry.target : entry.immediate;
      break;
    case RowType::kSetLessUnsignedR:
      result = a < b;
      break;
    case RowType::kSetLessUnsignedI:
      result = a < entry.immediate;
      break;
    case RowType::kSetLessR:
      result = as_signed(a) < as_signed(b);
      break;
    case RowType::kSetLessI:
      result = as_signed(a) + static_cast<std::int64_t>(kTwo32 / 2) < static_cast<std::int64_t>(entry.immediate);
      break;
    case RowType::kLoadWord:
    case RowType::kStoreWord:
      if (address % 4 != 0) return std::nullopt;
      result = entry.type == RowType::kLoadWord ? memory_value : rs2_value;
      word_index = static_cast<std::uint32_t>(address / 4);
      break;
    case RowType::kLoadSubword: {
      if (entry.f1 == 1 && address % 2 != 0) return std::nullopt;
      const std::uint64_t digit = (memory_value & digit_mask) >> digit_shift;
      result = static_cast<std::uint32_t>(digit + (digit >> (digit_bits - 1)) * static_cast<std::uint64_t>(entry.f2));
      word_index = static_cast<std::uint32_t>(address / 4);
      break;
    }
    case RowType::kStoreSubword:
      if (entry.f1 == 1 && address % 2 != 0) return std::nullopt;
      result = static_cast<std::uint32_t>((memory_value & ~digit_mask) | (b << digit_shift & digit_mask));
      word_index = static_cast<std::uint32_t>(address / 4);
      break;
    case RowType::kShiftI:
      result = shift(entry.immediate, entry.f1 == 1, static_cast<std::uint64_t>(entry.f2));
      break;
    case RowType::kShiftR: {
      const std::uint64_t amount = b % 32;
      const std::uint64_t factor = std::uint64_t{1} << (entry.f1 == 1 ? 32 - amount : amount);
      result = shift(factor, entry.f1 == 1, entry.f2 == 1 ? kTwo32 - factor : 0);
      break;
    }
    case RowType::kIn:
      result = input;
      break;
    case RowType::kOut:
      break;
    case RowType::kRefresh:
      return std::nullopt;
  }
  return Effect{next, result, word_index};
}

Replay::Replay(std::shared_ptr<const Program> program, std::shared_ptr<const std::vector<std::byte>> input,
               std::uint64_t pc, std::function<std::uint32_t(Address)> first_value)
    : program_(std::move(program)),
      input_(std::move(input)),
      pc_(pc),
      first_value_(std::move(first_value)),
      output_start_(first_value_(Address::of_register(kOutputIndex))) {}

Replay::Replay(std::shared_ptr<const Program> program, std::shared_ptr<const std::vector<std::byte>> input)
    : Replay(program, input, program->entry(), [program, input](Address address) -> std::uint32_t {
        if (address.is_register()) {
          return address.index() == kInputLength ? static_cast<std::uint32_t>(input->size()) : 0;
        }
        const auto page = program->memory().find(address.index() / kWordsPerPage);
        return page ? (*page)[address.index() % kWordsPerPage] : 0;
      }) {}

std::optional<std::string> Replay::add(const Trace& trace) {
  if (!trace.rows().empty() && trace.first_clock() != clock_) {
    return fmt::format("the trace starts at clock {}, expected {}", trace.first_clock(), clock_);
  }
  next_refresh_ = trace.refreshes().data();
  end_refresh_ = next_refresh_ + trace.refreshes().size();
  for (const Row& row : trace.rows()) {
    if (row.op >= program_->ops().size()) return fmt::format("no op {}", row.op);
    const auto entry = program_->entry_of(row.op);
    if (!entry) return fmt::format("clock {}: op {} has no PROG entry", clock_, row.op);
    if (entry->pc != pc_) return fmt::format("clock {}: pc is {:#x}, the row's {:#x}", clock_, pc_, entry->pc);
    if (auto wrong = check(row, *entry)) {
      return fmt::format("clock {} pc {:#x} {}: {}", clock_, entry->pc, name(entry->type), *wrong);
    }
    ++clock_;
  }
  if (next_refresh_ != end_refresh_)
    return fmt::format("{} refreshes belong to no access", end_refresh_ - next_refresh_);
  return std::nullopt;
}

std::optional<std::string> Replay::access(unsigned slot, Address address, std::uint32_t value, std::uint32_t new_value,
                                          std::uint16_t gap) {
  const auto now = static_cast<std::uint32_t>(4 * clock_ + slot);
  Cell& cell = cells_.try_emplace(address, Cell{first_value_(address), 0}).first->second;
  if (next_refresh_ != end_refresh_ && next_refresh_->address == address) {
    const Refresh& refresh = *next_refresh_++;
    if (refresh.value != cell.value || refresh.old_time != cell.time)
      return fmt::format("slot {}: wrong refresh", slot);
    if (refresh.new_time <= cell.time || refresh.new_time >= now)
      return fmt::format("slot {}: refresh out of order", slot);
    if (now - cell.time <= 1U << 16) return fmt::format("slot {}: needless refresh", slot);
    cell.time = refresh.new_time;
  }
  if (cell.value != value) return fmt::format("slot {} reads {:#x}, which holds {:#x}", slot, value, cell.value);
  if (now <= cell.time || now - cell.time - 1 != gap) {
    return fmt::format("slot {} at {} has gap {}, last access at {}", slot, now, gap, cell.time);
  }
  cell = {new_value, now};
  return std::nullopt;
}

std::optional<std::string> Replay::check(const Row& row, const ProgramEntry& entry) {
  const bool reads_input = entry.type == RowType::kIn;
  if (reads_input && row.rs1_value >= input_->size()) return "reads beyond the input";
  const auto effect = evaluate(entry, row.rs1_value, row.rs2_value, row.memory_value,
                               reads_input ? std::to_integer<std::uint32_t>((*input_)[row.rs1_value]) : 0);
  if (!effect) return "misaligned";
  if (row.result != effect->result.value_or(0)) {
    return fmt::format("result {:#x}, expected {:#x}", row.result, effect->result.value_or(0));
  }
  if (entry.type == RowType::kOut) {
    if (row.rs1_value != output_start_ + output_.size() || row.rs2_value > 0xff) return "wrong output";
    output_.push_back(static_cast<std::byte>(row.rs2_value));
  }
  const std::uint32_t rs1_after = row.rs1_value + (entry.type == RowType::kIn || entry.type == RowType::kOut ? 1 : 0);

  const Slots used = slots(entry.type);
  std::optional<std::string> wrong;
  const auto visit = [&](bool is_used, unsigned slot, Address at, std::uint32_t value, std::uint32_t new_value) {
    if (wrong) return;
    if (is_used) {
      wrong = access(slot, at, value, new_value, row.gap[slot]);
    } else if (value != 0 || row.gap[slot] != 0) {
      wrong = fmt::format("slot {} is not of this type, but not 0", slot);
    }
  };
  visit(used.rs1, 0, Address::of_register(entry.rs1), row.rs1_value, rs1_after);
  visit(used.rs2, 1, Address::of_register(entry.rs2), row.rs2_value, row.rs2_value);
  const bool stores = entry.type == RowType::kStoreWord || entry.type == RowType::kStoreSubword;
  visit(used.memory, 2, Address::memory(effect->word_index), row.memory_value, stores ? row.result : row.memory_value);
  visit(used.rd, 3, Address::of_register(entry.rd), row.rd_value, row.result);
  if (used.rd && entry.rd == kZero) return "writes x0";
  pc_ = effect->next_pc;
  return wrong;
}

std::optional<std::string> Replay::compare(const Machine& machine) const {
  if (machine.pc() != pc_) return fmt::format("the machine's pc is {:#x}, the replay's {:#x}", machine.pc(), pc_);
  if (machine.output() != output_) return "the machine's output differs";
  std::optional<std::string> wrong;
  auto cell = cells_.begin();
  machine.for_each_touched([&](Address address, std::uint32_t value, std::uint32_t time) {
    if (wrong) return;
    if (cell == cells_.end() || cell->first != address) {
      wrong = fmt::format("address {:#x}: touched in only one of the two", address.bus());
    } else if (cell->second.value != value || cell->second.time != time) {
      wrong = fmt::format("address {:#x}: {:#x} at {}, the replay has {:#x} at {}", address.bus(), value, time,
                          cell->second.value, cell->second.time);
    } else {
      ++cell;
    }
  });
  if (!wrong && cell != cells_.end()) return fmt::format("the machine did not touch {:#x}", cell->first.bus());
  return wrong;
}

std::optional<std::string> replay_all(const std::shared_ptr<const Program>& program,
                                      const std::shared_ptr<const std::vector<std::byte>>& input, std::size_t piece) {
  Machine machine(program, input);
  Replay replay(program, input);
  Trace trace(piece);
  while (machine.status() == Status::kRunning) {
    machine.trace(UINT64_MAX, trace);
    if (auto wrong = replay.add(trace)) return wrong;
  }
  return replay.compare(machine);
}

}  // namespace magnetar::vm::testing
