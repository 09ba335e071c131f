#include "host/request_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <utility>

#include "host/duration.h"
#include "host/interrupt.h"
#include "host/rpc/credentials.h"
#include "host/rpc/requester.h"
#include "vm/elf.h"

namespace magnetar::host {
namespace {

using Clock = std::chrono::steady_clock;

// "request: waiting 12 s" on a terminal, rewritten in place. Requesters are told of no progress.
class Waiting {
 public:
  explicit Waiting(bool quiet) : shown_(!quiet && ::isatty(STDERR_FILENO) != 0) {}
  ~Waiting() { clear(); }

  void show(const std::string& what) {
    if (!shown_) return;
    constexpr std::string_view kFrames = "|/-\\";
    const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
    fmt::print(stderr, "\r\033[K{} {} {:.0f} s", kFrames[frame_++ % kFrames.size()], what, seconds);
    std::fflush(stderr);
    drawn_ = true;
  }
  void clear() {
    if (!std::exchange(drawn_, false)) return;
    fmt::print(stderr, "\r\033[K");
    std::fflush(stderr);
  }

 private:
  const bool shown_;
  const Clock::time_point start_ = Clock::now();
  std::size_t frame_ = 0;
  bool drawn_ = false;
};

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
    : flags_(*app.add_subcommand("request", "Have an execution proved by an orchestrator, and verify the proof")),
      proof_system_(proof_system) {
  flags_.add_option("elf", elf_, "the program: a static riscv32 executable")->required()->type_name("ELF");
  orchestrator_.add_to(flags_);
  input_.add_to(flags_);
  steps_.add_to(flags_);
  flags_.add_option("--out", out_, "keep the proof in this file")->type_name("FILE");
  flags_.add_option("--token-file", token_file_, "a file that holds the bearer token to show")->type_name("FILE");
  flags_.add_option("--patience", patience_, "how long to try again when the orchestrator is away")
      ->type_name("TIME")
      ->check([](const std::string& text) {
        return parse_duration(text) ? std::string() : "'" + text + "' is no duration, as 250ms, 90s, 5m, 24h or 7d";
      })
      ->capture_default_str();
  flags_.add_flag("--no-verify", no_verify_, "take the proof as it comes");
  flags_.add_flag("--json", json_, "print one JSON object");
}

Result<int> RequestCommand::run() const {
  auto elf = read_file(elf_, vm::kDefaultMaxElfBytes + 1);
  if (!elf) return tl::unexpected(elf.error());
  const auto program = std::make_shared<const Bytes>(*std::move(elf));
  const auto input = input_.read();
  if (!input) return tl::unexpected(input.error());
  const auto steps = steps_.parse();
  if (!steps) return tl::unexpected(steps.error());
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
    wanted.first_step = (*steps)->first;
    wanted.steps = (*steps)->count;
  }
  const rpc::Requester requester(orchestrator_.address, *credentials, *std::move(shown_token));
  const Clock::time_point start = Clock::now();
  const auto since = [](Clock::time_point from) {
    return std::chrono::duration<double>(Clock::now() - from).count();
  };
  std::optional<std::string> proof;
  {
    Waiting waiting(json_);
    // What an orchestrator has accepted it keeps: asking again finds the same job.
    const Clock::duration patience = *parse_duration(patience_);
    Clock::time_point last_seen = start;
    for (auto pause = std::chrono::milliseconds(250);; pause = std::min(2 * pause, std::chrono::milliseconds(5'000))) {
      const Clock::time_point asked = Clock::now();
      auto reply = requester.request_proof(wanted, [&] {
        waiting.show("waiting for the proof,");
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
        waiting.clear();
        return tl::unexpected(to_command_error(reply.error(), orchestrator_.address));
      }
      for (const Clock::time_point until = Clock::now() + pause; Clock::now() < until;) {
        waiting.show("the orchestrator is away, trying again,");
        if (interrupted()) {
          return tl::unexpected(CommandError{kInterrupted, "interrupted", "interrupted while the orchestrator is away"});
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
    if (json_) {
      if (auto printed = print_json({{"accepted", false}, {"reason", "no-steps"}, {"request_seconds", request_seconds}});
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
    if (!json_) fmt::print(stderr, "a proof of {} bytes after {:.1f} s, not verified\n", proof->size(), request_seconds);
    if (json_) {
      if (auto printed = print_json(object); !printed) return tl::unexpected(printed.error());
    }
    return kDone;
  }

  const Clock::time_point verification = Clock::now();
  const std::uint64_t first = *steps ? static_cast<std::uint64_t>((*steps)->first) : 0;
  const std::optional<std::uint64_t> count = *steps && (*steps)->count
                                                 ? std::optional(static_cast<std::uint64_t>(*(*steps)->count))
                                                 : std::nullopt;
  const auto verdict = proof_system_.verify(program, *input, *proof, first, count);
  if (!verdict) return tl::unexpected(CommandError{kUnusableInput, "not-a-program", verdict.error()});
  const double seconds = since(verification);
  if (json_) {
    object.update({{"accepted", verdict->accepted},
                   {"reason", verdict->reason},
                   {"complete", verdict->complete},
                   {"exit_code", verdict->exit_code ? nlohmann::json(*verdict->exit_code) : nlohmann::json()},
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
    fmt::print(stderr, "proved and verified: {} cycles, {} steps from {}{}{}; {} bytes, {:.1f} s, verified in {:.2f} s\n",
               verdict->cycles, verdict->steps, verdict->first_step,
               verdict->exit_code ? fmt::format(", exit code {}", *verdict->exit_code) : "",
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
  std::ofstream file(out_, std::ios::binary);
  file.write(proof.data(), static_cast<std::streamsize>(proof.size()));
  file.close();
  if (!file) {
    return tl::unexpected(
        CommandError{kEnvironment, "write-failed", fmt::format("cannot write {}: {}", out_, std::strerror(errno))});
  }
  return {};
}

}  // namespace magnetar::host
