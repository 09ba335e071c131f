#include "engine/algebra/instruction_set.h"

#ifdef __x86_64__
#include <cpuid.h>
#endif

#include <array>
#include <cassert>
#include <cstdio>
#include <cstdlib>

namespace magnetar::algebra {

// Constant-initialised, so that arithmetic in static initialisers of other files finds the portable path.
constinit bool use_adx = false;

namespace {

#ifdef __x86_64__
/// __builtin_cpu_supports does not know ADX in clang 14.
bool has_adx() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (ebx & bit_ADX) != 0;
}
#endif

constexpr std::array kSets{InstructionSet::kPortable, InstructionSet::kAdx, InstructionSet::kIfma};

struct Choice {
  InstructionSet set = InstructionSet::kPortable;
  std::string error;
};

Choice choose_at_start() {
  const char* requested = std::getenv("MAGNETAR_CPU");
  const auto set = choose_instruction_set(requested == nullptr ? "" : requested);
  if (!set) return {InstructionSet::kPortable, "MAGNETAR_CPU: " + set.error()};
  use_adx = *set != InstructionSet::kPortable;
  return {*set, ""};
}

Choice& choice() {
  static Choice chosen = choose_at_start();
  return chosen;
}

[[maybe_unused]] const bool kChosenAtStart = (choice(), true);

}  // namespace

std::string_view name(InstructionSet set) {
  switch (set) {
    case InstructionSet::kPortable:
      return "portable";
    case InstructionSet::kAdx:
      return "adx";
    case InstructionSet::kIfma:
      return "ifma";
  }
  return "unknown";
}

bool is_supported(InstructionSet set) {
  switch (set) {
    case InstructionSet::kPortable:
      return true;
#ifdef __x86_64__
    case InstructionSet::kAdx:
      return __builtin_cpu_supports("bmi2") != 0 && has_adx();
    case InstructionSet::kIfma:
      return is_supported(InstructionSet::kAdx) && __builtin_cpu_supports("avx512f") != 0 &&
             __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0 &&
             __builtin_cpu_supports("avx512ifma") != 0;
#else
    default:
      return false;
#endif
  }
  return false;
}

tl::expected<InstructionSet, std::string> choose_instruction_set(std::string_view requested) {
  InstructionSet best = InstructionSet::kPortable;
  std::string supported;
  for (const InstructionSet set : kSets) {
    if (!is_supported(set)) {
      if (requested == name(set)) return tl::unexpected("this processor does not support " + std::string(requested));
      continue;
    }
    if (requested == name(set)) return set;
    best = set;
    supported += (supported.empty() ? "" : ", ") + std::string(name(set));
  }
  if (requested.empty()) return best;
  return tl::unexpected("unknown instruction set '" + std::string(requested) +
                        "'; known are portable, adx and ifma, supported here " + supported);
}

InstructionSet active_instruction_set() {
  if (!choice().error.empty()) {
    std::fprintf(stderr, "%s\n", choice().error.c_str());
    std::exit(2);
  }
  return choice().set;
}

void force_instruction_set(InstructionSet set) {
  assert(is_supported(set));
  choice() = {set, ""};
  use_adx = set != InstructionSet::kPortable;
}

}  // namespace magnetar::algebra
