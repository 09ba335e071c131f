#include "engine/zkvm/verifier.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <map>

#include "engine/zkvm/list_codec.h"

namespace magnetar::zkvm {
namespace {

using algebra::Fr;
using vm::Address;

// A pc at or above this, and below microcode, has no entry.
constexpr std::uint64_t kPcEnd = (std::uint64_t{1} << 32) - 4;

// What is known of the machine while a bundle is gone through: a state it starts in, if any, and what the segments so
// far say of addresses.
class KnownState {
 public:
  explicit KnownState(const MachineState* start) : start_(start) {}

  std::optional<std::uint32_t> find(Address address) const {
    if (const auto at = values_.find(address); at != values_.end()) return at->second;
    if (start_ != nullptr) return start_->value(address);
    return std::nullopt;
  }
  void set(Address address, std::uint32_t value) { values_[address] = value; }

 private:
  const MachineState* start_;
  std::map<Address, std::uint32_t> values_;
};

using enum RefusalReason;

class BundleVerifier {
 public:
  BundleVerifier(const Subject& subject, ParameterStore& store, const MachineState* start)
      : subject_(subject), store_(store), start_(start), state_(start) {}

  tl::expected<ConditionalClaim, Refusal> verify(const Bundle& bundle, const std::optional<StepRange>& range) {
    if (bundle.segments.empty()) return refuse(kStatement, "a bundle without segments");
    // All that is cheap of all segments first.
    for (index_ = 0; index_ < bundle.segments.size(); ++index_) {
      if (auto refusal = check_statement(bundle.segments[index_])) return tl::unexpected(*std::move(refusal));
    }
    index_ = 0;
    if (range) {
      const Statement& first = bundle.segments.front().statement;
      const Statement& last = bundle.segments.back().statement;
      if (first.first_step != range->first || (range->count && claim_.claim.steps != *range->count) ||
          (!range->count && !last.halted)) {
        return refuse(kRange, fmt::format("steps {}:{}{} are not those that were asked for", first.first_step,
                                          claim_.claim.steps, last.halted ? ", to the end" : ""));
      }
    }
    for (index_ = 0; index_ < bundle.segments.size(); ++index_) {
      if (auto refusal = check_segment(bundle.segments[index_])) return tl::unexpected(*std::move(refusal));
    }
    return std::move(claim_);
  }

 private:
  tl::unexpected<Refusal> refuse(RefusalReason reason, std::string message) const {
    return tl::unexpected(make(reason, std::move(message)));
  }
  Refusal make(RefusalReason reason, std::string message) const { return {reason, index_, std::move(message)}; }

  // The statement by itself, and that it follows the one before; adds it to the claim.
  std::optional<Refusal> check_statement(const SegmentProof& segment) {
    const Statement& s = segment.statement;
    if (const auto fault = check(s)) {
      return make(kStatement, fmt::format("the statement's numbers cannot be true: {}", name(*fault)));
    }
    if (s.program_id != subject_.program_id) return make(kProgram, "the proof is of another program");
    if (s.input_digest != subject_.input_digest || s.input_bytes != subject_.input->size()) {
      return make(kInput, "the proof is of another input");
    }
    Claim& claim = claim_.claim;
    if (index_ == 0) {
      claim.first_step = s.first_step;
      if (start_ != nullptr) {
        if (s.first_step * vm::kCyclesPerStep != start_->cycle()) {
          return make(kState, fmt::format("the segment starts at step {}, the known state is that of cycle {}",
                                          s.first_step, start_->cycle()));
        }
        if (s.start_pc != start_->pc() || s.input_start != start_->value(Address::of_register(vm::kInputIndex)) ||
            s.output_start != start_->value(Address::of_register(vm::kOutputIndex))) {
          return make(kState, "the segment starts at another pc or index than the known state's");
        }
      } else {
        claim_.assumption.start_pc = s.start_pc;
        claim_.assumption.input_start = s.input_start;
        claim_.assumption.output_start = s.output_start;
      }
    } else {
      if (s.cycles == 0) return make(kContinuity, "a segment without cycles is no part of a chain");
      if (claim.halted) return make(kContinuity, "a segment follows the one in which the program halts");
      if (s.first_step != claim.first_step + claim.steps) {
        return make(kContinuity, fmt::format("the segment starts at step {} instead of {}", s.first_step,
                                             claim.first_step + claim.steps));
      }
      if (s.start_pc != end_pc_ || s.input_start != input_end_ || s.output_start != output_end_) {
        return make(kContinuity, "the segment starts at another pc or index than the one before ends at");
      }
    }
    if (auto refusal = check_end(s)) return refusal;
    claim.steps += s.steps;
    claim.cycles += s.cycles;
    claim.halted = s.halted;
    claim.exit_code = s.exit_code;
    claim.output.insert(claim.output.end(), s.output.begin(), s.output.end());
    end_pc_ = s.end_pc;
    input_end_ = s.input_end;
    output_end_ = s.output_end;
    return std::nullopt;
  }

