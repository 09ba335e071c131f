#pragma once

#include <string>

#include "engine/zkvm/parameters.h"
#include "host/proving/proof_system.h"
#include "host/worker/work.h"

namespace magnetar::proving {

/// Proves for a worker, on the CPU, on the threads of the calling oneTBB arena.
class NovaProver final : public worker::Prover {
 public:
  /// The store must outlive the prover.
  NovaProver(zkvm::ParameterStore& store, const zkvm::Preset& preset, const ExecutionLimits& limits);

  tl::expected<std::string, worker::ProveFailure> prove(const worker::Work& work, const worker::Watch& watch) override;

 private:
  zkvm::ParameterStore& store_;
  const zkvm::Preset preset_;
  const vm::Limits limits_;
};

}  // namespace magnetar::proving
