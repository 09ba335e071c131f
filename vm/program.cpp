#include "vm/program.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <map>

#include "vm/address.h"
#include "vm/instruction.h"

namespace magnetar::vm {
namespace {

constexpr std::uint32_t kFirstGuestOp = Program::kOutsideOp + 1;

Op stop(Opcode code) {
  return {.code = code, .type = RowType::kAddI, .rd = 0, .rs1 = 0, .rs2 = 0, .immediate = 0, .next = 0, .other = 0};
}

Opcode opcode_of(Mnemonic mnemonic) {
  using enum Mnemonic;
  switch (mnemonic) {
    case kLui:
    case kAuipc:
    case kAddi:
    case kFence:
    case kEbreak:
      return Opcode::kAddImmediate;
    case kJal:
      return Opcode::kJump;
    case kEcall:
      return Opcode::kCall;
    case kJalr:
      return Opcode::kJumpRegister;
    case kBeq:
    case kBne:
      return Opcode::kBranchNotEqual;
    case kBlt:
    case kBge:
      return Opcode::kBranchLess;
    case kBltu:
    case kBgeu:
      return Opcode::kBranchLessUnsigned;
    case kLb:
      return Opcode::kLoadByte;
    case kLh:
      return Opcode::kLoadHalf;
    case kLw:
      return Opcode::kLoadWord;
    case kLbu:
      return Opcode::kLoadByteUnsigned;
    case kLhu:
      return Opcode::kLoadHalfUnsigned;
    case kSb:
      return Opcode::kStoreByte;
    case kSh:
      return Opcode::kStoreHalf;
    case kSw:
      return Opcode::kStoreWord;
    case kSlti:
      return Opcode::kSetLessImmediate;
    case kSltiu:
      return Opcode::kSetLessUnsignedImmediate;
    case kXori:
      return Opcode::kXorImmediate;
    case kOri:
      return Opcode::kOrImmediate;
    case kAndi:
      return Opcode::kAndImmediate;
    case kSlli:
      return Opcode::kShiftLeftImmediate;
    case kSrli:
      return Opcode::kShiftRightImmediate;
    case kSrai:
      return Opcode::kShiftRightArithmeticImmediate;
    case kAdd:
      return Opcode::kAdd;
    case kSub:
      return Opcode::kSub;
    case kSll:
      return Opcode::kShiftLeft;
    case kSlt:
      return Opcode::kSetLess;
    case kSltu:
      return Opcode::kSetLessUnsigned;
    case kXor:
      return Opcode::kXor;
    case kSrl:
      return Opcode::kShiftRight;
    case kSra:
      return Opcode::kShiftRightArithmetic;
    case kOr:
      return Opcode::kOr;
    case kAnd:
      return Opcode::kAnd;
    case kHalt:
      return Opcode::kHalt;
    case kIllegal:
      break;
  }
  return Opcode::kIllegal;
}

bool is_branch(const ProgramEntry& entry) {
  return entry.type == RowType::kBranchEqual || entry.type == RowType::kBranchLessUnsigned ||
         entry.type == RowType::kBranchLess;
}

Opcode microcode_opcode(std::size_t index, const ProgramEntry& entry) {
  switch (entry.type) {
    case RowType::kAddI:
      return Opcode::kJump;
    case RowType::kAddR:
      return Opcode::kAdd;
    case RowType::kBranchEqual:
      return Opcode::kBranchNotEqual;
    case RowType::kBranchLessUnsigned:
      return Opcode::kBranchLessUnsigned;
    case RowType::kLoadSubword:
      return Opcode::kLoadByteUnsigned;
    case RowType::kIn:
      return Opcode::kInput;
    case RowType::kOut:
      return Opcode::kOutput;
    default:
      assert(entry.type == RowType::kJalr);
      return index == kMicrocodeLog       ? Opcode::kLogReturn
             : index == kMicrocodeProfile ? Opcode::kProfileReturn
                                          : Opcode::kReturn;
  }
}

}  // namespace

tl::expected<std::shared_ptr<const Program>, ElfError> Program::load(std::span<const std::byte> elf,
                                                                     std::size_t max_elf_bytes) {
  auto image = read_elf(elf, max_elf_bytes);
  if (!image) return tl::unexpected(std::move(image.error()));
  return std::make_shared<const Program>(*std::move(image));
}

Program::Program(ElfImage image) : image_(std::move(image)) {
  find_runs();
  // read_elf's promise; without it there might be no run at all.
  assert(fetch(image_.entry));
  decode_runs();
  build_memory();
}

void Program::find_runs() {
  std::uint64_t text_end = 0;
  std::uint32_t op = kFirstGuestOp;
  for (const Segment& segment : image_.segments) {
    if (!segment.executable) continue;
    if (text_end == 0) text_first_ = segment.address;
    text_end = segment.end();

    const std::uint64_t file_end = std::uint64_t{segment.address} + segment.file_bytes.size();
    const std::uint64_t first = (std::uint64_t{segment.address} + 3) & ~std::uint64_t{3};
    const std::uint64_t end = std::min(file_end & ~std::uint64_t{3}, kTextLimit);
    if (first >= end) continue;
    if (runs_.empty() || runs_.back().end() != first) {
      if (!runs_.empty()) op = runs_.back().first_op + static_cast<std::uint32_t>(runs_.back().words.size()) + 1;
      runs_.push_back({static_cast<std::uint32_t>(first), op, {}});
    }
    std::vector<std::uint32_t>& words = runs_.back().words;
    const std::size_t old = words.size();
    words.resize(old + (end - first) / 4);
    std::memcpy(words.data() + old, segment.file_bytes.data() + (first - segment.address), end - first);
  }
  text_size_ = text_end - text_first_;
}

void Program::decode_runs() {
  // Static jumps out of text need ops of their own, whose pcs a fault can name.
  for (const Run& run : runs_) {
    for (std::size_t i = 0; i < run.words.size(); ++i) {
      const auto entry = program_entry(run.pc + 4 * static_cast<std::uint32_t>(i), run.words[i]);
      if (!entry) continue;
      for (const std::uint64_t pc : {entry->target, is_branch(*entry) ? entry->immediate : entry->target}) {
        if (pc % 4 == 0 && pc < kMicrocodeBase && !fetch(pc)) outside_.push_back(static_cast<std::uint32_t>(pc));
      }
    }
  }
  std::ranges::sort(outside_);
  outside_.erase(std::unique(outside_.begin(), outside_.end()), outside_.end());
  first_outside_ = runs_.back().first_op + static_cast<std::uint32_t>(runs_.back().words.size()) + 1;

  ops_.reserve(first_outside_ + outside_.size());
  for (std::size_t i = 0; i < kMicrocodeSize; ++i) {
    const ProgramEntry& entry = microcode()[i];
    ops_.push_back(from_entry(microcode_opcode(i, entry), entry));
  }
  ops_.push_back(stop(Opcode::kUnknownCall));
  ops_.push_back(stop(Opcode::kOutsideText));
  for (const Run& run : runs_) {
    for (std::size_t i = 0; i < run.words.size(); ++i) {
      ops_.push_back(decode_word(run.pc + 4 * static_cast<std::uint32_t>(i), run.words[i]));
    }
    ops_.push_back(stop(Opcode::kOutsideText));
  }
  ops_.resize(first_outside_ + outside_.size(), stop(Opcode::kOutsideText));
}

Op Program::decode_word(std::uint32_t pc, std::uint32_t word) {
  const Instruction instruction = decode(word);
  const Opcode code = opcode_of(instruction.mnemonic);
  const auto entry = program_entry(pc, word);
  if (!entry) return stop(code);

  const std::uint64_t taken = std::uint32_t{pc + instruction.immediate};
  if (is_branch(*entry) && taken % 4 != 0) {
    return {.code = Opcode::kBranchMisaligned,
            .type = entry->type,
            .rd = 0,
            .rs1 = entry->rs1,
            .rs2 = entry->rs2,
            .immediate = static_cast<std::uint32_t>(instruction.mnemonic),
            .next = op_at(pc + 4),
            .other = 0};
  }
  if (code == Opcode::kJump && taken % 4 != 0) return stop(Opcode::kJumpMisaligned);

  Op op = from_entry(code, *entry);
  switch (entry->type) {
    case RowType::kShiftI:
    case RowType::kSetLessI:
      // The entry's immediate is made for the equations, not for execution.
      op.immediate = instruction.immediate;
      break;
    default:
      break;
  }
  return op;
}

Op Program::from_entry(Opcode code, const ProgramEntry& entry) {
  Op op{.code = code,
        .type = entry.type,
        .rd = entry.rd,
        .rs1 = entry.rs1,
        .rs2 = entry.rs2,
        .immediate = static_cast<std::uint32_t>(entry.immediate),
        .next = 0,
        .other = 0};
  if (entry.type == RowType::kJalr) {
    op.other = static_cast<std::uint32_t>(entry.target);
    return op;
  }
  op.next = op_at(entry.target);
  if (is_branch(entry)) {
    op.immediate = 0;
    op.other = op_at(entry.immediate);
  }
  return op;
}

std::uint32_t Program::op_at(std::uint64_t pc) const {
  if (pc % 4 != 0) return kOutsideOp;
  if (pc >= kMicrocodeBase) {
    const std::uint64_t index = (pc - kMicrocodeBase) / 4;
    return index <= kUnknownCallOp ? static_cast<std::uint32_t>(index) : kOutsideOp;
  }
  auto run = std::ranges::upper_bound(runs_, pc, {}, [](const Run& r) { return std::uint64_t{r.pc}; });
  if (run != runs_.begin() && pc < (--run)->end())
    return run->first_op + static_cast<std::uint32_t>((pc - run->pc) / 4);
  const auto outside = std::ranges::lower_bound(outside_, pc);
  if (outside == outside_.end() || *outside != pc) return kOutsideOp;
  return first_outside_ + static_cast<std::uint32_t>(outside - outside_.begin());
}

std::uint64_t Program::pc_of(std::uint32_t op) const {
  assert(op < ops_.size() && op != kOutsideOp);
  if (op <= kUnknownCallOp) return kMicrocodeBase + 4 * std::uint64_t{op};
  if (op >= first_outside_) return outside_[op - first_outside_];
  const auto run = std::prev(std::ranges::upper_bound(runs_, op, {}, &Run::first_op));
  return run->pc + 4 * std::uint64_t{op - run->first_op};
}

std::optional<std::uint32_t> Program::fetch(std::uint64_t pc) const {
  if (pc % 4 != 0) return std::nullopt;
  auto run = std::ranges::upper_bound(runs_, pc, {}, [](const Run& r) { return std::uint64_t{r.pc}; });
  if (run == runs_.begin() || pc >= (--run)->end()) return std::nullopt;
  return run->words[(pc - run->pc) / 4];
}

std::optional<ProgramEntry> Program::entry_of(std::uint32_t op) const {
  if (op < kMicrocodeSize) return microcode()[op];
  if (op == kUnknownCallOp || op == kOutsideOp) return std::nullopt;
  const std::uint64_t pc = pc_of(op);
  const auto word = fetch(pc);
  if (!word) return std::nullopt;
  return program_entry(static_cast<std::uint32_t>(pc), *word);
}

bool Program::is_text(std::uint32_t address, std::uint32_t size) const {
  return std::ranges::any_of(image_.segments, [&](const Segment& s) {
    return s.executable && address < s.end() && std::uint64_t{address} + size > s.address;
  });
}

void Program::build_memory() {
  // Segments may share a word, but no byte.
  std::map<std::uint32_t, std::shared_ptr<Page>> pages;
  for (const Segment& segment : image_.segments) {
    for (std::size_t i = 0; i < segment.file_bytes.size(); ++i) {
      const std::uint32_t address = segment.address + static_cast<std::uint32_t>(i);
      auto& page = pages[address / (4 * kWordsPerPage)];
      if (!page) page = std::make_shared<Page>();
      (*page)[address / 4 % kWordsPerPage] |= std::to_integer<std::uint32_t>(segment.file_bytes[i])
                                              << 8 * (address % 4);
    }
  }
  memory_ = PageTree().with({pages.begin(), pages.end()});
}

}  // namespace magnetar::vm