  // Halted: at a halt word where an instruction could stand. Else at a word that has an entry.
  std::optional<Refusal> check_end(const Statement& s) const {
    const std::uint32_t op = subject_.program->op_at(s.end_pc);
    const bool good = s.halted ? s.end_pc < kPcEnd && subject_.program->ops()[op].code == vm::Opcode::kHalt
                               : subject_.program->entry_of(op).has_value();
    if (good) return std::nullopt;
    return make(kEndPc,
                fmt::format("the segment cannot end {} at pc {:#x}", s.halted ? "halted" : "running", s.end_pc));
  }

  std::optional<Refusal> check_segment(const SegmentProof& segment) {
    const Statement& s = segment.statement;
    const auto lists = decode_lists(segment.lists, subject_, s);
    if (!lists) return make(kLists, lists.error());
    if (auto refusal = check_values(s, *lists)) return refusal;

    if (segment.fold_steps < 1 || segment.fold_steps > ivc::kMaxSteps) {
      return make(kFoldSteps, fmt::format("{} fold steps are not in 1..{}", segment.fold_steps, ivc::kMaxSteps));
    }
    const auto parameters = store_.parameters(s.layout);
    const ivc::Claim claim{
        statement_digest(s, hash::Sha256::digest(segment.lists)), segment.fold_steps, {Fr::zero()}, {segment.sum}};
    const ivc::Segment derived =
        ivc::derive_segment(parameters->circuits().digest(), claim.statement, claim.steps, segment.ivc.chain);

    const Boundary boundary{.start_pc = s.start_pc,
                            .end_pc = s.end_pc,
                            .cycles = s.cycles,
                            .input = std::span(*subject_.input).subspan(s.input_start, s.input_end - s.input_start),
                            .input_start = s.input_start,
                            .output = s.output,
                            .output_start = s.output_start};
    const auto sum = verifier_sum(*subject_.program, *lists, boundary, derived.challenges);
    if (!sum) return make(kChallenges, "a term of the statement's side of the bus has denominator zero");
    if (!(*sum + segment.sum).is_zero()) {
      return make(kBus, "the terms of the rows and those of the statement do not add up to zero");
    }
    if (const auto good = ivc::verify(parameters->circuits(), parameters->keys(), claim, segment.ivc); !good) {
      return make(reason_of(good.error().reason), good.error().describe());
    }
    return std::nullopt;
  }

  // The values that the segment starts from are the known ones, or become part of the assumption; then those it leaves
  // behind are the known ones.
  std::optional<Refusal> check_values(const Statement& s, const Lists& lists) {
    if (auto refusal = check_registers(s, lists)) return refusal;
    for (const Touched& touched : lists.touched) {
      const auto known = state_.find(touched.address);
      if (!known) {
        claim_.assumption.first_values.push_back(touched);
      } else if (*known != touched.first_value) {
        return make(index_ == 0 ? kState : kContinuity,
                    fmt::format("{} {} starts from {:#x}, not from {:#x}",
                                touched.address.is_register() ? "register" : "memory word", touched.address.index(),
                                touched.first_value, *known));
      }
      state_.set(touched.address, touched.last_value);
    }
    if (!s.halted) return std::nullopt;
    const auto exit_code = state_.find(Address::of_register(vm::kReturnValue));
    if (!exit_code) {
      claim_.assumption.exit_code_register = s.exit_code;
    } else if (*exit_code != s.exit_code) {
      return make(kExitCode, fmt::format("a0 is {}, not the exit code {}", *exit_code, s.exit_code));
    }
    return std::nullopt;
  }

