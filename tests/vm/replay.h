#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vm/machine.h"

namespace magnetar::vm::testing {

/// What a row does, by its entry and the values it reads: the equations of the row types, not the executor's code.
struct Effect {
  std::uint64_t next_pc;
  std::optional<std::uint32_t> result;  ///< what goes to rd, or to the memory word
  std::uint32_t word_index;             ///< of the memory access, if the type has one
};

/// None if the row faults. `input`: the byte that an IN row gets.
std::optional<Effect> evaluate(const ProgramEntry& entry, std::uint32_t rs1_value, std::uint32_t rs2_value,
                               std::uint32_t memory_value, std::uint32_t input);

/// Checks a segment's trace with nothing but PROG entries, the equations of the row types and a map of the
/// address space: an implementation apart from the executor's. Every row's result is recomputed, every read
/// must return the last write, every time must be greater than the address's last, every gap must be short.
class Replay {
 public:
  /// `first_value`: what an address holds before the segment.
  Replay(std::shared_ptr<const Program> program, std::shared_ptr<const std::vector<std::byte>> input, std::uint64_t pc,
         std::function<std::uint32_t(Address)> first_value);

  /// A replay of a whole execution, from the entry point.
  Replay(std::shared_ptr<const Program> program, std::shared_ptr<const std::vector<std::byte>> input);

  /// Takes the rows that follow. The first thing that is wrong, in words.
  std::optional<std::string> add(const Trace& trace);

  /// Compares pc, output and the touched addresses, with values and times, with the machine's.
  std::optional<std::string> compare(const Machine& machine) const;

  std::uint64_t rows() const { return clock_ - 1; }

 private:
  struct Cell {
    std::uint32_t value;
    std::uint32_t time;
  };
  std::optional<std::string> check(const Row& row, const ProgramEntry& entry);
  std::optional<std::string> access(unsigned slot, Address address, std::uint32_t value, std::uint32_t new_value,
                                    std::uint16_t gap);

  std::shared_ptr<const Program> program_;
  std::shared_ptr<const std::vector<std::byte>> input_;
  std::uint64_t pc_;
  std::uint64_t clock_ = 1;
  std::function<std::uint32_t(Address)> first_value_;
  std::uint32_t output_start_;
  std::map<Address, Cell> cells_;
  std::vector<std::byte> output_;
  const Refresh* next_refresh_ = nullptr;
  const Refresh* end_refresh_ = nullptr;
};

/// The whole execution of `program`, traced in pieces of `piece` rows, replayed and compared. Null if all is well.
std::optional<std::string> replay_all(const std::shared_ptr<const Program>& program,
                                      const std::shared_ptr<const std::vector<std::byte>>& input,
                                      std::size_t piece = 1 << 12);

}  // namespace magnetar::vm::testing
