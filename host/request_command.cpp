#include "host/request_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <utility>

#include "host/duration.h"
#include "host/interrupt.h"
#include "host/output_file.h"
#include "host/progress_bar.h"
#include "host/rpc/credentials.h"
#include "host/rpc/requester.h"
#include "vm/elf.h"

namespace magnetar::host {
namespace {

using Clock = std::chrono::steady_clock;

// "RESOURCE_EXHAUSTED" as "resource-exhausted".
std::string error_kind(std::string status) {
  std::transform(status.begin(), status.end(), status.begin(), [](char c) {
    return c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  });
  return status;
}

CommandError to_command_error(const rpc::CallError& error, const std::string& address) {
  if (error.interrupted) return {kInterrupted, "interrupted", "interrupted; the job goes on, ask again for its proof"};
  std::string message = fmt::format("{} says {}: {}", address, error.status, error.message);
  if (error.unreachable) return {kEnvironment, error_kind(error.status), std::move(message)};
  if (error.status == "INVALID_ARGUMENT") return {kUnusableInput, error_kind(error.status), std::move(message)};
  if (error.status == "FAILED_PRECONDITION") return {kGuestFaulted, error_kind(error.status), std::move(message)};
  return {kRefused, error_kind(error.status), std::move(message)};
}

}  // namespace

RequestCommand::RequestCommand(CLI::App& app, proving::ProofSystem& proof_system)
    : Command(*app.add_subcommand("request", "Have an execution proved by an orchestrator, and verify the proof")),
      proof_system_(proof_system) {
  flags().add_option("elf", elf_, "the program: a static riscv32 executable")->required()->type_name("ELF");
  orchestrator_.add_to(flags());
  input_.add_to(flags());
  steps_.add_to(flags(), "only so many steps of 1,024 cycles from step FROM on");
  cache_.add_to(flags());
  flags().add_option("--out", out_, "keep the proof in this file")->type_name("FILE");
  flags().add_option("--token-file", token_file_, "a file that holds the bearer token to show")->type_name("FILE");
  flags()
      .add_option("--patience", patience_, "how long to try again when the orchestrator is away")
      ->type_name("TIME")
      ->check([](const std::string& text) {
        return parse_duration(text) ? std::string() : "'" + text + "' is no duration, as 250ms, 90s, 5m, 24h or 7d";
      })
      ->capture_default_str();
  flags().add_flag("--no-verify", no_verify_, "take the proof as it comes");
  add_json_flag("print one JSON object");
}

Result<int> RequestCommand::run() const {
  auto elf = read_file(elf_, vm::kDefaultMaxElfBytes + 1);
  if (!elf) return tl::unexpected(elf.error());
  const auto program = std::make_shared<const Bytes>(*std::move(elf));
  const auto input = input_.read();
  if (!input) return tl::unexpected(input.error());
  const auto steps = steps_.range();
  if (!steps) return tl::unexpected(steps.error());
  if (*steps && std::max((*steps)->first, (*steps)->count.value_or(0)) > INT32_MAX) {
    return tl::unexpected(CommandError{kUnusableInput, "usage", "--steps: numbers up to 2,147,483,647"});
  }
  auto shown_token = token();
  if (!shown_token) return tl::unexpected(shown_token.error());
  const auto credentials = rpc::client_credentials(
      orchestrator_.address, {.ca = orchestrator_.tls_ca, .cert = orchestrator_.tls_cert, .key = orchestrator_.tls_key},
      orchestrator_.plaintext);
  if (!credentials) return tl::unexpected(CommandError{kUnusableInput, "bad-connection", credentials.error()});

  catch_interrupts();
  rpc::ProofWanted wanted{.elf = {reinterpret_cast<const char*>(program->data()), program->size()},
                          .input = {reinterpret_cast<const char*>((*input)->data()), (*input)->size()}};
  if (*steps) {
    wanted.first_step = static_cast<std::int32_t>((*steps)->first);
    if ((*steps)->count) wanted.steps = static_cast<std::int32_t>(*(*steps)->count);
  }
  const rpc::Requester requester(orchestrator_.address, *credentials, *std::move(shown_token));
  const Clock::time_point start = Clock::now();
  const auto since = [](Clock::time_point from) { return std::chrono::duration<double>(Clock::now() - from).count(); };
  std::optional<std::string> proof;
  {
    ProgressBar bar(!json());
    const auto show = [&](std::string_view what) {
      // A requester is told of no progress.
      bar.update(what, 0, format_duration(since(start)));
    };
    // What an orchestrator has accepted it keeps: asking again finds the same job.
    const Clock::duration patience = *parse_duration(patience_);
    Clock::time_point last_seen = start;
    for (auto pause = std::chrono::milliseconds(250);; pause = std::min(2 * pause, std::chrono::milliseconds(5'000))) {
      const Clock::time_point asked = Clock::now();
      auto reply = requester.request_proof(wanted, [&] {
        show("waiting");
        return !interrupted();
      });
      if (reply) {
        proof = *std::move(reply);
        break;
      }
      // A call that lasted was with an orchestrator that was there.
      if (since(asked) > 1) {
        last_seen = Clock::now();
        pause = std::chrono::milliseconds(250);
      }
      if (!reply.error().unreachable || Clock::now() + pause > last_seen + patience) {
        bar.clear();
        return tl::unexpected(to_command_error(reply.error(), orchestrator_.address));
      }
      for (const Clock::time_point until = Clock::now() + pause; Clock::now() < until;) {
        show("away");
        if (interrupted()) {
          return tl::unexpected(
              CommandError{kInterrupted, "interrupted", "interrupted while the orchestrator is away"});
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
      }
    }
  }
  const double request_seconds = since(start);

  if (!proof) {
    if (!*steps || (*steps)->count != 0) {
      return tl::unexpected(CommandError{kRefused, "no-proof", "the orchestrator's reply holds no proof"});
    }
    if (json()) {
      if (auto printed =
              print_json({{"accepted", false}, {"reason", "no-steps"}, {"request_seconds", request_seconds}});
          !printed) {
        return tl::unexpected(printed.error());
      }
    } else {
      fmt::print(stderr, "accepted; no proof of 0 steps\n");
    }
    return kDone;
  }
  if (auto kept = keep(*proof); !kept) return tl::unexpected(kept.error());
  nlohmann::json object = {{"request_seconds", request_seconds}, {"proof_bytes", proof->size()}};
  if (no_verify_) {
    if (json()) {
      if (auto printed = print_json(object); !printed) return tl::unexpected(printed.error());
    } else {
      fmt::print(stderr, "a proof of {} bytes after {:.1f} s, not verified\n", proof->size(), request_seconds);
    }
    return kDone;
  }

  const Clock::time_point verification = Clock::now();
  const zkvm::StepRange range = steps->value_or(zkvm::StepRange{});
  const auto verdict = proof_system_.verify(
      cache_.path(), {.elf = program, .input = *input, .first_step = range.first, .steps = range.count}, *proof);
  if (!verdict) return tl::unexpected(CommandError{kUnusableInput, "not-a-program", verdict.error()});
  const double seconds = since(verification);
  if (json()) {
    object.update({{"accepted", verdict->accepted},
                   {"reason", verdict->reason},
                   {"complete", verdict->complete},
                   {"halted", verdict->halted},
                   {"exit_code", verdict->exit_code},
                   {"output_hex", to_hex(verdict->output)},
                   {"cycles", verdict->cycles},
                   {"steps", verdict->steps},
                   {"first_step", verdict->first_step},
                   {"seconds", seconds}});
    if (auto printed = print_json(object); !printed) return tl::unexpected(printed.error());
  } else if (verdict->accepted) {
    if (auto written = write_stdout(verdict->output.data(), verdict->output.size()); !written) {
      return tl::unexpected(written.error());
    }
    fmt::print(stderr,
               "proved and verified: {} cycles, {} steps from {}{}{}; {} bytes, {:.1f} s, verified in {:.2f} s\n",
               verdict->cycles, verdict->steps, verdict->first_step,
               verdict->halted ? fmt::format(", exit code {}", verdict->exit_code) : "",
               verdict->complete ? "" : ", if the machine was in the state that the proof assumes", proof->size(),
               request_seconds, seconds);
  } else {
    fmt::print(stderr, "magnetar: the proof was refused ({}): {}\n", verdict->reason, verdict->message);
  }
  return verdict->accepted ? kDone : kRefused;
}

Result<std::string> RequestCommand::token() const {
  if (token_file_.empty()) return std::string();
  const auto bytes = read_file(token_file_, 4096);
  if (!bytes) return tl::unexpected(bytes.error());
  std::string text(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) text.pop_back();
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (!plain) {
    return tl::unexpected(CommandError{kUnusableInput, "bad-token", fmt::format("{} holds no token", token_file_)});
  }
  return text;
}

Result<void> RequestCommand::keep(const std::string& proof) const {
  if (out_.empty()) return {};
  return write_file(out_, {reinterpret_cast<const std::uint8_t*>(proof.data()), proof.size()});
}

}  // namespace magnetar::host
