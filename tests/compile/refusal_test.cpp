#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "compiler_fixture.h"
#include "host/compile/compiler.h"

namespace magnetar::compile {
namespace {

using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;

struct Refusal {
  const char* name;
  std::string source;
  CompileErrorKind kind;
  const char* message;
};

std::string nested_parentheses(std::size_t depth) {
  return program("#[used] static V: u32 = " + std::string(depth, '(') + "1" + std::string(depth, ')') + ";");
}

// m0 is the sum of 2^40 ones.
std::string doubling_macros() {
  std::string items;
  for (int i = 0; i < 40; ++i) {
    items += fmt::format("macro_rules! m{} {{ () => {{ m{}!() + m{}!() }} }}\n", i, i + 1, i + 1);
  }
  return program(items + "macro_rules! m40 { () => { 1u64 } }\n#[used] static V: u64 = m0!();");
}

std::string assembly(std::string_view text) {
  return program("", fmt::format("#[nexus_rt::main]\nfn main() {{ unsafe {{ core::arch::asm!({}) }} }}\n", text));
}

const std::vector<Refusal>& refusals() {
  using enum CompileErrorKind;
  static const std::vector<Refusal> all = {
      {"TypeError", program("const X: u32 = \"text\";"), kSource,
       "error[E0308]: mismatched types\n --> src/main.rs:3:16"},
      {"NotUtf8", program("\xff"), kSource, "stream did not contain valid UTF-8"},
      {"Empty", "", kSource, "main"},
      {"Std", "fn main() {}\n", kSource, "can't find crate for `std`"},
      {"NoMain", program("#[nexus_rt::profile] fn f() {}", ""), kSource,
       "no function is marked with #[nexus_rt::main]"},
      {"NoRuntime", program("#[panic_handler] fn p(_: &core::panic::PanicInfo) -> ! { loop {} }", ""), kSource,
       "the program does not use nexus_rt"},
      {"UnstableFeature", "#![feature(never_type)]\n" + program(""), kSource,
       "may not be used on the stable release channel"},
      {"ReadsShadow", program("#[used] static S: &str = include_str!(\"/etc/shadow\");"), kSource,
       "couldn't read `/etc/shadow`: No such file or directory"},
      {"ReadsUpwards", program("#[used] static S: &str = include_str!(\"../../../../etc/passwd\");"), kSource,
       "No such file or directory"},
      {"ReadsEnvironment", program("#[used] static S: &[u8] = include_bytes!(\"/proc/self/environ\");"), kSource,
       "No such file or directory"},
      {"ReadsZeros", program("#[used] static S: &[u8] = include_bytes!(\"/dev/zero\");"), kSource,
       "No such file or directory"},
      {"ModuleElsewhere", program("#[path = \"/etc/passwd\"] mod secret;"), kSource,
       "couldn't read `/etc/passwd`: No such file or directory"},
      {"AssemblerReads", program("core::arch::global_asm!(\".section .rodata\", \".incbin \\\"/etc/passwd\\\"\");"),
       kSource, "Could not find incbin file '/etc/passwd'"},
      {"LinkerReads",
       program("#[link(name = \":../../../../etc/passwd\", kind = \"dylib\")] extern \"C\" { fn f(); }\n"
               "#[used] static F: unsafe extern \"C\" fn() = f;"),
       kSource, "unable to find library -l:../../../../etc/passwd"},
      {"EndlessConstant", endless_constant(), kLimit, "compiling takes more than 3 s of processor time"},
      {"GrowingMacro",
       program("macro_rules! bomb { ($($x:tt)*) => { bomb!($($x)* $($x)*); } }\nbomb!(a a a a a a a a);"), kLimit,
       "compiling takes more than 1024 MiB of memory"},
      {"DoublingMacros", doubling_macros(), kLimit, "compiling takes more than"},
      {"GiantConstant", program("#[used] static BIG: [u32; 1 << 28] = [0x01020304; 1 << 28];"), kSource,
       "tried to allocate more memory than available to compiler"},
      {"LargeFile", program("#[used] static BIG: [u8; 20 << 20] = [1; 20 << 20];"), kLimit,
       "compiling writes a file of more than 16 MiB"},
      {"StaticsBeyondMemory", program("#[used] static mut BIG: [u8; 9 << 20] = [0; 9 << 20];"), kSource,
       "take more than its memory: raise memlimit"},
      {"NestedParentheses", nested_parentheses(100'000), kSource, "makes the compiler crash"},
      {"WordOfM",
       program("core::arch::global_asm!(\".section .text.evil, \\\"ax\\\"\", \".globl evil\", \"evil:\", \".word "
               "0x02b50533\", "
               "\"ret\");\nextern \"C\" { fn evil(); }",
               "#[nexus_rt::main]\nfn main() { unsafe { evil() } }"),
       kNotRv32i, "0x02b50533 at 0x"},
      {"OwnSection",
       program("core::arch::global_asm!(\".section .evil, \\\"axR\\\", @progbits\", \".globl evil\", \"evil:\", "
               "\".word 0x02b50533\", \"ret\");\nextern \"C\" { fn evil(); }",
               "#[nexus_rt::main]\nfn main() { unsafe { evil() } }"),
       kNotRv32i, "0x02b50533 at 0x"},
      {"ExtensionM", assembly(R"(".option push", ".option arch, +m", "mul a0, a0, a0", ".option pop", out("a0") _)"),
       kNotRv32i, "0x02a50533 at 0x"},
      {"ExtensionC", assembly(R"(".option push", ".option arch, +c", "c.nop", "c.nop", ".option pop")"), kNotRv32i,
       "0x00010001 at 0x"},
      {"ControlRegister", assembly(R"("csrr a0, cycle", out("a0") _)"), kNotRv32i, "0xc0002573 at 0x"},
      {"SourceTooLarge", program(std::string(std::size_t{1} << 20, ' ')), kLimit, "at most 1048576 are compiled"},
  };
  return all;
}

class RefusalTest : public CompilerTest, public testing::WithParamInterface<std::size_t> {
 protected:
  void SetUp() override {
    CompilerOptions options = CompilerTest::options();
    options.limits.cpu = 3s;
    options.limits.address_space_bytes = std::uint64_t{1} << 30;
    open(options);
  }
};

TEST_P(RefusalTest, IsRefused) {
  const Refusal& refusal = refusals()[GetParam()];
  const auto compiled = compiler_->compile(refusal.source);
  ASSERT_FALSE(compiled);
  EXPECT_EQ(name(compiled.error().kind), name(refusal.kind)) << compiled.error().message;
  EXPECT_THAT(compiled.error().message, HasSubstr(refusal.message));
  // Neither diagnostics without end nor addresses of this machine.
  EXPECT_LE(compiled.error().message.size(), CompilerOptions().limits.message_bytes + 1000);
  EXPECT_THAT(compiled.error().message, Not(HasSubstr("librustc_driver")));
}

INSTANTIATE_TEST_SUITE_P(All, RefusalTest, testing::Range(std::size_t{0}, refusals().size()),
                         [](const auto& test) { return refusals()[test.param].name; });

}  // namespace
}  // namespace magnetar::compile
