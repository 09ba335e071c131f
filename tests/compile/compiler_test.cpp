#include "host/compile/compiler.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "compiler_fixture.h"
#include "host/compile/files.h"
#include "vm/program.h"

namespace magnetar::compile {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

TEST_F(CompilerTest, CompilesAndCaches) {
  const std::string source = unique("compiles and caches");
  const auto first = compiler_->compile(source);
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_FALSE(first->cached);
  EXPECT_EQ(first->diagnostics, "");
  ASSERT_TRUE(vm::Program::load(first->elf));
  const auto second = compiler_->compile(source);
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_TRUE(second->cached);
  EXPECT_EQ(second->elf, first->elf);
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(CompilerTest, KeepsWarningsWithTheProgram) {
  const std::string source = unique("keeps warnings") + "fn unused_one() {}\n";
  for (const bool cached : {false, true}) {
    const auto compiled = compiler_->compile(source);
    ASSERT_TRUE(compiled) << compiled.error().message;
    EXPECT_EQ(compiled->cached, cached);
    EXPECT_THAT(compiled->diagnostics, HasSubstr("warning: function `unused_one` is never used\n --> src/main.rs:"));
  }
}

TEST_F(CompilerTest, GivesTheSameBytesAgain) {
  const std::string source =
      unique("gives the same bytes") + "#[no_mangle] pub fn f(t: &[u8], i: usize) -> u8 { t[i] }\n";
  const auto first = compiler_->compile(source);
  ASSERT_TRUE(first) << first.error().message;
  for (const auto& entry : fs::directory_iterator(fs::path(MAGNETAR_COMPILE_CACHE) / "programs")) {
    // The one just made, whatever others do meanwhile.
    auto bytes = read_whole(entry.path(), std::size_t{1} << 26);
    const std::string_view elf(reinterpret_cast<const char*>(first->elf.data()), first->elf.size());
    if (bytes && bytes->ends_with(elf)) fs::remove(entry.path());
  }
  const auto second = compiler_->compile(source);
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_FALSE(second->cached);
  EXPECT_EQ(second->elf, first->elf);
}

TEST_F(CompilerTest, CompilesAgainWhatIsCorruptInTheCache) {
  const std::string source = unique("corrupt");
  const auto before = fs::file_time_type::clock::now() - 1s;
  const auto first = compiler_->compile(source);
  ASSERT_TRUE(first) << first.error().message;
  std::size_t corrupted = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(MAGNETAR_COMPILE_CACHE) / "programs")) {
    std::error_code gone;
    if (entry.last_write_time(gone) < before || gone) continue;
    auto bytes = read_whole(entry.path(), std::size_t{1} << 26);
    const std::string_view elf(reinterpret_cast<const char*>(first->elf.data()), first->elf.size());
    if (!bytes || !bytes->ends_with(elf)) continue;
    bytes->back() = static_cast<char>(bytes->back() ^ 1);
    std::ofstream(entry.path(), std::ios::binary) << *bytes;
    ++corrupted;
  }
  ASSERT_EQ(corrupted, 1u);
  const auto second = compiler_->compile(source);
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_FALSE(second->cached);
  EXPECT_EQ(second->elf, first->elf);
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_THAT(warnings_[0], HasSubstr("does not match its digest; compiling again"));
  EXPECT_TRUE(compiler_->compile(source)->cached);
}

TEST_F(CompilerTest, BoundsDiagnostics) {
  CompilerOptions options = CompilerTest::options();
  options.limits.message_bytes = 2000;
  open(options);
  std::string functions;
  for (int i = 0; i < 500; ++i) functions += fmt::format("fn unused_{}() {{}}\n#[test] fn bad_{}(x: u32) {{}}\n", i, i);
  const auto warned = compiler_->compile(unique("bounds") + functions);
  ASSERT_TRUE(warned) << warned.error().message;
  EXPECT_LE(warned->diagnostics.size(), 2100u);
  EXPECT_THAT(warned->diagnostics, testing::ContainsRegex("\\[[0-9]+ bytes more\\]"));
  std::string errors;
  for (int i = 0; i < 500; ++i) errors += fmt::format("const X{}: u32 = \"text\";\n", i);
  const auto refused = compiler_->compile(unique("bounds") + errors);
  ASSERT_FALSE(refused);
  EXPECT_LE(refused.error().message.size(), 2200u);
  EXPECT_THAT(refused.error().message, testing::ContainsRegex("\\[[0-9]+ bytes more\\]"));
}

