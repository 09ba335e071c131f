// What messages of provers cost an orchestrator with all that is around its core: sockets, HTTP/2, gRPC, protobuf, the
// dispatcher. The orchestrator is a process of its own (this program, as `--serve`), so that its processor time is told
// from the provers': that time is what the benchmarks count. A swarm of provers, each on a connection of its own and
// with a segment in hand, sends a number of messages in a row, all provers at the same time.

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/support/client_callback.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "host/dispatch/dispatcher.h"
#include "host/log/log.h"
#include "host/rpc/channel.h"
#include "host/rpc/server.h"
#include "orchestrator.grpc.pb.h"

namespace {

using namespace magnetar;
namespace pb = nexus::orchestrator;

constexpr int kProvers = 200;
constexpr std::uint64_t kSteps = 1000;

[[noreturn]] void give_up(std::string_view what) {
  fmt::print(stderr, "orchestrator bench: {}\n", what);
  std::exit(4);
}

// --- The orchestrator

/// Every program takes kSteps steps. No proof is sent.
class Engine final : public dispatch::ProofEngine {
 public:
  dispatch::Expected<std::uint64_t> execute(const dispatch::Material&, const std::function<bool()>&) override {
    return kSteps;
  }
  tl::expected<dispatch::ProofClaim, std::string> identify(std::span<const std::byte>) override {
    return tl::unexpected(std::string("no proof"));
  }
  tl::expected<void, Refusal> verify(const dispatch::Material&, const store::SegmentRange&,
                                     std::span<const std::byte>) override {
    return tl::unexpected(Refusal{true, "no proof"});
  }
  tl::expected<store::Bytes, std::string> assemble(std::span<const store::Bytes>) override {
    return tl::unexpected(std::string("no proof"));
  }
};

std::int64_t processor_nanoseconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto nanoseconds = [](const timeval& time) {
    return std::int64_t{time.tv_sec} * 1'000'000'000 + std::int64_t{time.tv_usec} * 1000;
  };
  return nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime);
}

class Unheard final : public dispatch::ProverStream {
 public:
  void send(const dispatch::Work&) override {}
  void close(const dispatch::Status&) override {}
};

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "magnetar-bench-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) give_up("no temporary folder");
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::unique_ptr<store::Store> open(const std::filesystem::path& folder) {
  auto store = store::open_store(fmt::format("sqlite:{}", (folder / "orchestrator.db").string()), folder / "blobs");
  if (!store) give_up(store.error().message);
  return *std::move(store);
}

/// Serves, with a job for each prover, until standard input ends. Says its port; then for each line that it reads its
/// processor time in nanoseconds, the messages taken and the provers at work.
int serve(const std::filesystem::path& folder) {
  const auto store = open(folder);
  Engine engine;
  dispatch::Options options;
  options.policy.gathering = 0;
  options.queue.jobs = options.queue.jobs_per_requester = kProvers;
  const auto dispatcher = dispatch::Dispatcher::start(*store, engine, options, [](const dispatch::Event&) {});
  if (!dispatcher) give_up(dispatcher.error().message);
  const log::Log log(log::Format::kText, log::Level::kError);
  rpc::ServerOptions server_options;
  server_options.listen = "127.0.0.1:0";
  server_options.credentials = grpc::InsecureServerCredentials();
  const auto server = rpc::Server::start(std::move(server_options), **dispatcher, {}, log);
  if (!server) give_up(server.error());
  const auto elf = std::make_shared<const store::Bytes>(store::Bytes{std::byte{1}});
  for (int i = 0; i < kProvers; ++i) {
    const std::array<std::byte, 2> input = {static_cast<std::byte>(i & 0xff), static_cast<std::byte>(i >> 8)};
    (*dispatcher)
        ->request({.elf = elf,
                   .input = std::make_shared<const store::Bytes>(input.begin(), input.end()),
                   .requester = "bench"},
                  [](const dispatch::Expected<dispatch::ProofReply>&) {});
  }
  fmt::print("{}\n", (*server)->port());
  std::fflush(stdout);
  while (std::getchar() != EOF) {
    const std::int64_t processor = processor_nanoseconds();
    const dispatch::Snapshot now = (*dispatcher)->snapshot();
    fmt::print("{} {} {}\n", processor, now.counters.heartbeats + now.counters.progress_messages,
               now.counters.assignments);
    std::fflush(stdout);
  }
  return 0;
}

