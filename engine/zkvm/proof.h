#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "engine/ivc/proof.h"
#include "engine/ivc/prover.h"
#include "engine/zkvm/statement.h"

namespace magnetar::zkvm {

/// The proof of a segment.
struct SegmentProof {
  Statement statement;
  std::vector<std::uint8_t> lists;  ///< encoded (list_codec.h)
  std::uint64_t fold_steps = 0;
  algebra::Fr sum;  ///< of all terms of all rows: the IVC's last state
  ivc::Proof ivc;

  friend bool operator==(const SegmentProof&, const SegmentProof&) = default;
};

/// A chain of segments, each starting where the one before ends. One segment is a chain too.
struct Bundle {
  std::vector<SegmentProof> segments;

  friend bool operator==(const Bundle&, const Bundle&) = default;
};

inline constexpr std::size_t kMaxSegments = 1024;

/// Why bytes are no proof of this version.
struct ContainerError {
  enum class Kind : std::uint8_t {
    kNotAProof,     ///< not a message of proof.proto, or not its one canonical encoding
    kVersion,       ///< of another protocol version
    kNoSegments,    ///< none, or more than kMaxSegments
    kFieldElement,  ///< an element is not canonical
    kPoint,         ///< a point is not canonical or not on its curve
    kLength,        ///< a field has another length than its type or the layout says
    kRange,         ///< a number is out of its type's range
    kDamaged,       ///< a proving state does not match its digest
  };
  Kind kind;
  std::string message;  ///< which field of which segment, and what would be right
};
/// "not-a-proof" and so on.
std::string_view name(ContainerError::Kind kind);

/// Bytes of an encoded bundle at most.
inline constexpr std::uint64_t kMaxBundleBytes = INT32_MAX;

/// How many bytes encode() gives.
std::uint64_t encoded_size(const Bundle& bundle);

/// The bytes of `Proof.nova_bytes`: a message of proto/proof.proto. The bundle must have 1 to kMaxSegments segments,
/// and an encoded size of kMaxBundleBytes at most.
std::vector<std::uint8_t> encode(const Bundle& bundle);

/// Strict: encode() of the result gives the same bytes. Elements are canonical, points are on their curves, and vectors
/// have lengths that a layout of the statement's size can have, checked before they are allocated. Nothing is verified
/// yet.
tl::expected<Bundle, ContainerError> decode_bundle(std::span<const std::uint8_t> bytes);

/// A prover's state on its way, for the files from which an interrupted one goes on.
struct ProvingState {
  hash::Sha256::Digest identity;                  ///< of what is proved, with which layout and window
  std::vector<algebra::Bn254Affine> commitments;  ///< to the stage 1 of the first fold steps, or all
  ivc::ProverState prover;                        ///< nothing proved while commitments are missing
};

/// Ends with SHA-256 of what comes before, so that a damaged file is told from a whole one.
std::vector<std::uint8_t> encode(const ProvingState& state);
tl::expected<ProvingState, ContainerError> decode_proving_state(std::span<const std::uint8_t> bytes);

}  // namespace magnetar::zkvm
