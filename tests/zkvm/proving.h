#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/zkvm/prover.h"
#include "engine/zkvm/verifier.h"

namespace magnetar::zkvm::testing {

/// Parameters from the folder that all tests share.
ParameterStore& store();

/// The smallest fold steps, with quotas that fit the program.
inline constexpr Preset kSmallest{kMinLogSize, std::nullopt};

Subject subject_of_elf(const std::vector<std::byte>& elf, std::string_view input = "");
/// A program with this text at address 0.
Subject subject_of(const std::vector<std::uint32_t>& text, std::string_view input = "");
/// A bundled guest.
Subject guest(const std::string& name, std::string_view input = "");

/// The plan of a range that can be proved.
Plan plan_of(const Subject& subject, const StepRange& range = {}, const Preset& preset = kSmallest,
             const vm::Checkpoint* start = nullptr);

/// The plan with quotas so small that its rows take `fold_steps` fold steps or a few more. For plans of one fold step.
Plan spread(Plan plan, std::uint32_t fold_steps);

/// The honest proof of a plan.
SegmentProof prove_honestly(const Plan& plan, const Control& control = {});

/// Proves a plan, and requires that the proof, encoded and decoded, is accepted and says what the machine did.
void expect_proved(const Plan& plan);

/// `rows` words that do nothing, each a cycle.
std::vector<std::uint32_t> nops(std::size_t rows);

}  // namespace magnetar::zkvm::testing
