#pragma once

#include <nlohmann/json_fwd.hpp>

#include "engine/zkvm/prover.h"

namespace magnetar::host {

/// Seconds of some proofs by phase, as JSON objects tell them under `phases`.
struct Phases {
  double parameters = 0;
  double execute = 0;
  zkvm::ProvePhases prove{};

  void add(const zkvm::ProvePhases& phases);
  nlohmann::json to_json() const;
};

}  // namespace magnetar::host
