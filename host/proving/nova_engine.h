#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "engine/zkvm/parameters.h"
#include "host/dispatch/proof_engine.h"
#include "host/proving/execution_cache.h"
#include "host/proving/proof_system.h"

namespace magnetar::proving {

/// Executes, verifies and assembles for an orchestrator. Verifies each segment against a state of its own execution of
/// the program, so that a proof from another state is refused.
class NovaEngine final : public dispatch::ProofEngine {
 public:
  /// The store must outlive the engine.
  NovaEngine(zkvm::ParameterStore& store, const ExecutionLimits& limits);

  store::Expected<std::uint64_t> execute(const dispatch::Material& material,
                                         const std::function<bool()>& cancelled) override;
  tl::expected<dispatch::ProofClaim, std::string> identify(std::span<const std::byte> proof) override;
  tl::expected<void, Refusal> verify(const dispatch::Material& material, const store::SegmentRange& range,
                                     std::span<const std::byte> proof) override;
  tl::expected<store::Bytes, std::string> assemble(std::span<const store::Bytes> proofs) override;

 private:
  store::Expected<std::shared_ptr<const Execution>> execution(const dispatch::Material& material,
                                                              const std::function<bool()>& cancelled);

  zkvm::ParameterStore& store_;
  const vm::Limits limits_;
  ExecutionCache executions_;
};

}  // namespace magnetar::proving
