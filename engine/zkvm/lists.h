#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "engine/algebra/field.h"
#include "engine/r1cs/coefficient.h"
#include "engine/zkvm/tables.h"
#include "vm/machine.h"

namespace magnetar::zkvm {

/// An address that a segment accessed, with what it held before, what it holds after, and when it was last accessed.
struct Touched {
  vm::Address address;
  std::uint32_t first_value;
  std::uint32_t last_value;
  std::uint32_t last_time;

  friend bool operator==(const Touched&, const Touched&) = default;
};

/// What a statement tells in the clear of a segment's use of the bus: how often every program entry and table entry is
/// looked up, and every address that is accessed.
struct Lists {
  std::vector<std::uint64_t> program;                             ///< by index of op
  std::array<std::vector<std::uint64_t>, kTables.size()> tables;  ///< by entry, in the order of kTables
  std::vector<Touched> touched;                                   ///< by increasing address

  explicit Lists(const vm::Program& program);

  std::vector<std::uint64_t>& multiplicities(Tag table);

  /// Counts the lookups of a trace's rows and refreshes.
  void count(const vm::Program& program, const vm::Trace& trace);

  friend bool operator==(const Lists&, const Lists&) = default;
};

/// What the verifier knows of a segment besides the lists.
struct Boundary {
  std::uint64_t start_pc;
  std::uint64_t end_pc;
  std::uint64_t cycles;
  std::span<const std::byte> input;   ///< bytes consumed in the segment
  std::uint32_t input_start;          ///< index of the first of them
  std::span<const std::byte> output;  ///< bytes appended in the segment
  std::uint32_t output_start;
};

/// Adds up the terms of the verifier's side of the bus: with those of all rows they give zero if, and but for a chance
/// of some 2^-200 over the challenges only if, the segment's tuples match. None if a denominator is zero.
std::optional<algebra::Fr> verifier_sum(const vm::Program& program, const Lists& lists, const Boundary& boundary,
                                        const r1cs::Challenges<algebra::Fr>& challenges);

}  // namespace magnetar::zkvm
