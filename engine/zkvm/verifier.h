#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "engine/zkvm/lists.h"
#include "engine/zkvm/machine_state.h"
#include "engine/zkvm/parameters.h"
#include "engine/zkvm/proof.h"
#include "engine/zkvm/prover.h"
#include "engine/zkvm/subject.h"

namespace magnetar::zkvm {

/// Why a bundle was refused. The names are stable.
enum class RefusalReason : std::uint8_t {
  kStatement,      ///< "statement": its numbers contradict one another
  kProgram,        ///< "wrong-program": of another program
  kInput,          ///< "wrong-input": of another input
  kRange,          ///< "wrong-range": not the range that was asked for
  kLists,          ///< "lists": not canonically encoded, or against their rules
  kEndPc,          ///< "end-pc": the machine cannot stand there
  kExitCode,       ///< "exit-code"
  kFoldSteps,      ///< "fold-steps": their number is out of range
  kChallenges,     ///< "zero-denominator": a term of the verifier's side of the bus has none
  kBus,            ///< "bus": its terms do not add up to zero
  kIvcRange,       ///< "ivc-range": an integer of an instance is out of range
  kPrimaryHash,    ///< "primary-hash"
  kSecondaryHash,  ///< "secondary-hash"
  kPrimary,        ///< "primary-instance": unsatisfied
  kSecondary,      ///< "secondary-instance": unsatisfied
  kFresh,          ///< "fresh-instance": unsatisfied
  kContinuity,     ///< "continuity": a segment does not start where the one before ends
  kState,          ///< "state": a segment does not start in the known state
};
std::string_view name(RefusalReason reason);

struct Refusal {
  RefusalReason reason;
  std::size_t segment;  ///< of the bundle, from 0
  std::string message;
};

/// What an accepted bundle shows of its range.
struct Claim {
  std::uint64_t first_step = 0;
  std::uint64_t steps = 0;
  std::uint64_t cycles = 0;
  bool halted = false;
  std::uint32_t exit_code = 0;    ///< if halted
  std::vector<std::byte> output;  ///< what the range appends
};

/// What a range that does not start at the program's start takes for granted.
struct Assumption {
  std::uint64_t start_pc = 0;
  std::uint32_t input_start = 0;
  std::uint32_t output_start = 0;
  std::vector<Touched> first_values;                ///< by increasing address: the words that must have held these
  std::optional<std::uint32_t> exit_code_register;  ///< what a0 must have held, if the exit code is it unchanged
};

/// A claim that holds only if the machine was in the assumed state: no claim about the program's execution.
struct ConditionalClaim {
  Claim claim;
  Assumption assumption;
};

/// Verifies a bundle of segments from the program's start on. If it accepts then, but for a negligible chance, the
/// program with the input executes as the claim says. Never executes the program. `range`, if given, is the one that
/// the bundle must be of. Runs on the threads of the calling oneTBB arena.
tl::expected<Claim, Refusal> verify(const Subject& subject, const Bundle& bundle, ParameterStore& store,
                                    const std::optional<StepRange>& range = {});

/// The same for a bundle that starts in a state which is known: pc, indices, and all values it starts from must be that
/// state's, and its first step the state's cycle.
tl::expected<Claim, Refusal> verify_from(const MachineState& state, const Subject& subject, const Bundle& bundle,
                                         ParameterStore& store, const std::optional<StepRange>& range = {});

/// The same for any bundle, under the assumption that it names. What a bundle from step 0 assumes is the program's
/// start, if it accepts; use verify() for those.
tl::expected<ConditionalClaim, Refusal> verify_assuming(const Subject& subject, const Bundle& bundle,
                                                        ParameterStore& store,
                                                        const std::optional<StepRange>& range = {});

}  // namespace magnetar::zkvm
