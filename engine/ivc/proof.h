#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "engine/ivc/circuits.h"

namespace magnetar::ivc {

/// What an IVC proof shows: that z_n follows from z_0 by n steps, for stage-1 values that were committed to before the
/// challenges were known.
struct Claim {
  /// Digest of everything else that the challenges must depend on.
  std::array<std::uint8_t, 32> statement;
  std::uint64_t steps;
  std::vector<algebra::Fr> z0, zn;
};

/// The proof: after the last step, the running instances of both sides, the fresh secondary instance, and assignments
/// that satisfy them. There is no unfolded primary instance, so `chain` covers the stage 1 of just the claim's steps.
struct Proof {
  algebra::Fq chain;
  fold::RunningInstance<algebra::Bn254> primary;
  device::RelaxedAssignment<algebra::Fr> primary_assignment;
  fold::RunningInstance<algebra::Grumpkin> secondary;
  device::RelaxedAssignment<algebra::Fq> secondary_assignment;
  fold::FreshInstance<algebra::Grumpkin> fresh;
  std::vector<algebra::Fq> fresh_stage2;

  friend bool operator==(const Proof&, const Proof&) = default;
};

struct Refusal {
  enum class Reason : std::uint8_t {
    kSteps,          ///< n is not in 1..kMaxSteps
    kArity,          ///< z0 or zn has not as many elements as the step circuit's state
    kRange,          ///< a running u, or a fresh public element, is too large an integer
    kPrimaryHash,    ///< the fresh instance's first public element is not the primary circuit's hash
    kSecondaryHash,  ///< nor the second the secondary circuit's
    kPrimary,        ///< an assignment does not satisfy its instance
    kSecondary,
    kFresh,
  };
  Reason reason;
  std::optional<fold::Unsatisfied> unsatisfied;  ///< why, for the last three

  std::string describe() const;
  friend bool operator==(const Refusal&, const Refusal&) = default;
};

/// The verifier of the IVC (Nova, section 5, construction 3, with both hashes checked at the one fresh instance as
/// ePrint 2023/969 requires). If it accepts, then but for a negligible chance whoever made the proof knows stage-1
/// values for n steps with the claim's challenges that lead from z0 to zn, and that the chain commits to. Runs on the
/// threads of the calling oneTBB arena; the work is that of three satisfaction checks.
tl::expected<void, Refusal> verify(const Circuits& circuits, const Keys& keys, const Claim& claim, const Proof& proof);

}  // namespace magnetar::ivc
