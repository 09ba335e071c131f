#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "host/dispatch/proof_engine.h"

namespace magnetar::dispatch {

/// A proof system in words. A program is "steps N", "fault" or anything else, which is no program. A proof says what it
/// claims, and whether it is valid.
class TextEngine final : public ProofEngine {
 public:
  static Bytes program(std::uint64_t steps, std::string_view name = "");
  static Bytes prove(const Digest& program, const Digest& input, const store::SegmentRange& range, bool valid = true);

  Expected<std::uint64_t> execute(const Material& material, const std::function<bool()>& cancelled) override;
  tl::expected<ProofClaim, std::string> identify(std::span<const std::byte> proof) override;
  tl::expected<void, Refusal> verify(const Material& material, const store::SegmentRange& range,
                                     std::span<const std::byte> proof) override;
  tl::expected<Bytes, std::string> assemble(std::span<const Bytes> proofs) override;

  /// Whether a bundle holds valid proofs of just these steps of a program and input, in their order.
  static bool is_proof_of(const Bytes& bundle, const Bytes& program, const Bytes& input,
                          const store::SegmentRange& range);

  std::atomic<int> executions = 0;
  std::atomic<int> verifications = 0;
  /// So many next verifications end without a result.
  std::atomic<int> failures_to_verify = 0;
};

Bytes bytes_of(std::string_view text);

}  // namespace magnetar::dispatch
