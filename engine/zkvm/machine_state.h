#pragma once

#include <array>
#include <cstdint>

#include "engine/zkvm/subject.h"
#include "vm/address.h"
#include "vm/machine.h"

namespace magnetar::zkvm {

/// A machine's state between two rows, as a verifier knows it: from the program, or from a checkpoint of its own.
class MachineState {
 public:
  /// At the program's entry.
  static MachineState initial(const Subject& subject);
  /// What an executor recorded.
  static MachineState at(const vm::Checkpoint& checkpoint);

  std::uint64_t cycle() const { return cycle_; }
  std::uint64_t pc() const { return pc_; }
  std::uint32_t value(vm::Address address) const;

 private:
  std::uint64_t cycle_ = 0;
  std::uint64_t pc_ = 0;
  std::array<std::uint32_t, vm::kRegisterCount> registers_{};
  vm::PageTree memory_;
};

}  // namespace magnetar::zkvm
