#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "host/dispatch/proof_engine.h"
#include "host/worker/work.h"

namespace magnetar::proving {

/// What executions of unknown programs may take.
struct ExecutionLimits {
  std::uint64_t max_cycles = std::uint64_t{1} << 32;
  std::uint64_t max_memory_bytes = std::uint64_t{1} << 30;
};

struct ProverOptions {
  std::string preset;  ///< of the parameters; empty: the default
  std::string device;  ///< "cpu", or "auto" for the best there is
  unsigned threads = 0;  ///< of the CPU; 0: all
  ExecutionLimits limits{};
};

/// What a proof was found to show.
struct Verdict {
  bool accepted = false;
  std::string reason;   ///< why it was refused: a stable kebab-case name; "" if accepted
  std::string message;  ///< a sentence on it
  bool complete = false;  ///< accepted without assuming a state at its start
  std::uint64_t first_step = 0;
  std::uint64_t steps = 0;
  std::uint64_t cycles = 0;
  std::optional<std::uint32_t> exit_code{};  ///< if the program halted
  std::vector<std::byte> output{};
};

/// All that the network's commands need of a proof system.
class ProofSystem {
 public:
  virtual ~ProofSystem() = default;

  /// For an orchestrator.
  virtual std::unique_ptr<dispatch::ProofEngine> engine(const ExecutionLimits& limits) = 0;

  /// For a worker. The error is a sentence: an unknown preset or device.
  virtual tl::expected<std::unique_ptr<worker::Prover>, std::string> prover(const ProverOptions& options) = 0;

  /// Cycles that the prover proves in a second, measured on a program of its own.
  virtual tl::expected<double, std::string> measure(worker::Prover& prover) = 0;

  /// For a requester. The error is a sentence: the ELF file is none.
  virtual tl::expected<Verdict, std::string> verify(std::shared_ptr<const std::vector<std::byte>> elf,
                                                    std::shared_ptr<const std::vector<std::byte>> input,
                                                    const std::string& proof, std::uint64_t first_step,
                                                    std::optional<std::uint64_t> steps) = 0;
};

}  // namespace magnetar::proving
