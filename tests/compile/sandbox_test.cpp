#include "host/compile/sandbox.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

#include "host/compile/descriptor.h"

namespace magnetar::compile {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using namespace std::chrono_literals;

class SandboxTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::access(SandboxTools().bwrap.c_str(), X_OK) != 0) GTEST_SKIP() << "bubblewrap is not installed";
  }

  // What a script does in the sandbox that sees also these programs.
  tl::expected<SandboxResult, std::string> run(const std::string& script, const std::vector<std::string>& programs = {},
                                               std::string_view data = "") {
    SandboxJob job{.arguments = {"/usr/bin/bash", "-c", script},
                   .mounts = {{"/usr/bin/bash", "/usr/bin/bash"}},
                   .data = data,
                   .data_path = "/data/file",
                   .result_path = "/tmp/result"};
    for (const std::string& program : programs) job.mounts.push_back({program, program});
    return run_sandboxed(SandboxTools(), limits_, job, stop_.get_token());
  }

  SandboxLimits limits_;
  std::stop_source stop_;
};

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

TEST_F(SandboxTest, GivesDataInAndTheResultOut) {
  const auto done = run("cat /data/file > /tmp/result; echo said; echo more >&2", {}, std::string_view("a\0b\xff", 4));
  ASSERT_TRUE(done) << done.error();
  EXPECT_EQ(done->end, ProcessEnd::kExited);
  EXPECT_EQ(done->status, 0);
  EXPECT_EQ(done->result, std::string("a\0b\xff", 4));
  EXPECT_EQ(done->messages, "said\nmore\n");
}

TEST_F(SandboxTest, SaysHowTheProgramEnded) {
  for (const auto& [script, status] :
       {std::pair("exit 3", 3), std::pair("kill -SEGV $$", 128 + SIGSEGV), std::pair("kill -KILL $$", 128 + SIGKILL)}) {
    const auto done = run(script);
    ASSERT_TRUE(done) << done.error();
    EXPECT_EQ(done->status, status);
    EXPECT_THAT(done->result, IsEmpty());
  }
  const auto nothing = run("exit 0");
  ASSERT_FALSE(nothing);
  EXPECT_THAT(nothing.error(), HasSubstr("No such file"));
}

// Connects to `port` of this machine, and says "connected" if that works.
std::string connect_script(std::uint16_t port) {
  return "exec 9<>/dev/tcp/127.0.0.1/" + std::to_string(port) + " && echo connected";
}

