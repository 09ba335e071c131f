#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "vm/address.h"

namespace magnetar::vm {

/// One executed row, 32 bytes. Together with its ProgramEntry and its clock it determines everything the
/// row's circuit needs. Fields of slots that the type lacks are 0.
struct Row {
  std::uint32_t op;         ///< Program::ops() index: pc, type, fields
  std::uint32_t rs1_value;  ///< rs1 before the row; IN and OUT write it back plus 1
  std::uint32_t rs2_value;
  std::uint32_t memory_value;  ///< the accessed memory word before the row
  std::uint32_t rd_value;      ///< rd before the row
  std::uint32_t result;        ///< what is written to rd, or to the memory word
  /// By slot: the access's time less the time of the previous access of the address, less 1. Always below
  /// 2^16: a Refresh comes in between where it would not be.
  std::uint16_t gap[4];
};
static_assert(sizeof(Row) == 32);

/// Renews the time of an address whose next access is more than 2^16 ticks after its last.
struct Refresh {
  Address address;
  std::uint32_t value;
  std::uint32_t old_time;
  std::uint32_t new_time;
};

/// Consecutive rows of a segment, and the refreshes that their accesses needed, in the order of those
/// accesses. Holds up to `capacity` rows; allocates rows once.
class Trace {
 public:
  explicit Trace(std::size_t capacity) : capacity_(capacity), rows_(std::make_unique_for_overwrite<Row[]>(capacity)) {}

  std::size_t capacity() const { return capacity_; }
  std::span<const Row> rows() const { return {rows_.get(), size_}; }
  const std::vector<Refresh>& refreshes() const { return refreshes_; }

  /// Clock of the first row: 1 for the first of a segment.
  std::uint64_t first_clock() const { return first_clock_; }

 private:
  friend class Machine;
  std::size_t capacity_;
  std::unique_ptr<Row[]> rows_;
  std::size_t size_ = 0;
  std::uint64_t first_clock_ = 1;
  std::vector<Refresh> refreshes_;
};

}  // namespace magnetar::vm
