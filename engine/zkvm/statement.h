#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/hash/sha256.h"
#include "engine/zkvm/parameters.h"

namespace magnetar::zkvm {

/// The protocol's version: of statements, and of everything that proofs consist of.
inline constexpr std::uint32_t kProtocolVersion = 1;

/// What a segment proof claims: that the program, from the machine state at the segment's start, executes `cycles` rows
/// and then stands at `end_pc`, having consumed and appended the given stretches of input and output.
struct Statement {
  Layout layout;
  hash::Sha256::Digest program_id;    ///< SHA-256 of the ELF file
  hash::Sha256::Digest input_digest;  ///< SHA-256 of the whole input
  std::uint64_t input_bytes = 0;      ///< of the whole input
  std::uint64_t first_step = 0;       ///< in protocol steps of vm::kCyclesPerStep cycles, from the program's start
  std::uint64_t steps = 0;            ///< the last one may be partial if the program halted
  std::uint64_t cycles = 0;
  std::uint64_t start_pc = 0;
  std::uint64_t end_pc = 0;
  std::uint32_t input_start = 0;  ///< index of the next input byte, before and after the segment
  std::uint32_t input_end = 0;
  std::uint32_t output_start = 0;  ///< bytes of output, before and after the segment
  std::uint32_t output_end = 0;
  bool halted = false;
  std::uint32_t exit_code = 0;    ///< 0 unless halted
  std::vector<std::byte> output;  ///< what the segment appends: output_end - output_start bytes

  friend bool operator==(const Statement&, const Statement&) = default;
};

/// An injective encoding of the statement (docs/protocol.md, "Statement").
std::vector<std::uint8_t> encode(const Statement& statement);

/// What a segment's challenges absorb besides parameters, steps and commitments: SHA-256 of the statement's encoding
/// and of the lists' digest.
hash::Sha256::Digest statement_digest(const Statement& statement, const hash::Sha256::Digest& lists);

/// Why a statement can be true of no execution, whatever the program: the first rule that its numbers break.
enum class StatementFault : std::uint8_t {
  kLayout,  ///< unknown size, or quotas that do not fit it
  kCycles,  ///< too many, or none where there must be some
  kSteps,   ///< first step and steps do not match the cycles
  kInput,   ///< input indices out of order or beyond the input
  kOutput,  ///< output indices out of order, or not as many bytes as they say
  kExit,    ///< an exit code without halting
};
std::string_view name(StatementFault fault);
std::optional<StatementFault> check(const Statement& statement);

}  // namespace magnetar::zkvm
