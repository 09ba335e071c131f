#pragma once

#include <functional>
#include <string>

#include "engine/zkvm/parameters.h"
#include "engine/zkvm/prover.h"
#include "host/proving/proof_system.h"
#include "host/worker/work.h"

namespace magnetar::proving {

/// Proves for a worker. What a GPU fails at, from the beginning or on the way, is done by the CPU, and the watch told
/// so.
class NovaProver final : public worker::Prover {
 public:
  /// The devices for proofs with some parameters, which outlive them.
  using MakeDevices = std::function<tl::expected<zkvm::Devices, device::DeviceError>(const zkvm::Parameters&)>;

  /// `device` is the name of what `make_devices` makes. The store must outlive the prover.
  NovaProver(zkvm::ParameterStore& store, const zkvm::Preset& preset, std::string device, MakeDevices make_devices,
             const ExecutionLimits& limits);

  std::string device() const override { return device_; }
  tl::expected<std::string, worker::ProveFailure> prove(const worker::Work& work, const worker::Watch& watch) override;

 private:
  zkvm::ParameterStore& store_;
  const zkvm::Preset preset_;
  const std::string device_;
  const MakeDevices make_devices_;
  const vm::Limits limits_;
};

}  // namespace magnetar::proving
