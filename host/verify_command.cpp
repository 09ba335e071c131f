#include "host/verify_command.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "engine/zkvm/verifier.h"

namespace magnetar::host {

VerifyCommand::VerifyCommand(CLI::App& app)
    : Command(*app.add_subcommand("verify", "Verify a proof of an execution; the program is not executed")) {
  flags().add_option("proof", proof_, "the proof's file")->required()->type_name("PROOF");
  flags().add_option("--elf", elf_, "the program that the proof is of")->required()->type_name("ELF");
  input_.add_to(flags());
  cache_.add_to(flags());
  steps_.add_to(flags(), "accept only a proof of this range of steps");
  flags().add_option("--threads", threads_, "threads to use (0: one for each processor)")->type_name("N");
  add_json_flag("print one JSON object");
}

Result<int> VerifyCommand::run() const {
  const auto range = steps_.range();
  if (!range) return tl::unexpected(range.error());
  const auto bytes = read_file(proof_, zkvm::kMaxBundleBytes);
  if (!bytes) return tl::unexpected(bytes.error());
  const auto subject = load_subject(elf_, input_);
  if (!subject) return tl::unexpected(subject.error());
  ProvingFlags proving;
  proving.threads = threads_;
  const auto threads = proving.limit_threads();

  const auto start = std::chrono::steady_clock::now();
  const auto bundle = zkvm::decode_bundle({reinterpret_cast<const std::uint8_t*>(bytes->data()), bytes->size()});
  if (!bundle) {
    return tl::unexpected(CommandError{kUnusableInput, std::string(name(bundle.error().kind)),
                                       fmt::format("{}: {}", proof_, bundle.error().message)});
  }
  const auto store = cache_.open();
  tl::expected<zkvm::Claim, zkvm::Refusal> claim;
  std::optional<zkvm::Assumption> assumption;
  if (bundle->segments.front().statement.first_step == 0) {
    claim = zkvm::verify(*subject, *bundle, *store, *range);
  } else {
    auto conditional = zkvm::verify_assuming(*subject, *bundle, *store, *range);
    if (conditional) {
      claim = std::move(conditional->claim);
      assumption = std::move(conditional->assumption);
    } else {
      claim = tl::unexpected(conditional.error());
    }
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

  const std::string reason = claim ? "accepted" : std::string(name(claim.error().reason));
  if (json()) {
    nlohmann::json object = {{"accepted", claim.has_value()},
                             {"reason", reason},
                             {"complete", claim && !assumption},
                             {"segments", bundle->segments.size()},
                             {"seconds", seconds}};
    if (claim) {
      object["exit_code"] = claim->exit_code;
      object["halted"] = claim->halted;
      object["output_hex"] = to_hex(claim->output);
      object["cycles"] = claim->cycles;
      object["steps"] = claim->steps;
      object["first_step"] = claim->first_step;
    } else {
      object["message"] = claim.error().message;
      object["segment"] = claim.error().segment;
    }
    if (assumption) {
      object["assumed"] = {{"pc", assumption->start_pc},
                           {"input_index", assumption->input_start},
                           {"output_index", assumption->output_start},
                           {"values", assumption->first_values.size()}};
    }
    if (auto printed = print_json(object); !printed) return tl::unexpected(printed.error());
  } else if (!claim) {
    fmt::print(stderr, "refused ({}): {}\n", reason, claim.error().message);
  } else {
    fmt::print(stderr, "accepted{}: steps {} to {}, {} cycles, {}; {} bytes of output; {:.2f} s\n",
               assumption ? ", if the machine was in the state that the first segment starts from" : "",
               claim->first_step, claim->first_step + claim->steps, claim->cycles,
               claim->halted ? fmt::format("halted with exit code {}", claim->exit_code) : "still running",
               claim->output.size(), seconds);
    if (auto done = write_stdout(claim->output.data(), claim->output.size()); !done) {
      return tl::unexpected(done.error());
    }
  }
  return claim ? kDone : kRefused;
}

}  // namespace magnetar::host
