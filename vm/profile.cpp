#include "vm/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>
#include <utility>

namespace magnetar::vm {
namespace {

bool is_link(std::uint8_t reg) {
  return reg == 1 || reg == 5;
}  // ra, t0: the specification's hint registers

}  // namespace

Profiler::Profiler(std::shared_ptr<const Program> program, std::vector<Symbol> symbols)
    : program_(std::move(program)), symbols_(std::move(symbols)), system_call_(intern("[system call]")) {
  nodes_.push_back({.name = name_at(program_->entry(), true), .parent = 0});
  stack_.push_back({.node = 0, .return_pc = UINT64_MAX});
}

std::size_t Profiler::intern(std::string name) {
  const auto [position, fresh] = name_index_.try_emplace(name, names_.size());
  if (fresh) names_.push_back(std::move(name));
  return position->second;
}

std::size_t Profiler::name_at(std::uint64_t pc, bool called) {
  const auto next =
      std::ranges::upper_bound(symbols_, pc, {}, [](const Symbol& s) { return std::uint64_t{s.address}; });
  if (next != symbols_.begin()) {
    const Symbol& symbol = *std::prev(next);
    if (symbol.size == 0 || pc < std::uint64_t{symbol.address} + symbol.size) return intern(symbol.name);
  }
  return intern(called ? fmt::format("{:#x}", pc) : "[unknown]");
}

std::size_t Profiler::child(std::size_t node, std::size_t name) {
  const auto [position, fresh] = nodes_[node].children.try_emplace(name, nodes_.size());
  const std::size_t index = position->second;
  if (fresh) nodes_.push_back({.name = name, .parent = node});
  return index;
}

void Profiler::transfer(const Op& from, std::uint64_t from_pc, std::uint64_t to_pc) {
  if (is_link(from.rd)) {
    const std::size_t caller = stack_.back().node;
    const std::size_t callee = stack_.size() < kMaxDepth ? child(caller, name_at(to_pc, true)) : caller;
    stack_.push_back({.node = callee, .return_pc = from_pc + 4});
    return;
  }
  if (from.code == Opcode::kJumpRegister && is_link(from.rs1)) {
    const auto frame =
        std::find_if(stack_.rbegin(), stack_.rend(), [&](const Frame& f) { return f.return_pc == to_pc; });
    if (frame != stack_.rend()) {
      stack_.erase(std::prev(frame.base()), stack_.end());
      return;
    }
  }
  // A jump inside the function, or a tail call. The outermost frame stays: it has no caller to be named under.
  if (stack_.size() == 1 || stack_.size() > kMaxDepth) return;
  const std::size_t name = name_at(to_pc, false);
  Frame& top = stack_.back();
  if (name != nodes_[top.node].name) top.node = child(nodes_[top.node].parent, name);
}

void Profiler::add(const Trace& trace) {
  const auto ops = program_->ops();
  for (const Row& row : trace.rows()) {
    if (Program::is_microcode(row.op)) {
      ++nodes_[child(stack_.back().node, system_call_)].cycles;
      continue;
    }
    if (last_op_ != Program::kOutsideOp) {
      const Op& last = ops[last_op_];
      if (last.code == Opcode::kJump || last.code == Opcode::kJumpRegister) {
        transfer(last, program_->pc_of(last_op_), program_->pc_of(row.op));
      }
    }
    ++nodes_[stack_.back().node].cycles;
    last_op_ = row.op;
  }
}

void Profiler::write_folded(std::ostream& out) const {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].cycles == 0) continue;
    std::vector<std::size_t> path = {i};
    while (path.back() != 0) path.push_back(nodes_[path.back()].parent);
    for (auto node = path.rbegin(); node != path.rend(); ++node) {
      out << (node == path.rbegin() ? "" : ";") << names_[nodes_[*node].name];
    }
    out << ' ' << nodes_[i].cycles << '\n';
  }
}

void LabelTimes::add(std::string_view label, std::uint64_t cycle) {
  if (label.size() < 2 || label[1] != '#' || (label[0] != '^' && label[0] != '$')) return;
  const std::string name(label.substr(2));
  std::vector<std::uint64_t>& open = open_[name];
  if (label[0] == '^') {
    open.push_back(cycle);
  } else if (!open.empty()) {
    Total& total = totals_[name];
    ++total.spans;
    total.cycles += cycle - open.back();
    open.pop_back();
  }
}

}  // namespace magnetar::vm
