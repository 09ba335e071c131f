#include "engine/zkvm/machine_state.h"

namespace magnetar::zkvm {

MachineState MachineState::initial(const Subject& subject) {
  MachineState state;
  state.pc_ = subject.program->entry();
  state.registers_[vm::kInputLength] = static_cast<std::uint32_t>(subject.input->size());
  state.memory_ = subject.program->memory();
  return state;
}

MachineState MachineState::at(const vm::Checkpoint& checkpoint) {
  MachineState state;
  state.cycle_ = checkpoint.cycle;
  state.pc_ = checkpoint.pc;
  state.registers_ = checkpoint.registers;
  state.memory_ = checkpoint.memory;
  return state;
}

std::uint32_t MachineState::value(vm::Address address) const {
  if (address.is_register()) return registers_[address.index()];
  const auto page = memory_.find(address.index() / vm::kWordsPerPage);
  return page ? (*page)[address.index() % vm::kWordsPerPage] : 0;
}

}  // namespace magnetar::zkvm
