#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "vm/elf.h"
#include "vm/program.h"
#include "vm/trace.h"

namespace magnetar::vm {

/// Attributes cycles to call stacks: follows calls (jumps that link to ra or t0), returns and tail calls
/// through a trace, with functions named by the symbol table. Rows of microcode go to a frame
/// "[system call]" of the caller.
class Profiler {
 public:
  Profiler(std::shared_ptr<const Program> program, std::vector<Symbol> symbols);

  /// Takes the rows that follow those of the last call.
  void add(const Trace& trace);

  /// One line a stack, outermost function first, as flame graph tools take it: "main;f;g 123".
  void write_folded(std::ostream& out) const;

 private:
  static constexpr std::size_t kMaxDepth = 512;  // deeper frames are counted to the one at this depth

  struct Node {
    std::size_t name;
    std::size_t parent;
    std::uint64_t cycles = 0;
    std::map<std::size_t, std::size_t> children{};  // by name
  };
  struct Frame {
    std::size_t node;
    std::uint64_t return_pc;
  };

  std::size_t name_at(std::uint64_t pc, bool called);
  std::size_t intern(std::string name);
  std::size_t child(std::size_t node, std::size_t name);
  void transfer(const Op& from, std::uint64_t from_pc, std::uint64_t to_pc);

  std::shared_ptr<const Program> program_;
  std::vector<Symbol> symbols_;
  std::vector<std::string> names_;
  std::map<std::string, std::size_t, std::less<>> name_index_;
  std::vector<Node> nodes_;
  std::vector<Frame> stack_;
  std::size_t system_call_;
  std::uint32_t last_op_ = Program::kOutsideOp;
};

/// The spans that a guest marks with profile labels `^#name` and `$#name`.
class LabelTimes {
 public:
  struct Total {
    std::uint64_t spans = 0;   ///< ended ones
    std::uint64_t cycles = 0;  ///< in them; nested spans of one name count for each
  };

  void add(std::string_view label, std::uint64_t cycle);
  const std::map<std::string, Total, std::less<>>& totals() const { return totals_; }

 private:
  std::map<std::string, Total, std::less<>> totals_;
  std::map<std::string, std::vector<std::uint64_t>, std::less<>> open_;
};

}  // namespace magnetar::vm