TEST_F(SandboxTest, HasNoNetwork) {
  const Descriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(::bind(listener.number(), reinterpret_cast<const sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener.number(), 8), 0);
  ASSERT_EQ(::getsockname(listener.number(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string script = connect_script(ntohs(address.sin_port));

  const auto outside = run_process({.arguments = {"/usr/bin/bash", "-c", script}}, {10s, 1000, 1000}, {});
  ASSERT_TRUE(outside);
  ASSERT_EQ(outside->output, "connected\n");
  const auto inside = run(script);
  ASSERT_TRUE(inside) << inside.error();
  EXPECT_NE(inside->status, 0);
  EXPECT_THAT(inside->messages, Not(HasSubstr("connected\n")));
  EXPECT_THAT(inside->messages, HasSubstr("/dev/tcp/127.0.0.1/"));
}

TEST_F(SandboxTest, SeesOnlyWhatItIsGiven) {
  const auto done =
      run("for path in /etc /etc/passwd /home /root /proc /sys /dev /var /work /usr/bin/python3 /usr/share; "
          "do [ ! -e $path ] || echo sees $path; done; [ -e /usr/lib ] && echo sees libraries; exit 1");
  ASSERT_TRUE(done) << done.error();
  EXPECT_EQ(done->messages, "sees libraries\n");
}

TEST_F(SandboxTest, WritesNowhereButInItsScratchFolder) {
  const auto done =
      run("exec 3>&2 2>/tmp/errors; for folder in / /usr /usr/lib /usr/bin /data; do "
          "(: > $folder/new) && echo writes $folder >&3; done; "
          "(: >> /usr/bin/bash) && echo writes a mounted file >&3; : > /tmp/new && echo scratch >&3; exit 1");
  ASSERT_TRUE(done) << done.error();
  EXPECT_EQ(done->messages, "scratch\n");
}

TEST_F(SandboxTest, IsNobodyAndCannotBecomeMore) {
  const auto done = run("id -u; unshare --user true || echo no namespaces; exit 1",
                        {"/usr/bin/id", "/usr/bin/unshare", "/usr/bin/true"});
  ASSERT_TRUE(done) << done.error();
  const std::string user = ::geteuid() == 0 ? "65534" : std::to_string(::geteuid());
  EXPECT_THAT(done->messages, testing::StartsWith(user + "\n"));
  EXPECT_THAT(done->messages, HasSubstr("no namespaces"));
}

TEST_F(SandboxTest, InheritsNothing) {
  ::setenv("MAGNETAR_TEST_SECRET", "secret", 1);
  // Not closed on exec, as a careless library leaves it.
  const int leaked = ::fcntl(STDERR_FILENO, F_DUPFD, 50);
  ASSERT_GE(leaked, 50);
  const std::string script = "echo $MAGNETAR_TEST_SECRET >&" + std::to_string(leaked);
  ASSERT_EQ(std::system(("bash -c '" + script + "'").c_str()), 0);
  const auto done = run("echo \"[$MAGNETAR_TEST_SECRET]\"; " + script + " || echo closed; exit 1");
  ::close(leaked);
  ASSERT_TRUE(done) << done.error();
  EXPECT_THAT(done->messages, testing::StartsWith("[]\n"));
  EXPECT_THAT(done->messages, HasSubstr("closed\n"));
}

TEST_F(SandboxTest, LimitsProcessorTime) {
  limits_.cpu = 1s;
  const auto done = run("while :; do :; done");
  ASSERT_TRUE(done) << done.error();
  EXPECT_EQ(done->status, 128 + SIGXCPU);
}

TEST_F(SandboxTest, LimitsTimeAndEndsWhatItStarted) {
  limits_.wall = 500ms;
  const auto start = std::chrono::steady_clock::now();
  const auto done = run("sleep 100 & sleep 100", {"/usr/bin/sleep"});
  ASSERT_TRUE(done) << done.error();
  EXPECT_EQ(done->end, ProcessEnd::kTimeLimit);
  EXPECT_LT(seconds_since(start), 60);
}

TEST_F(SandboxTest, EndsWhatTheProgramLeavesBehind) {
  const auto start = std::chrono::steady_clock::now();
  const auto done = run("sleep 1000 & exit 5", {"/usr/bin/sleep"});
  ASSERT_TRUE(done) << done.error();
  EXPECT_EQ(done->status, 5);
  EXPECT_LT(seconds_since(start), 60);
}

TEST_F(SandboxTest, StopsOnRequestOfAnotherThread) {
  limits_.wall = 1000s;
  const auto start = std::chrono::steady_clock::now();
  const std::jthread stopper([this] {
    std::this_thread::sleep_for(200ms);
    stop_.request_stop();
  });
  const auto done = run("sleep 1000", {"/usr/bin/sleep"});
  ASSERT_TRUE(done) << done.error();
  EXPECT_EQ(done->end, ProcessEnd::kCancelled);
  EXPECT_LT(seconds_since(start), 100);
  // A request that came before counts as well.
  const auto again = run("sleep 1000", {"/usr/bin/sleep"});
  ASSERT_TRUE(again) << again.error();
  EXPECT_EQ(again->end, ProcessEnd::kCancelled);
}

TEST_F(SandboxTest, LimitsFilesAndScratch) {
  limits_.file_bytes = 1 << 20;
  const auto file = run("exec yes > /tmp/file", {"/usr/bin/yes"});
  ASSERT_TRUE(file) << file.error();
  EXPECT_EQ(file->status, 128 + SIGXFSZ);
  limits_.file_bytes = 8 << 20;
  limits_.scratch_bytes = 1 << 20;
  const auto scratch = run("exec yes > /tmp/file", {"/usr/bin/yes"});
  ASSERT_TRUE(scratch) << scratch.error();
  EXPECT_EQ(scratch->status, 1);
  EXPECT_THAT(scratch->messages, HasSubstr("No space left on device"));
}

TEST_F(SandboxTest, LimitsMemory) {
  limits_.address_space_bytes = 64 << 20;
  // Doubles a string until there is no memory for it.
  const auto done = run("s=xxxxxxxxxxxxxxxx; for i in {1..30}; do s=$s$s; done; echo survived");
  ASSERT_TRUE(done) << done.error();
  EXPECT_NE(done->status, 0);
  EXPECT_THAT(done->messages, Not(HasSubstr("survived")));
}

TEST_F(SandboxTest, LimitsProcesses) {
  const std::string script =
      "exec sh -c 'sleep 1 | sleep 1 | sleep 1 | sleep 1 | sleep 1 | sleep 1 | sleep 1; echo all ran; exit 1'";
  const auto enough = run(script, {"/usr/bin/sleep"});
  ASSERT_TRUE(enough) << enough.error();
  EXPECT_EQ(enough->messages, "all ran\n");
  limits_.processes = 6;
  const auto few = run(script, {"/usr/bin/sleep"});
  ASSERT_TRUE(few) << few.error();
  EXPECT_THAT(few->messages, HasSubstr("Cannot fork"));
}

TEST_F(SandboxTest, LimitsResultAndMessages) {
  limits_.message_bytes = 10;
  limits_.result_bytes = 10;
  const auto messages = run("echo 0123456789abcdef; exit 1");
  ASSERT_TRUE(messages) << messages.error();
  EXPECT_EQ(messages->messages, "0123456789");
  EXPECT_EQ(messages->messages_dropped, 7u);
  const auto fits = run("echo 012345678 > /tmp/result");
  ASSERT_TRUE(fits) << fits.error();
  EXPECT_EQ(fits->result, "012345678\n");
  const auto too_large = run("echo 0123456789 > /tmp/result");
  ASSERT_TRUE(too_large) << too_large.error();
  EXPECT_EQ(too_large->end, ProcessEnd::kOutputLimit);
}

TEST_F(SandboxTest, SaysWhenItCannotBeMade) {
  const auto mount = run("exit 0", {"/nonexistent"});
  ASSERT_FALSE(mount);
  EXPECT_THAT(mount.error(), HasSubstr("/nonexistent: No such file or directory"));
  SandboxTools tools;
  tools.setpriv = tools.bwrap = "/nonexistent/tool";
  const auto tool =
      run_sandboxed(tools, limits_, {.arguments = {"/usr/bin/sh"}, .data_path = "/d", .result_path = "/tmp/r"}, {});
  ASSERT_FALSE(tool);
  EXPECT_THAT(tool.error(), HasSubstr("/nonexistent/tool: No such file or directory"));
  tools = {};
  tools.prlimit = "/usr/bin/false";
  const auto inside =
      run_sandboxed(tools, limits_, {.arguments = {"/usr/bin/sh"}, .data_path = "/d", .result_path = "/tmp/r"}, {});
  ASSERT_FALSE(inside);
  EXPECT_THAT(inside.error(), HasSubstr("the sandbox ended with status 1"));
}

}  // namespace
}  // namespace magnetar::compile
