#include "host/inspect_command.h"

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "engine/zkvm/proof.h"
#include "host/input.h"

namespace magnetar::host {
namespace {

std::string hex(const hash::Sha256::Digest& digest) {
  std::string text;
  for (const std::uint8_t byte : digest) text += fmt::format("{:02x}", byte);
  return text;
}

nlohmann::json describe(const zkvm::SegmentProof& segment) {
  const zkvm::Statement& s = segment.statement;
  nlohmann::json quotas;
  for (std::size_t i = 0; i < s.layout.quotas.size(); ++i) {
    if (s.layout.quotas[i] != 0) quotas[std::string(name(static_cast<vm::RowType>(i)))] = s.layout.quotas[i];
  }
  const ivc::Proof& ivc = segment.ivc;
  const auto running = [](const auto& assignment) {
    return 32 * (assignment.stage1.size() + assignment.stage2.size() + assignment.error.size());
  };
  return {{"log_size", s.layout.log_size},
          {"quotas", quotas},
          {"program_id", hex(s.program_id)},
          {"input_digest", hex(s.input_digest)},
          {"input_bytes", s.input_bytes},
          {"first_step", s.first_step},
          {"steps", s.steps},
          {"cycles", s.cycles},
          {"start_pc", s.start_pc},
          {"end_pc", s.end_pc},
          {"input_start", s.input_start},
          {"input_end", s.input_end},
          {"output_start", s.output_start},
          {"output_end", s.output_end},
          {"halted", s.halted},
          {"exit_code", s.exit_code},
          {"output_hex", to_hex(s.output)},
          {"fold_steps", segment.fold_steps},
          {"bytes",
           {{"lists", segment.lists.size()},
            {"output", s.output.size()},
            {"primary", running(ivc.primary_assignment)},
            {"secondary", running(ivc.secondary_assignment)},
            {"fresh", 32 * ivc.fresh_stage2.size()}}}};
}

}  // namespace

InspectCommand::InspectCommand(CLI::App& app)
    : Command(*app.add_subcommand("inspect", "Show what a proof says of itself; nothing is verified")) {
  flags().add_option("proof", proof_, "the proof's file")->required()->type_name("PROOF");
  add_json_flag("print one JSON object");
}

Result<int> InspectCommand::run() const {
  const auto bytes = read_file(proof_, zkvm::kMaxBundleBytes);
  if (!bytes) return tl::unexpected(bytes.error());
  const auto bundle = zkvm::decode_bundle({reinterpret_cast<const std::uint8_t*>(bytes->data()), bytes->size()});
  if (!bundle) {
    return tl::unexpected(CommandError{kUnusableInput, std::string(name(bundle.error().kind)),
                                       fmt::format("{}: {}", proof_, bundle.error().message)});
  }
  nlohmann::json segments = nlohmann::json::array();
  for (const auto& segment : bundle->segments) segments.push_back(describe(segment));
  if (json()) {
    const nlohmann::json object = {
        {"version", zkvm::kProtocolVersion}, {"proof_bytes", bytes->size()}, {"segments", segments}};
    if (auto printed = print_json(object); !printed) return tl::unexpected(printed.error());
    return kDone;
  }
  fmt::print("version {}, {} bytes, {} segment{}; not verified\n", zkvm::kProtocolVersion, bytes->size(),
             segments.size(), segments.size() == 1 ? "" : "s");
  for (const auto& segment : bundle->segments) {
    const zkvm::Statement& s = segment.statement;
    fmt::print("\nprogram  {}\ninput    {} ({} bytes)\n", hex(s.program_id), hex(s.input_digest), s.input_bytes);
    fmt::print("range    steps {} to {}, {} cycles, pc {:#x} to {:#x}\n", s.first_step, s.first_step + s.steps,
               s.cycles, s.start_pc, s.end_pc);
    fmt::print("end      {}\n", s.halted ? fmt::format("halted with exit code {}", s.exit_code) : "still running");
    fmt::print("input    bytes {} to {} read; output bytes {} to {} written\n", s.input_start, s.input_end,
               s.output_start, s.output_end);
    fmt::print("layout   {} fold steps of size 2^{}, rows of each:", segment.fold_steps, s.layout.log_size);
    for (std::size_t i = 0; i < s.layout.quotas.size(); ++i) {
      if (s.layout.quotas[i] != 0) fmt::print(" {} {}", name(static_cast<vm::RowType>(i)), s.layout.quotas[i]);
    }
    fmt::print("\nlists    {} bytes\n", segment.lists.size());
  }
  return kDone;
}

}  // namespace magnetar::host
