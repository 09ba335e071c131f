#include "host/compile/sandbox.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>

namespace magnetar::compile {
namespace {

constexpr std::string_view kNobody = "65534";

// Runs its arguments with standard output as standard error, says on kReport how they ended, and if well writes the
// file $0 to standard output.
constexpr std::string_view kScript =
    R"("$@" >&2 4>&-; status=$?; echo "$status" >&4; [ "$status" != 0 ] || exec cat "$0" 4>&-)";

std::vector<std::string> command(const SandboxTools& tools, const SandboxLimits& limits, const SandboxJob& job) {
  std::vector<std::string> words;
  const auto add = [&](std::initializer_list<std::string_view> more) {
    words.insert(words.end(), more.begin(), more.end());
  };
  // Root's bwrap leaves nearly all capabilities in place, so that root must stop being root before.
  if (::geteuid() == 0) {
    add({tools.setpriv, "--reuid", kNobody, "--regid", kNobody, "--clear-groups", "--inh-caps=-all",
         "--bounding-set=-all", "--no-new-privs", "--"});
  }
  add({tools.bwrap, "--unshare-user", "--unshare-all", "--disable-userns", "--die-with-parent", "--new-session",
       "--cap-drop", "ALL", "--clearenv", "--setenv", "PATH", "/usr/bin"});
  add({"--ro-bind", "/usr/lib", "/usr/lib", "--ro-bind", "/usr/lib64", "/usr/lib64"});
  add({"--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64"});
  add({"--ro-bind", tools.shell, "/usr/bin/sh", "--ro-bind", tools.cat, "/usr/bin/cat"});
  add({"--ro-bind", tools.prlimit, "/usr/bin/prlimit"});
  for (const SandboxMount& mount : job.mounts) add({"--ro-bind", mount.host, mount.inside});
  add({"--ro-bind-data", std::to_string(Process::kData), job.data_path});
  add({"--size", std::to_string(limits.scratch_bytes), "--tmpfs", "/tmp", "--remount-ro", "/", "--chdir", "/", "--"});
  // Inside, where the number of processes is counted for this sandbox alone and not for all that the user runs.
  add({"/usr/bin/prlimit", fmt::format("--cpu={}:{}", limits.cpu.count(), limits.cpu.count() + 1),
       fmt::format("--as={}", limits.address_space_bytes), fmt::format("--fsize={}", limits.file_bytes),
       fmt::format("--nproc={}", limits.processes), "--core=0", "--"});
  add({"/usr/bin/sh", "-c", kScript, job.result_path});
  words.insert(words.end(), job.arguments.begin(), job.arguments.end());
  return words;
}

}  // namespace

tl::expected<SandboxResult, std::string> run_sandboxed(const SandboxTools& tools, const SandboxLimits& limits,
                                                       const SandboxJob& job, const std::stop_token& stop) {
  const Process process{.arguments = command(tools, limits, job), .data = job.data};
  auto run = run_process(process, {limits.wall, limits.result_bytes, limits.message_bytes}, stop);
  if (!run) return tl::unexpected(std::move(run.error()));

  SandboxResult result{.end = run->end,
                       .status = 0,
                       .result = std::move(run->output),
                       .messages = std::move(run->messages),
                       .messages_dropped = run->messages_dropped};
  if (run->end != ProcessEnd::kExited) return result;
  const char* const end = run->report.data() + run->report.size();
  const auto [rest, error] = std::from_chars(run->report.data(), end, result.status);
  // Nobody says how the program ended: the shell was never reached, or was killed.
  if (error != std::errc() || std::string_view(rest, static_cast<std::size_t>(end - rest)) != "\n") {
    return tl::unexpected(fmt::format("the sandbox ended with status {}: {}", run->status, result.messages));
  }
  if (result.status == 0 && run->status != 0) {
    return tl::unexpected(fmt::format("the program's result could not be read: {}", result.messages));
  }
  return result;
}

}  // namespace magnetar::compile
