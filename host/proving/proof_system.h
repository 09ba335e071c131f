#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
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

/// What a proof was found to show.
struct Verdict {
  bool accepted = false;
  std::string reason;     ///< "accepted", or why it was refused: a stable kebab-case name
  std::string message{};  ///< a sentence on it
  bool complete = false;  ///< accepted without assuming a state at its start
  std::uint64_t first_step = 0;
  std::uint64_t steps = 0;
  std::uint64_t cycles = 0;
  bool halted = false;
  std::uint32_t exit_code = 0;  ///< 0 unless halted
  std::vector<std::byte> output{};
};

/// All that the network's commands need of a proof system. Keeps parameters in the folder `cache`.
class ProofSystem {
 public:
  virtual ~ProofSystem() = default;

  /// Segments in a bundle at most, and what one of them takes in bytes, about.
  virtual std::size_t max_segments() const = 0;
  virtual std::uint64_t segment_proof_bytes() const = 0;

  /// For an orchestrator.
  virtual std::unique_ptr<dispatch::ProofEngine> engine(const std::filesystem::path& cache,
                                                        const ExecutionLimits& limits) = 0;

  /// The devices that `--device` names for a worker, which drives each by a prover of its own. At least one. The error
  /// is a sentence.
  virtual tl::expected<std::vector<std::string>, std::string> devices(const std::string& device) = 0;

  struct ProverOptions {
    std::filesystem::path cache;
    std::string preset;  ///< of the parameters
    std::string device;  ///< one of devices()
    ExecutionLimits limits{};
  };
  /// For a worker. The error is a sentence.
  virtual tl::expected<std::unique_ptr<worker::Prover>, std::string> prover(const ProverOptions& options) = 0;

  /// Cycles proved in a second here, measured on programs of its own. `go_on` is asked now and then.
  virtual tl::expected<double, std::string> measure(const ProverOptions& options,
                                                    const std::function<bool()>& go_on) = 0;

  struct Question {
    std::shared_ptr<const std::vector<std::byte>> elf;
    std::shared_ptr<const std::vector<std::byte>> input;
    std::uint64_t first_step = 0;
    std::optional<std::uint64_t> steps{};  ///< none: to the end of the execution
  };
  /// For a requester. The error is a sentence: the ELF file is none.
  virtual tl::expected<Verdict, std::string> verify(const std::filesystem::path& cache, const Question& question,
                                                    const std::string& proof) = 0;
};

}  // namespace magnetar::proving
