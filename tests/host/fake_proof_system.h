#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "host/proving/execution_cache.h"
#include "host/proving/proof_system.h"

namespace magnetar::testing {

/// How a prover of the fake system works, or lies.
struct FakeProver {
  double cycles_per_second = 1e6;
  std::size_t proof_bytes = 200;  ///< at least
  enum class Lie : std::uint8_t {
    kNone,
    kSeal,   ///< the proof is not valid
    kState,  ///< valid, but from another state than the execution's
  };
  Lie lie = Lie::kNone;
  std::vector<std::string> devices = {"cpu"};  ///< one called "failing" fails at every proof
};

/// A proof system for tests of everything around proofs: programs are really executed, and a proof names program,
/// input, range and the digest of the machine's state at the range's start, under a seal that only this file can make:
/// an HMAC in place of cryptography. Proving takes the time that a prover of the given speed would need, goes on from
/// checkpoints, and gives JSON:
///
///     {"program", "input", "first_step", "steps", "state": hexadecimal digests, "padding", "seal"}
///
/// A bundle is {"segments": [proofs]}.
class FakeProofSystem final : public proving::ProofSystem {
 public:
  explicit FakeProofSystem(const FakeProver& prover) : prover_(prover) {}

  std::size_t max_segments() const override { return 64; }
  std::uint64_t segment_proof_bytes() const override { return prover_.proof_bytes; }
  std::unique_ptr<dispatch::ProofEngine> engine(const std::filesystem::path& cache,
                                                const proving::ExecutionLimits& limits) override;
  tl::expected<std::vector<std::string>, std::string> devices(const std::string&) override { return prover_.devices; }
  tl::expected<std::unique_ptr<worker::Prover>, std::string> prover(const ProverOptions& options) override;
  tl::expected<double, std::string> measure(const ProverOptions& options, const std::function<bool()>& go_on) override;
  tl::expected<proving::Verdict, std::string> verify(const std::filesystem::path& cache, const Question& question,
                                                     const std::string& proof) override;

 private:
  const FakeProver prover_;
};

}  // namespace magnetar::testing
