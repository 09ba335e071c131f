#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "engine/zkvm/parameters.h"
#include "engine/zkvm/prover.h"
#include "host/command.h"
#include "host/devices.h"

namespace magnetar::host {

/// The proving speed on one built-in program.
struct ProgramSpeed {
  std::string program;
  std::uint64_t cycles = 0;
  std::uint64_t fold_steps = 0;
  double seconds = 0;  ///< all in: executing, committing, folding
  zkvm::ProvePhases phases{};
};

/// Proves the first steps of each built-in program, as many as take some `seconds` in all; cycles over seconds of all
/// of them is the speed that a worker registers. `goes_on` is asked now and then.
Result<std::vector<ProgramSpeed>> measure_speed(zkvm::ParameterStore& store, const zkvm::Preset& preset,
                                                const DeviceChoice& device, double seconds,
                                                const std::function<bool()>& goes_on);

}  // namespace magnetar::host
