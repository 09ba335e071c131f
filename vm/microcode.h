#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "vm/program_entry.h"

namespace magnetar::vm {

/// Where microcode starts: the pc that an ECALL jumps to. Guest pcs are below 2^32, so falling off the
/// end of memory never reaches it.
inline constexpr std::uint64_t kMicrocodeBase = std::uint64_t{1} << 33;

/// Rows of microcode, at kMicrocodeBase + 4·index.
inline constexpr std::size_t kMicrocodeSize = 21;

/// The pc that an unknown call number leads to. It has no entry: the call cannot be proved.
inline constexpr std::uint64_t kUnknownCallPc = kMicrocodeBase + 4 * kMicrocodeSize;

/// Indices of rows at which the executor does what the statement does not cover: it hands the guest's
/// bytes to the log or the profiler.
inline constexpr std::size_t kMicrocodeProfile = 19;
inline constexpr std::size_t kMicrocodeLog = 20;

/// The system calls as ordinary rows over hidden registers. ECALL has written the return address and
/// jumped to row 0, which finds the routine of the number in s2: 1 log, 2 read an input byte, 3 output,
/// 5 profile label. Output takes four rows a byte, a call's dispatch two to eight.
const std::array<ProgramEntry, kMicrocodeSize>& microcode();

}  // namespace magnetar::vm
