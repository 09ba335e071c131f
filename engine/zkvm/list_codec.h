#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "engine/zkvm/lists.h"
#include "engine/zkvm/statement.h"
#include "engine/zkvm/subject.h"

namespace magnetar::zkvm {

/// The canonical encoding of lists (docs/protocol.md, "Lists"). First values are part of it only where the verifier
/// cannot tell them: in segments whose first step is not 0. Addresses that do not increase give what is refused.
std::vector<std::uint8_t> encode_lists(const Lists& lists, bool with_first_values);

/// Strict: there is one encoding of any lists. Sizes are checked before anything is allocated, so memory is bounded by
/// the number of bytes and the program. Refused, with the reason: multiplicities of what has no entry, addresses that
/// are not increasing or stand for no word or register, values that are no u32, times that no access of the statement's
/// cycles has, a value of x0 other than 0.
///
/// Without first values in the encoding they are those of the program's start.
tl::expected<Lists, std::string> decode_lists(std::span<const std::uint8_t> bytes, const Subject& subject,
                                              const Statement& statement);

}  // namespace magnetar::zkvm