TEST_F(CompilerTest, LimitsWallTime) {
  CompilerOptions options = CompilerTest::options();
  options.limits.wall = 1000ms;
  options.limits.cpu = 300s;
  open(options);
  const auto refused = compiler_->compile(endless_constant());
  ASSERT_FALSE(refused);
  EXPECT_EQ(name(refused.error().kind), name(CompileErrorKind::kLimit));
  EXPECT_EQ(refused.error().message, "compiling takes more than 1 s");
}

TEST_F(CompilerTest, StopsThreadsOnRequest) {
  CompilerOptions options = CompilerTest::options();
  options.limits.wall = 1000s;
  options.limits.cpu = 1000s;
  options.max_parallel = 1;
  open(options);
  std::stop_source stop;
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::string> kinds(2);
  {
    // One of them compiles, the other waits for it.
    std::vector<std::jthread> threads;
    for (std::string& kind : kinds) {
      threads.emplace_back([&] {
        const auto compiled = compiler_->compile(endless_constant(), stop.get_token());
        kind = compiled ? "compiled" : name(compiled.error().kind);
      });
    }
    std::this_thread::sleep_for(300ms);
    stop.request_stop();
  }
  EXPECT_THAT(kinds, testing::Each("cancelled"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, 100s);
  EXPECT_TRUE(compiler_->compile(unique("after a stop")));
}

TEST_F(CompilerTest, ServesManyThreads) {
  const std::string shared = unique("many threads");
  std::vector<tl::expected<Compiled, CompileError>> results(6);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < results.size(); ++i) {
      threads.emplace_back([&, i] {
        results[i] = compiler_->compile(i % 2 == 0 ? shared
                                        : i == 1   ? unique("many threads") + "const X: u32 = ();"
                                                   : shared + fmt::format("// {}", i));
      });
    }
  }
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (i == 1) {
      ASSERT_FALSE(results[i]);
      EXPECT_EQ(name(results[i].error().kind), name(CompileErrorKind::kSource));
      continue;
    }
    ASSERT_TRUE(results[i]) << results[i].error().message;
    EXPECT_EQ(results[i]->elf, results[0]->elf);
  }
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(CompilerTest, SandboxThatCannotBeMade) {
  CompilerOptions options = CompilerTest::options();
  // A bwrap that makes none.
  options.toolchain.sandbox.bwrap = "/usr/bin/false";
  open(options);
  const auto refused = compiler_->compile(unique("no sandbox"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(name(refused.error().kind), name(CompileErrorKind::kSandbox));
  EXPECT_THAT(refused.error().message, HasSubstr("the sandbox ended with status 1"));
}

// Copies the SDKs of one cache folder to another. Gives their folders there.
std::vector<fs::path> copy_sdks(const fs::path& from, const fs::path& to) {
  std::vector<fs::path> copies;
  for (const auto& entry : fs::directory_iterator(from)) {
    const fs::path name = entry.path().filename();
    // One with an extension is being built.
    if (!entry.is_directory() || !name.string().starts_with("sdk-") || name.has_extension()) continue;
    fs::remove_all(to / name);
    fs::copy(entry, to / name, fs::copy_options::recursive);
    copies.push_back(to / name);
  }
  return copies;
}

TEST_F(CompilerTest, SdkThatHasChangedIsBuiltAgain) {
  const fs::path folder = testing::TempDir() + "/compiler-test-sdk";
  fs::remove_all(folder);
  fs::create_directories(folder);
  const Toolchain toolchain;
  const auto identity = identify(toolchain, {});
  ASSERT_TRUE(identity);
  // Under a stop request nothing is built: what was found wrong is seen all the same.
  std::stop_source stop;
  stop.request_stop();
  const auto open_copy = [&] {
    warnings_.clear();
    const auto warn = [this](const std::string& line) { warnings_.push_back(line); };
    return open_sdk(folder, toolchain, *identity, warn, stop.get_token());
  };

  const std::vector<std::pair<const char*, std::function<void(const fs::path&)>>> changes = {
      {"lib/libnexus_rt.rlib has changed",
       [](const fs::path& sdk) {
         std::fstream(sdk / "lib/libnexus_rt.rlib", std::ios::in | std::ios::out | std::ios::binary).seekp(5000)
             << "changed";
       }},
      {"link.ld is missing", [](const fs::path& sdk) { fs::remove(sdk / "link.ld"); }},
      {"more.txt is not in the manifest", [](const fs::path& sdk) { std::ofstream(sdk / "more.txt") << "more"; }},
      {"it was built by rustc 1.0",
       [](const fs::path& sdk) {
         std::fstream(sdk / "manifest", std::ios::in | std::ios::out | std::ios::binary) << "rustc 1.0\n";
       }},
      {"the manifest is truncated",
       [](const fs::path& sdk) { fs::resize_file(sdk / "manifest", fs::file_size(sdk / "manifest") - 1); }},
      {"manifest: No such file", [](const fs::path& sdk) { fs::remove(sdk / "manifest"); }},
  };
  for (const auto& [what, change] : changes) {
    const auto copies = copy_sdks(MAGNETAR_COMPILE_CACHE, folder);
    ASSERT_THAT(copies, Not(IsEmpty()));
    ASSERT_TRUE(open_copy()) << what;
    ASSERT_THAT(warnings_, IsEmpty());
    for (const fs::path& sdk : copies) change(sdk);
    const auto opened = open_copy();
    ASSERT_FALSE(opened) << what;
    EXPECT_EQ(name(opened.error().kind), "cancelled");
    ASSERT_EQ(warnings_.size(), 1u);
    EXPECT_THAT(warnings_[0], HasSubstr(what));
  }
  fs::remove_all(folder);
}

TEST(ToolchainTest, NamesWhatIsMissing) {
  Toolchain none;
  none.rustc = "/nonexistent/rustc";
  none.linker = "/nonexistent/lld";
  none.crates = "/nonexistent/crates";
  none.sandbox.bwrap = "/nonexistent/bwrap";
  const auto compiler = Compiler::open({.cache_folder = "/nonexistent", .toolchain = none});
  ASSERT_FALSE(compiler);
  EXPECT_EQ(name(compiler.error().kind), "toolchain-missing");
  for (const char* part : {"/nonexistent/rustc", "/nonexistent/lld", "/nonexistent/crates/serde", "/nonexistent/bwrap",
                           "apt-get install rustc-web lld-14 librust-serde-dev librust-serde-derive-dev bubblewrap"}) {
    EXPECT_THAT(compiler.error().message, HasSubstr(part));
  }
}

TEST_F(CompilerTest, CompilerThatDoesNotWork) {
  CompilerOptions options = CompilerTest::options();
  options.toolchain.rustc = "/usr/bin/false";
  const auto compiler = Compiler::open(options);
  ASSERT_FALSE(compiler);
  EXPECT_EQ(name(compiler.error().kind), "toolchain-missing");
  EXPECT_THAT(compiler.error().message, HasSubstr("/usr/bin/false does not work"));
}

TEST_F(CompilerTest, CacheFolderThatCannotBeMade) {
  CompilerOptions options = CompilerTest::options();
  options.cache_folder = "/dev/null/cache";
  const auto compiler = Compiler::open(options);
  ASSERT_FALSE(compiler);
  EXPECT_EQ(name(compiler.error().kind), "cache-folder");
  EXPECT_THAT(compiler.error().message, HasSubstr("/dev/null/cache: Not a directory"));
}

}  // namespace
}  // namespace magnetar::compile