/// The orchestrator's process.
class Orchestrator {
 public:
  struct Reading {
    std::int64_t processor_nanoseconds;
    std::int64_t messages;
    std::int64_t assignments;
  };

  Orchestrator() {
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    if (::pipe(in.data()) != 0 || ::pipe(out.data()) != 0) give_up("no pipe");
    process_ = ::fork();
    if (process_ < 0) give_up("no process");
    if (process_ == 0) {
      ::dup2(in[0], STDIN_FILENO);
      ::dup2(out[1], STDOUT_FILENO);
      for (const int end : {in[0], in[1], out[0], out[1]}) ::close(end);
      ::execl("/proc/self/exe", "orchestrator", "--serve", folder_.path().c_str(), nullptr);
      ::_exit(127);
    }
    ::close(in[0]);
    ::close(out[1]);
    requests_ = ::fdopen(in[1], "w");
    answers_ = ::fdopen(out[0], "r");
    port_ = numbers<1>()[0];
  }
  ~Orchestrator() {
    std::fclose(requests_);
    ::waitpid(process_, nullptr, 0);
    std::fclose(answers_);
  }
  Orchestrator(const Orchestrator&) = delete;
  Orchestrator& operator=(const Orchestrator&) = delete;

  std::string address() const { return fmt::format("127.0.0.1:{}", port_); }

  Reading read() {
    std::fputc('\n', requests_);
    std::fflush(requests_);
    const auto values = numbers<3>();
    return {values[0], values[1], values[2]};
  }

  template <typename Condition>
  Reading wait_for(const Condition& condition) {
    // Rarely, so that asking costs the orchestrator nothing to speak of.
    for (int i = 0; i < 10'000; ++i) {
      const Reading reading = read();
      if (condition(reading)) return reading;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    give_up("the orchestrator does not get on");
  }

 private:
  template <std::size_t Count>
  std::array<std::int64_t, Count> numbers() {
    std::array<char, 128> line{};
    if (std::fgets(line.data(), static_cast<int>(line.size()), answers_) == nullptr) give_up("no answer");
    std::array<std::int64_t, Count> values{};
    const char* at = line.data();
    for (std::int64_t& value : values) {
      const auto parsed = std::from_chars(at, line.data() + line.size(), value);
      if (parsed.ec != std::errc()) give_up("an answer that is none");
      at = parsed.ptr + 1;
    }
    return values;
  }

  const TemporaryFolder folder_;
  pid_t process_ = 0;
  std::FILE* requests_ = nullptr;
  std::FILE* answers_ = nullptr;
  std::int64_t port_ = 0;
};

// --- The provers

class Prover final : public grpc::ClientBidiReactor<pb::ProverRequest, pb::ProverResponse> {
 public:
  Prover(const std::string& address, int number)
      : stub_(pb::Orchestrator::NewStub(rpc::make_channel(address, grpc::InsecureChannelCredentials()))) {
    auto& registration = *message_.mutable_registration();
    registration.set_prover_type(pb::PROVER_TYPE_VOLUNTEER);
    registration.set_prover_id(fmt::format("prover-{}", number));
    registration.set_estimated_proof_cycles_hertz(1e5);
    left_ = 1;
    stub_->async()->AddProver(&context_, this);
    AddHold();
    StartRead(&work_);
    StartWrite(&message_);
    StartCall();
  }
  ~Prover() override {
    context_.TryCancel();
    RemoveHold();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return done_; });
  }

  /// Begins to send a message a number of times, after what was sent before.
  void send(const pb::ProverRequest& message, int times) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return left_ == 0; });
    message_ = message;
    left_ = times;
    StartWrite(&message_);
  }

 private:
  void OnWriteDone(bool ok) override {
    if (!ok) return;
    const std::lock_guard lock(mutex_);
    if (--left_ == 0) {
      changed_.notify_all();
    } else {
      StartWrite(&message_);
    }
  }
  void OnDone(const grpc::Status&) override {
    const std::lock_guard lock(mutex_);
    done_ = true;
    changed_.notify_all();
  }

  const std::unique_ptr<pb::Orchestrator::Stub> stub_;
  grpc::ClientContext context_;
  pb::ProverResponse work_;
  std::mutex mutex_;
  std::condition_variable changed_;
  pb::ProverRequest message_;
  int left_ = 0;
  bool done_ = false;
};

