#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "host/store/store.h"

namespace magnetar::dispatch {

using store::Bytes;
using store::Code;
using store::Digest;
using store::Expected;
using store::Status;

/// A program and its input.
struct Material {
  std::shared_ptr<const Bytes> elf;
  Digest program{};  ///< SHA-256 of the ELF file
  std::shared_ptr<const Bytes> input;
  Digest input_digest{};
};

/// What the bytes of a proof say that they prove. Nothing of it is verified.
struct ProofClaim {
  Digest program{};
  Digest input{};
  store::SegmentRange range;
};

/// What the dispatcher needs of a proof system. Called by several threads at once, none of which may be kept waiting
/// by anything but the work itself; a call that takes long asks `cancelled` now and then and may then end with any
/// error.
class ProofEngine {
 public:
  virtual ~ProofEngine() = default;

  /// Executes the program to its end. Returns the steps of its trace. INVALID_ARGUMENT: no RV32I executable;
  /// FAILED_PRECONDITION: it faults; RESOURCE_EXHAUSTED: it takes more cycles than allowed.
  virtual Expected<std::uint64_t> execute(const Material& material, const std::function<bool()>& cancelled) = 0;

  /// Decodes a segment proof. The error says why it is none.
  virtual tl::expected<ProofClaim, std::string> identify(std::span<const std::byte> proof) = 0;

  struct Refusal {
    bool invalid;  ///< false: it could not be verified here and now, which says nothing of the prover
    std::string message;
  };
  /// Verifies that a segment proof shows this range of the program's execution, from the state in which the execution
  /// is at its start.
  virtual tl::expected<void, Refusal> verify(const Material& material, const store::SegmentRange& range,
                                             std::span<const std::byte> proof) = 0;

  /// The bundle of verified segment proofs, in the order of the execution.
  virtual tl::expected<Bytes, std::string> assemble(std::span<const Bytes> proofs) = 0;
};

}  // namespace magnetar::dispatch
