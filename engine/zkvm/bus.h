#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <type_traits>

#include "engine/r1cs/template.h"

namespace magnetar::zkvm {

/// What a bus tuple says; part of its fingerprint.
enum class Tag : std::uint8_t {
  kState = 1,  ///< (pc, clock)
  kMemory,     ///< (address, value, time)
  kProgram,    ///< (pc, type, rd, rs1, rs2, immediate, target, f1, f2)
  kRange16,    ///< (y), y below 2^16
  kAnd8,       ///< (x, y, x & y), bytes
  kSign16,     ///< (h, h >> 15), h below 2^16
  kBytes,      ///< (x, y, x >> 7), bytes
  kAlign,      ///< (hf, q, p, s): (0, q, p, 2^(8(2q + p))) and (1, q, 1, 2^(16q))
  kShiftPow,   ///< (x, 2^(x & 31), 2^(32 - (x & 31))), x below 2^16
  kInput,      ///< (index, byte)
  kOutput,     ///< (index, byte)
};

/// Puts multiplicity / (γ - fingerprint) on the bus, with the fingerprint tag·β^15 + Σ element_i·β^i. At most 15
/// elements, each with a power of β of its own. Disabled rows have multiplicity 0 and so add nothing. A witness writer
/// hands the term to its sink.
template <class B>
void add_term(B& builder, std::string_view name, const typename B::Value& multiplicity, Tag tag,
              std::initializer_list<typename B::Value> elements) {
  if constexpr (std::is_same_v<B, r1cs::TemplateBuilder>) {
    using r1cs::Coefficient, r1cs::Linear, r1cs::Symbol;
    Linear denominator(Coefficient(1, Symbol::gamma()), 0);
    denominator += Linear(Coefficient(-static_cast<std::int64_t>(tag), Symbol::beta(Symbol::kMaxPower)), 0);
    unsigned power = 0;
    for (const Linear& element : elements) denominator += (-1 * element).times(Symbol::beta(power++));
    builder.quotient(name, multiplicity, denominator);
  } else {
    builder.sink().term(tag, multiplicity, elements);
  }
}

}  // namespace magnetar::zkvm
