#pragma once

#include <functional>
#include <string>

#include "engine/zkvm/parameters.h"
#include "engine/zkvm/prover.h"
#include "host/proving/proof_system.h"
#include "host/worker/work.h"

namespace magnetar::proving {

/// Proves for a worker. What a GPU fails at is done by the CPU, and standard error is told so.
class NovaProver final : public worker::Prover {
 public:
  /// The devices for proofs with some parameters, which outlive them.
  using MakeDevices = std::function<zkvm::Devices(const zkvm::Parameters&)>;

  /// The store must outlive the prover.
  NovaProver(zkvm::ParameterStore& store, const zkvm::Preset& preset, MakeDevices make_devices,
             const ExecutionLimits& limits);

  tl::expected<std::string, worker::ProveFailure> prove(const worker::Work& work, const worker::Watch& watch) override;

 private:
  zkvm::ParameterStore& store_;
  const zkvm::Preset preset_;
  const MakeDevices make_devices_;
  const vm::Limits limits_;
};

}  // namespace magnetar::proving
