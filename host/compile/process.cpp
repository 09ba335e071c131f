#include "host/compile/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <optional>
#include <system_error>

#include "host/compile/descriptor.h"

namespace magnetar::compile {
namespace {

using Clock = std::chrono::steady_clock;

// The child's descriptors are made from ones above its own, so that making one cannot overwrite another's source.
constexpr int kFirstFree = 16;
// A report is a number.
constexpr std::size_t kMaxReportBytes = 64;

std::string error_text(int error) {
  return std::generic_category().message(error);
}

Descriptor above(Descriptor low) {
  return Descriptor(::fcntl(low.number(), F_DUPFD_CLOEXEC, kFirstFree));
}

struct Pipe {
  Descriptor read;
  Descriptor write;

  static std::optional<Pipe> make() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
    Pipe pipe{Descriptor(ends[0]), above(Descriptor(ends[1]))};
    if (!pipe.write.is_open()) return std::nullopt;
    return pipe;
  }
};

// A file in memory, at its start.
Descriptor file_of(std::string_view bytes) {
  Descriptor file = above(Descriptor(::memfd_create("data", MFD_CLOEXEC)));
  for (std::size_t at = 0; file.is_open() && at < bytes.size();) {
    const ssize_t done = ::pwrite(file.number(), bytes.data() + at, bytes.size() - at, static_cast<off_t>(at));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return {};
    at += static_cast<std::size_t>(done);
  }
  return file;
}

class SpawnActions {
 public:
  SpawnActions() { failed_ = ::posix_spawn_file_actions_init(&actions_); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  ~SpawnActions() { ::posix_spawn_file_actions_destroy(&actions_); }

  void duplicate(const Descriptor& from, int to) {
    if (failed_ == 0) failed_ = ::posix_spawn_file_actions_adddup2(&actions_, from.number(), to);
  }
  void close_from(int first) {
    if (failed_ == 0) failed_ = ::posix_spawn_file_actions_addclosefrom_np(&actions_, first);
  }
  /// errno of what failed, or 0.
  int failed() const { return failed_; }
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
  int failed_ = 0;
};

// A group of its own, no signal blocked or ignored.
class SpawnAttributes {
 public:
  SpawnAttributes() {
    ::posix_spawnattr_init(&attributes_);
    sigset_t signals;
    ::sigemptyset(&signals);
    ::posix_spawnattr_setsigmask(&attributes_, &signals);
    ::sigfillset(&signals);
    ::posix_spawnattr_setsigdefault(&attributes_, &signals);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;
  ~SpawnAttributes() { ::posix_spawnattr_destroy(&attributes_); }

  const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_{};
};

// What execve takes; it does not write to the strings.
std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  result.reserve(strings.size() + 1);
  for (const std::string& string : strings) result.push_back(const_cast<char*>(string.c_str()));
  result.push_back(nullptr);
  return result;
}

// One of the child's streams: keeps so many bytes, counts the others.
struct Stream {
  Descriptor descriptor;
  std::size_t limit;
  std::string kept{};
  std::uint64_t dropped = 0;

  void read() {
    std::array<char, 1 << 16> chunk;
    const ssize_t size = ::read(descriptor.number(), chunk.data(), chunk.size());
    if (size < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (size <= 0) {
      descriptor.reset();
      return;
    }
    const std::size_t room = std::min(static_cast<std::size_t>(size), limit - kept.size());
    kept.append(chunk.data(), room);
    dropped += static_cast<std::size_t>(size) - room;
  }
};

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

// Reads all streams to their ends. Gives why it stopped before, if it did.
ProcessEnd read_streams(std::array<Stream, 3>& streams, const Descriptor& stopped, Clock::time_point deadline) {
  const Stream& output = streams[0];
  while (true) {
    std::array<pollfd, 4> polled{};
    bool open = false;
    for (std::size_t i = 0; i < streams.size(); ++i) {
      polled[i] = {streams[i].descriptor.number(), POLLIN, 0};
      open = open || streams[i].descriptor.is_open();
    }
    if (!open) return ProcessEnd::kExited;
    polled[3] = {stopped.number(), POLLIN, 0};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return ProcessEnd::kTimeLimit;
    constexpr std::chrono::milliseconds::rep kLongest = 1 << 30;
    if (::poll(polled.data(), polled.size(), static_cast<int>(std::min(left.count(), kLongest))) < 0) continue;
    if (polled[3].revents != 0) return ProcessEnd::kCancelled;
    for (std::size_t i = 0; i < streams.size(); ++i) {
      if (polled[i].revents != 0) streams[i].read();
    }
    if (output.dropped != 0) return ProcessEnd::kOutputLimit;
  }
}

}  // namespace

tl::expected<ProcessResult, std::string> run_process(const Process& process, const ProcessLimits& limits,
                                                     const std::stop_token& stop) {
  const auto deadline = Clock::now() + limits.wall;
  const std::string& executable = process.arguments.front();
  const auto fail = [&](int error) {
    return tl::unexpected(fmt::format("cannot start {}: {}", executable, error_text(error)));
  };

  const Descriptor stopped(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  auto output = Pipe::make();
  auto messages = Pipe::make();
  auto report = Pipe::make();
  Descriptor data = file_of(process.data);
  Descriptor nothing = above(Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC)));
  if (!stopped.is_open() || !output || !messages || !report || !data.is_open() || !nothing.is_open()) {
    return fail(errno);
  }

  SpawnActions actions;
  actions.duplicate(nothing, STDIN_FILENO);
  actions.duplicate(output->write, STDOUT_FILENO);
  actions.duplicate(messages->write, STDERR_FILENO);
  actions.duplicate(data, Process::kData);
  actions.duplicate(report->write, Process::kReport);
  actions.close_from(Process::kReport + 1);
  if (actions.failed() != 0) return fail(actions.failed());
  const SpawnAttributes attributes;
  pid_t child = 0;
  const int failed = ::posix_spawn(&child, executable.c_str(), actions.get(), attributes.get(),
                                   pointers(process.arguments).data(), pointers(process.environment).data());
  if (failed != 0) return fail(failed);
  output->write.reset();
  messages->write.reset();
  report->write.reset();

  std::array streams = {Stream{std::move(output->read), limits.output_bytes},
                        Stream{std::move(messages->read), limits.message_bytes},
                        Stream{std::move(report->read), kMaxReportBytes}};
  const std::stop_callback on_stop(stop, [&] { ::eventfd_write(stopped.number(), 1); });
  const ProcessEnd end = read_streams(streams, stopped, deadline);
  if (end != ProcessEnd::kExited) ::kill(-child, SIGKILL);
  const int status = wait_for(child);
  return ProcessResult{.end = end,
                       .status = status,
                       .output = std::move(streams[0].kept),
                       .messages = std::move(streams[1].kept),
                       .messages_dropped = streams[1].dropped,
                       .report = std::move(streams[2].kept)};
}

}  // namespace magnetar::compile
