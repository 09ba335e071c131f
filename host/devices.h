#pragma once

#include <string>
#include <vector>

#include "engine/zkvm/prover.h"
#include "host/command.h"

namespace magnetar::host {

/// What `--device` names: `cpu`, `cuda` (the first GPU), `cuda:N`, or `auto` (the first GPU if there is one, else the
/// CPU).
class DeviceChoice {
 public:
  /// Refuses an unknown name, and a GPU that is not there or that this program was built without.
  static Result<DeviceChoice> parse(const std::string& text);

  /// All that `--device` names for who can use several: with `auto` every GPU that there is.
  static Result<std::vector<DeviceChoice>> parse_all(const std::string& text);

  /// "cpu", "cuda:0"
  std::string name() const;

  /// The devices for proofs with these parameters, which must outlive them. Where the GPU cannot be had, its memory
  /// being too small, say, they are the CPU, and stderr is told why.
  zkvm::Devices make(const zkvm::Parameters& parameters) const;
  /// The same, but for that it is an error if the GPU cannot be had.
  tl::expected<zkvm::Devices, device::DeviceError> try_make(const zkvm::Parameters& parameters) const;

 private:
  static constexpr int kCpu = -1;
  explicit DeviceChoice(int gpu) : gpu_(gpu) {}
  int gpu_;
};

}  // namespace magnetar::host