  // What the statement says of registers that only microcode uses.
  std::optional<Refusal> check_registers(const Statement& s, const Lists& lists) const {
    const auto find = [&](std::uint8_t number) {
      const Address address = Address::of_register(number);
      const auto at = std::lower_bound(lists.touched.begin(), lists.touched.end(), address,
                                       [](const Touched& t, Address a) { return t.address < a; });
      return at != lists.touched.end() && at->address == address ? &*at : nullptr;
    };
    const auto moves = [&](std::uint8_t number, std::uint32_t from, std::uint32_t to) {
      const Touched* touched = find(number);
      return touched != nullptr ? touched->first_value == from && touched->last_value == to : from == to;
    };
    if (!moves(vm::kInputIndex, s.input_start, s.input_end)) {
      return make(kLists, "the register of the input index does not go as the statement says");
    }
    if (!moves(vm::kOutputIndex, s.output_start, s.output_end)) {
      return make(kLists, "the register of the output index does not go as the statement says");
    }
    const Touched* length = find(vm::kInputLength);
    if (length != nullptr && (length->first_value != s.input_bytes || length->last_value != s.input_bytes)) {
      return make(kLists, "the register of the input's length holds another number");
    }
    return std::nullopt;
  }

  static RefusalReason reason_of(ivc::Refusal::Reason reason) {
    switch (reason) {
      case ivc::Refusal::Reason::kSteps:
      case ivc::Refusal::Reason::kArity:
        return kFoldSteps;
      case ivc::Refusal::Reason::kRange:
        return kIvcRange;
      case ivc::Refusal::Reason::kPrimaryHash:
        return kPrimaryHash;
      case ivc::Refusal::Reason::kSecondaryHash:
        return kSecondaryHash;
      case ivc::Refusal::Reason::kPrimary:
        return kPrimary;
      case ivc::Refusal::Reason::kSecondary:
        return kSecondary;
      case ivc::Refusal::Reason::kFresh:
        break;
    }
    return kFresh;
  }

  const Subject& subject_;
  ParameterStore& store_;
  const MachineState* start_;
  KnownState state_;
  std::size_t index_ = 0;  // of the segment at hand
  ConditionalClaim claim_;
  // Where the segments so far end.
  std::uint64_t end_pc_ = 0;
  std::uint32_t input_end_ = 0;
  std::uint32_t output_end_ = 0;
};

}  // namespace

std::string_view name(RefusalReason reason) {
  switch (reason) {
    case kStatement:
      return "statement";
    case kProgram:
      return "wrong-program";
    case kInput:
      return "wrong-input";
    case kRange:
      return "wrong-range";
    case kLists:
      return "lists";
    case kEndPc:
      return "end-pc";
    case kExitCode:
      return "exit-code";
    case kFoldSteps:
      return "fold-steps";
    case kChallenges:
      return "zero-denominator";
    case kBus:
      return "bus";
    case kIvcRange:
      return "ivc-range";
    case kPrimaryHash:
      return "primary-hash";
    case kSecondaryHash:
      return "secondary-hash";
    case kPrimary:
      return "primary-instance";
    case kSecondary:
      return "secondary-instance";
    case kFresh:
      return "fresh-instance";
    case kContinuity:
      return "continuity";
    case kState:
      break;
  }
  return "state";
}

tl::expected<Claim, Refusal> verify(const Subject& subject, const Bundle& bundle, ParameterStore& store,
                                    const std::optional<StepRange>& range) {
  return verify_from(MachineState::initial(subject), subject, bundle, store, range);
}

tl::expected<Claim, Refusal> verify_from(const MachineState& state, const Subject& subject, const Bundle& bundle,
                                         ParameterStore& store, const std::optional<StepRange>& range) {
  auto claim = BundleVerifier(subject, store, &state).verify(bundle, range);
  if (!claim) return tl::unexpected(claim.error());
  return std::move(claim->claim);
}

tl::expected<ConditionalClaim, Refusal> verify_assuming(const Subject& subject, const Bundle& bundle,
                                                        ParameterStore& store, const std::optional<StepRange>& range) {
  return BundleVerifier(subject, store, nullptr).verify(bundle, range);
}

}  // namespace magnetar::zkvm
