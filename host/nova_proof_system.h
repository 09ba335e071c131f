#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>

#include "engine/zkvm/parameters.h"
#include "host/proving/proof_system.h"

namespace magnetar::host {

/// This project's own.
class NovaProofSystem final : public proving::ProofSystem {
 public:
  std::size_t max_segments() const override;
  std::uint64_t segment_proof_bytes() const override;
  std::unique_ptr<dispatch::ProofEngine> engine(const std::filesystem::path& cache,
                                                const proving::ExecutionLimits& limits) override;
  tl::expected<std::vector<std::string>, std::string> devices(const std::string& device) override;
  tl::expected<std::unique_ptr<worker::Prover>, std::string> prover(const ProverOptions& options) override;
  tl::expected<double, std::string> measure(const ProverOptions& options, const std::function<bool()>& go_on) override;
  tl::expected<proving::Verdict, std::string> verify(const std::filesystem::path& cache, const Question& question,
                                                     const std::string& proof) override;

 private:
  zkvm::ParameterStore& parameters(const std::filesystem::path& cache);

  std::mutex mutex_;
  std::map<std::filesystem::path, std::unique_ptr<zkvm::ParameterStore>> stores_;
};

}  // namespace magnetar::host
