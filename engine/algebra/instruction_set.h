#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace magnetar::algebra {

/// Which implementation of the hot arithmetic runs; each later one needs more of the processor.
enum class InstructionSet : std::uint8_t {
  kPortable,  // 4 limbs of 64 bits, plain C++
  kAdx,       // the same with mulx, adcx and adox (BMI2 and ADX)
  kIfma,      // kAdx, and vectors of 8 with 52-bit multiply-add (AVX-512 F, DQ, VL and IFMA)
};

/// "portable", "adx" or "ifma".
std::string_view name(InstructionSet set);

/// Whether the processor and the operating system can run it.
bool is_supported(InstructionSet set);

/// The best supported set if `requested` is empty, else the one it names; an error says which names are known and
/// which of them this processor supports.
tl::expected<InstructionSet, std::string> choose_instruction_set(std::string_view requested);

/// The set in use: what MAGNETAR_CPU names, else the best. Chosen at program start; if MAGNETAR_CPU is unusable, the
/// first call prints why and ends the program with status 2 (check it earlier with choose_instruction_set).
InstructionSet active_instruction_set();

/// Replaces the choice, for tests and benches; `set` must be supported. Not while other threads compute.
void force_instruction_set(InstructionSet set);

/// True from program start on where the active set has mulx and adx; false is always correct, only slower.
extern bool use_adx;

}  // namespace magnetar::algebra
