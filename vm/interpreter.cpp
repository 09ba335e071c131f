// The loop that executes rows: one body for execution alone and for traces.

#include <bit>
#include <utility>

#include "vm/instruction.h"
#include "vm/machine.h"

#define MAGNETAR_INLINE __attribute__((always_inline))

namespace magnetar::vm {
namespace {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using s32 = std::int32_t;
using u64 = std::uint64_t;

// A longer gap between two accesses of an address needs a refresh.
constexpr u32 kMaxGap = 1 << 16;

bool is_taken(Mnemonic branch, u32 a, u32 b) {
  switch (branch) {
    case Mnemonic::kBeq:
      return a == b;
    case Mnemonic::kBne:
      return a != b;
    case Mnemonic::kBlt:
      return static_cast<s32>(a) < static_cast<s32>(b);
    case Mnemonic::kBge:
      return static_cast<s32>(a) >= static_cast<s32>(b);
    case Mnemonic::kBltu:
      return a < b;
    default:
      return a >= b;
  }
}

}  // namespace

Page* Machine::new_page(u32 number, PagedStore& store) {
  if (memory_.find(number) == nullptr && (memory_.pages() + 1) * sizeof(Page) > limits_.max_memory_bytes)
    return nullptr;
  return &store.own(number);
}

template <Machine::Mode mode>
std::optional<FaultKind> Machine::interpret(u64 until, Trace* trace) {
  constexpr bool kTracing = mode == Mode::kTrace;
  const Op* const ops = program_->ops().data();
  const u32 text_first = program_->text_first();
  const u64 text_size = program_->text_size();
  // JALR mostly stays in the run it comes from; most programs have one.
  const Program::Run& main_run = program_->runs().front();
  const u32 main_bytes = static_cast<u32>(4 * main_run.words.size());

  u32* const x = registers_.data();
  u32* const times = register_times_.data();
  const Op* op = ops + op_;
  u64 left = until - cycle_;
  u64 microcode_rows = 0;
  u64 left_at_call = left;
  // Of the row's slot 0; only traces use it.
  u32 time = static_cast<u32>(4 * (cycle_ - segment_start_ + 1));
  Row* row = nullptr;
  if constexpr (kTracing) row = trace->rows_.get();
  std::optional<FaultKind> fault;

  const auto touch = [&](unsigned slot, u32& last, Address address, u32 value) MAGNETAR_INLINE {
    const u32 now = time + slot;
    u32 gap = now - last;
    if (gap > kMaxGap) [[unlikely]] {
      trace->refreshes_.push_back({address, value, last, now - 1});
      gap = 1;
    }
    row->gap[slot] = static_cast<u16>(gap - 1);
    last = now;
  };
  const auto rs1 = [&]() MAGNETAR_INLINE {
    const u32 value = x[op->rs1];
    if constexpr (kTracing) {
      row->rs1_value = value;
      touch(0, times[op->rs1], Address::of_register(op->rs1), value);
    }
    return value;
  };
  const auto rs2 = [&]() MAGNETAR_INLINE {
    const u32 value = x[op->rs2];
    if constexpr (kTracing) {
      row->rs2_value = value;
      touch(1, times[op->rs2], Address::of_register(op->rs2), value);
    }
    return value;
  };
  const auto rd = [&](u32 value) MAGNETAR_INLINE {
    if constexpr (kTracing) {
      row->rd_value = x[op->rd];
      row->result = value;
      touch(3, times[op->rd], Address::of_register(op->rd), x[op->rd]);
    }
    x[op->rd] = value;
  };
  const auto touch_memory = [&](u32 index, u32 word) MAGNETAR_INLINE {
    row->memory_value = word;
    Page* page = times_.find_owned(index / kWordsPerPage);
    if (page == nullptr) [[unlikely]]
      page = &times_.own(index / kWordsPerPage);
    touch(2, (*page)[index % kWordsPerPage], Address::memory(index), word);
  };

  const auto register_register = [&](auto f) MAGNETAR_INLINE {
    const u32 a = rs1();
    const u32 b = rs2();
    rd(f(a, b));
    ++op;
  };
  const auto register_immediate = [&](auto f) MAGNETAR_INLINE {
    const u32 a = rs1();
    rd(f(a, op->immediate));
    ++op;
  };
  const auto branch = [&](auto f) MAGNETAR_INLINE {
    const u32 a = rs1();
    const u32 b = rs2();
    op = ops + (f(a, b) ? op->next : op->other);
  };
  // Both give whether the access was made; where not, `fault` says why.
  const auto load = [&](u32 size, auto f) MAGNETAR_INLINE {
    const u32 address = x[op->rs1] + op->immediate;
    if (address % size != 0) [[unlikely]] {
      fault_address_ = address;
      fault = FaultKind::kMisalignedAccess;
      return false;
    }
    const u32 index = address / 4;
    const Page* page = memory_.find(index / kWordsPerPage);
    if (page == nullptr) [[unlikely]] {
      page = new_page(index / kWordsPerPage, memory_);
      if (page == nullptr) {
        fault_address_ = address;
        fault = FaultKind::kMemoryLimit;
        return false;
      }
    }
    const u32 word = (*page)[index % kWordsPerPage];
    if constexpr (kTracing) {
      rs1();
      touch_memory(index, word);
    }
    rd(f(word >> 8 * (address % 4)));
    ++op;
    return true;
  };
  const auto store = [&](u32 size, u32 mask) MAGNETAR_INLINE {
    const u32 address = x[op->rs1] + op->immediate;
    if (address % size != 0) [[unlikely]] {
      fault_address_ = address;
      fault = FaultKind::kMisalignedAccess;
      return false;
    }
    if (address - text_first < text_size && program_->is_text(address, size)) [[unlikely]] {
      fault_address_ = address;
      fault = FaultKind::kStoreIntoText;
      return false;
    }
    const u32 index = address / 4;
    Page* page = memory_.find_owned(index / kWordsPerPage);
    if (page == nullptr) [[unlikely]] {
      page = new_page(index / kWordsPerPage, memory_);
      if (page == nullptr) {
        fault_address_ = address;
        fault = FaultKind::kMemoryLimit;
        return false;
      }
    }
    u32& word = (*page)[index % kWordsPerPage];
    const u32 shift = 8 * (address % 4);
    const u32 changed = (word & ~(mask << shift)) | (x[op->rs2] & mask) << shift;
    if constexpr (kTracing) {
      rs1();
      rs2();
      touch_memory(index, word);
      row->result = changed;
    }
    word = changed;
    ++op;
    return true;
  };
  const auto jump_register = [&]() MAGNETAR_INLINE {
    const u32 pc = (x[op->rs1] + op->immediate) & ~u32{1};
    if (pc % 4 != 0) [[unlikely]] {
      fault_address_ = pc;
      fault = FaultKind::kMisalignedJump;
      return false;
    }
    rs1();
    rd(op->other);
    if (pc - main_run.pc < main_bytes) [[likely]] {
      op = ops + main_run.first_op + (pc - main_run.pc) / 4;
    } else {
      op = ops + program_->op_at(pc);
      outside_pc_ = pc;
    }
    return true;
  };

  for (; left != 0; --left) {
    if constexpr (kTracing) {
      *row = {};
      row->op = static_cast<u32>(op - ops);
    }
    switch (op->code) {
      case Opcode::kAdd:
        register_register([](u32 a, u32 b) { return a + b; });
        break;
      case Opcode::kSub:
        register_register([](u32 a, u32 b) { return a - b; });
        break;
      case Opcode::kXor:
        register_register([](u32 a, u32 b) { return a ^ b; });
        break;
      case Opcode::kOr:
        register_register([](u32 a, u32 b) { return a | b; });
        break;
      case Opcode::kAnd:
        register_register([](u32 a, u32 b) { return a & b; });
        break;
      case Opcode::kShiftLeft:
        register_register([](u32 a, u32 b) { return a << (b & 31); });
        break;
      case Opcode::kShiftRight:
        register_register([](u32 a, u32 b) { return a >> (b & 31); });
        break;
      case Opcode::kShiftRightArithmetic:
        register_register([](u32 a, u32 b) { return static_cast<u32>(static_cast<s32>(a) >> (b & 31)); });
        break;
      case Opcode::kSetLess:
        register_register([](u32 a, u32 b) { return u32{static_cast<s32>(a) < static_cast<s32>(b)}; });
        break;
      case Opcode::kSetLessUnsigned:
        register_register([](u32 a, u32 b) { return u32{a < b}; });
        break;

      case Opcode::kAddImmediate:
        register_immediate([](u32 a, u32 b) { return a + b; });
        break;
      case Opcode::kXorImmediate:
        register_immediate([](u32 a, u32 b) { return a ^ b; });
        break;
      case Opcode::kOrImmediate:
        register_immediate([](u32 a, u32 b) { return a | b; });
        break;
      case Opcode::kAndImmediate:
        register_immediate([](u32 a, u32 b) { return a & b; });
        break;
      case Opcode::kShiftLeftImmediate:
        register_immediate([](u32 a, u32 b) { return a << b; });
        break;
      case Opcode::kShiftRightImmediate:
        register_immediate([](u32 a, u32 b) { return a >> b; });
        break;
      case Opcode::kShiftRightArithmeticImmediate:
        register_immediate([](u32 a, u32 b) { return static_cast<u32>(static_cast<s32>(a) >> b); });
        break;
      case Opcode::kSetLessImmediate:
        register_immediate([](u32 a, u32 b) { return u32{static_cast<s32>(a) < static_cast<s32>(b)}; });
        break;
      case Opcode::kSetLessUnsignedImmediate:
        register_immediate([](u32 a, u32 b) { return u32{a < b}; });
        break;

      case Opcode::kLoadByte:
        if (!load(1, [](u32 v) { return static_cast<u32>(s32{static_cast<std::int8_t>(v)}); })) goto stopped;
        break;
      case Opcode::kLoadHalf:
        if (!load(2, [](u32 v) { return static_cast<u32>(s32{static_cast<std::int16_t>(v)}); })) goto stopped;
        break;
      case Opcode::kLoadWord:
        if (!load(4, [](u32 v) { return v; })) goto stopped;
        break;
      case Opcode::kLoadByteUnsigned:
        if (!load(1, [](u32 v) { return v & 0xff; })) goto stopped;
        break;
      case Opcode::kLoadHalfUnsigned:
        if (!load(2, [](u32 v) { return v & 0xffff; })) goto stopped;
        break;
      case Opcode::kStoreByte:
        if (!store(1, 0xff)) goto stopped;
        break;
      case Opcode::kStoreHalf:
        if (!store(2, 0xffff)) goto stopped;
        break;
      case Opcode::kStoreWord:
        if (!store(4, 0xffffffff)) goto stopped;
        break;

      case Opcode::kCall:
        left_at_call = left - 1;
        [[fallthrough]];
      case Opcode::kJump: {
        const u32 a = rs1();
        rd(a + op->immediate);
        op = ops + op->next;
        break;
      }
      case Opcode::kJumpRegister:
        if (!jump_register()) goto stopped;
        break;
      case Opcode::kLogReturn:
      case Opcode::kProfileReturn:
      case Opcode::kReturn:
        if (op->code == Opcode::kLogReturn) log_bytes();
        if (op->code == Opcode::kProfileReturn && hooks_.label) {
          hooks_.label(guest_bytes(x[kArgument1], x[kArgument2]), until - left);
        }
        if (!jump_register()) goto stopped;
        microcode_rows += left_at_call - (left - 1);
        break;

      case Opcode::kBranchNotEqual:
        branch([](u32 a, u32 b) { return a != b; });
        break;
      case Opcode::kBranchLess:
        branch([](u32 a, u32 b) { return static_cast<s32>(a) < static_cast<s32>(b); });
        break;
      case Opcode::kBranchLessUnsigned:
        branch([](u32 a, u32 b) { return a < b; });
        break;
      case Opcode::kBranchMisaligned:
        if (is_taken(static_cast<Mnemonic>(op->immediate), x[op->rs1], x[op->rs2])) {
          fault = FaultKind::kMisalignedJump;
          goto stopped;
        }
        rs1();
        rs2();
        op = ops + op->next;
        break;
      case Opcode::kJumpMisaligned:
        fault = FaultKind::kMisalignedJump;
        goto stopped;

      case Opcode::kInput: {
        const u32 index = rs1();
        x[op->rs1] = index + 1;
        // Microcode has compared the index with the length. Only a checkpoint that is none of this program and input
        // can lead here with another, and must not make this read what is not the input.
        rd(index < input_->size() ? std::to_integer<u32>((*input_)[index]) : 0);
        ++op;
        break;
      }
      case Opcode::kOutput: {
        if (x[op->rs1] >= limits_.max_output_bytes) {
          fault = FaultKind::kOutputLimit;
          goto stopped;
        }
        const u32 index = rs1();
        output_.push_back(static_cast<std::byte>(rs2()));
        x[op->rs1] = index + 1;
        ++op;
        break;
      }

      case Opcode::kHalt:
        goto stopped;
      case Opcode::kIllegal:
        fault = FaultKind::kIllegalInstruction;
        goto stopped;
      case Opcode::kOutsideText:
        fault = FaultKind::kPcOutsideText;
        goto stopped;
      case Opcode::kUnknownCall:
        fault = FaultKind::kUnknownSystemCall;
        goto stopped;
    }
    if constexpr (kTracing) {
      ++row;
      time += 4;
    }
  }
stopped:
  op_ = static_cast<u32>(op - ops);
  const u64 rows = until - left - cycle_;
  if (Program::is_microcode(op_)) microcode_rows += left_at_call - left;
  cycle_ += rows;
  instructions_ += rows - microcode_rows;
  if constexpr (kTracing) trace->size_ = rows;
  return fault;
}

template std::optional<FaultKind> Machine::interpret<Machine::Mode::kExecute>(u64, Trace*);
template std::optional<FaultKind> Machine::interpret<Machine::Mode::kTrace>(u64, Trace*);

}  // namespace magnetar::vm