void measure(benchmark::State& state, const pb::ProverRequest& message) {
  Orchestrator orchestrator;
  std::vector<std::unique_ptr<Prover>> provers;
  for (int i = 0; i < kProvers; ++i) provers.push_back(std::make_unique<Prover>(orchestrator.address(), i));
  Orchestrator::Reading before = orchestrator.wait_for([](const auto& now) { return now.assignments == kProvers; });
  const auto in_a_row = static_cast<int>(state.range(0));
  for (auto _ : state) {
    for (const auto& prover : provers) prover->send(message, in_a_row);
    const std::int64_t wanted = before.messages + std::int64_t{kProvers} * in_a_row;
    const Orchestrator::Reading after =
        orchestrator.wait_for([wanted](const auto& now) { return now.messages >= wanted; });
    state.SetIterationTime(static_cast<double>(after.processor_nanoseconds - before.processor_nanoseconds) * 1e-9);
    before = after;
  }
  const auto messages = static_cast<double>(state.iterations()) * kProvers * in_a_row;
  state.SetItemsProcessed(static_cast<std::int64_t>(messages));
  state.counters["seconds_per_message"] =
      benchmark::Counter(messages, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

// Heartbeats of 200 provers. The time is the orchestrator's processor time.
void HeartbeatOverGrpc(benchmark::State& state) {
  pb::ProverRequest message;
  message.mutable_heartbeat();
  measure(state, message);
}
BENCHMARK(HeartbeatOverGrpc)->ArgName("in_a_row")->Arg(1)->Arg(100)->UseManualTime()->Unit(benchmark::kMillisecond);

// Progress of the segments of 200 provers, likewise.
void ProgressOverGrpc(benchmark::State& state) {
  pb::ProverRequest message;
  auto& progress = *message.mutable_progress();
  progress.set_completed_fraction(0.5F);
  progress.set_steps_in_trace(kSteps);
  progress.set_steps_to_prove(kSteps);
  progress.set_steps_proven(kSteps / 2);
  measure(state, message);
}
BENCHMARK(ProgressOverGrpc)->ArgName("in_a_row")->Arg(1)->Arg(100)->UseManualTime()->Unit(benchmark::kMillisecond);

// So many provers that connect at the same time, until all are registered in a SQLite file.
void Register(benchmark::State& state) {
  Engine engine;
  const auto provers = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) {
    const TemporaryFolder folder;
    const auto store = open(folder.path());
    std::atomic<std::size_t> connected = 0;
    dispatch::Options options;
    options.policy.max_provers = provers;
    const auto dispatcher = dispatch::Dispatcher::start(*store, engine, options, [&](const dispatch::Event& event) {
      connected += event.message == "connected" ? 1 : 0;
    });
    if (!dispatcher) give_up(dispatcher.error().message);
    const auto start = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < provers; ++i) {
      const auto session =
          (*dispatcher)
              ->connect({fmt::format("prover-{}", i), store::ProverType::kVolunteer, 1e5}, std::make_shared<Unheard>());
      if (!session) give_up(session.error().message);
    }
    while (connected < provers) std::this_thread::sleep_for(std::chrono::microseconds(100));
    state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(0));
}
BENCHMARK(Register)->Arg(1000)->UseManualTime()->Unit(benchmark::kMillisecond);

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "--serve") return serve(argv[2]);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
