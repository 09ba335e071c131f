// Random programs side by side with qemu-system-riscv32: pc and all registers before every instruction.
//
// MAGNETAR_COSIM_PROGRAMS (default 10,000) and MAGNETAR_COSIM_SEED (default 1) set how many and which.

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>

#include "assembler.h"
#include "random_program.h"
#include "replay.h"
#include "vm/instruction.h"
#include "vm/machine.h"

namespace magnetar::vm {
namespace {

using namespace testing;

constexpr std::uint32_t kProgramsPerBatch = 200;
constexpr std::uint32_t kShimAddress = 0x1f00000;

// Machine-mode code around the guest: it enters the guest at 0 with all registers zero, steps over its EBREAKs, and
// ends the simulation by semihosting at any other trap, as the halt word is one.
std::vector<std::uint32_t> shim() {
  constexpr std::uint32_t kMtvec = 0x305, kMscratch = 0x340, kMepc = 0x341, kMcause = 0x342;
  const auto write_csr = [](std::uint32_t csr, std::uint32_t rs1) { return csr << 20 | rs1 << 15 | 1 << 12 | 0x73; };
  const auto read_csr = [](std::uint32_t rd, std::uint32_t csr) { return csr << 20 | 2 << 12 | rd << 7 | 0x73; };
  constexpr std::uint32_t kMret = 0x30200073;
  return {
      lui(t0, kShimAddress >> 12),
      addi(t0, t0, 20),
      write_csr(kMtvec, t0),
      addi(t0, zero, 0),
      jalr(zero, zero, 0),
      // Trap.
      write_csr(kMscratch, t0),
      read_csr(t0, kMcause),
      addi(t0, t0, -3),
      bne(t0, zero, 24),
      read_csr(t0, kMepc),
      addi(t0, t0, 4),
      write_csr(kMepc, t0),
      read_csr(t0, kMscratch),
      kMret,
      // SYS_EXIT with ADP_Stopped_ApplicationExit, by the semihosting sequence.
      addi(a0, zero, 0x18),
      lui(a1, 0x20),
      addi(a1, a1, 0x26),
      i_type(0x13, 1, zero, zero, 0x1f),
      0x00100073,
      i_type(0x13, 5, zero, zero, 0x407),
  };
}

struct State {
  std::uint32_t pc;
  std::array<std::uint32_t, 32> registers;

  friend bool operator==(const State&, const State&) = default;
};

std::string show(const State& state) {
  std::string text;
  for (unsigned i = 0; i < 32; ++i) {
    char line[32];
    std::snprintf(line, sizeof line, "%s=%08x%c", std::string(register_name(static_cast<std::uint8_t>(i))).c_str(),
                  state.registers[i], i % 8 == 7 ? '\n' : ' ');
    text += line;
  }
  return text;
}

State state_of(const Machine& machine) {
  State state{static_cast<std::uint32_t>(machine.pc()), {}};
  for (std::uint8_t i = 0; i < 32; ++i) state.registers[i] = machine.reg(i);
  return state;
}

// Removed with all that is in it.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = std::filesystem::temp_directory_path() / "magnetar-cosim-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder can be made");
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// A run of qemu over a text at 0, whose states before each instruction are read one by one.
class Qemu {
 public:
  Qemu(const std::filesystem::path& folder, const std::vector<std::uint32_t>& text) {
    write(folder / "guest", text);
    write(folder / "shim", shim());
    char command[1024];
    std::snprintf(command, sizeof command,
                  "timeout 300 qemu-system-riscv32 -M none -m 32M -cpu rv32,m=false,a=false,f=false,d=false,c=false "
                  "-semihosting-config enable=on,target=native -nographic -monitor none -serial none "
                  "-device loader,file=%s,addr=0,force-raw=on -device loader,file=%s,addr=%#x,force-raw=on "
                  "-device loader,addr=%#x,cpu-num=0 -d cpu,nochain -singlestep -dfilter 0x0..%#zx 2>&1",
                  (folder / "guest").c_str(), (folder / "shim").c_str(), kShimAddress, kShimAddress,
                  4 * text.size() - 1);
    pipe_ = popen(command, "r");
  }
  ~Qemu() {
    if (pipe_ != nullptr) pclose(pipe_);
  }
  Qemu(const Qemu&) = delete;
  Qemu& operator=(const Qemu&) = delete;

  // The next state; none at the end.
  std::optional<State> next() {
    State state{};
    unsigned found = 0;
    char line[256];
    while (std::fgets(line, sizeof line, pipe_) != nullptr) {
      if (std::sscanf(line, " pc %x", &state.pc) == 1) found = 0;
      unsigned first = 0;
      std::array<std::uint32_t, 4> values{};
      if (std::sscanf(line, " x%u/%*s %x %*s %x %*s %x %*s %x", &first, &values[0], &values[1], &values[2],
                      &values[3]) == 5 &&
          first < 29) {
        for (unsigned i = 0; i < 4; ++i) state.registers[first + i] = values[i];
        found += 4;
      }
      if (found == 32) return state;
    }
    return std::nullopt;
  }

 private:
  static void write(const std::filesystem::path& path, const std::vector<std::uint32_t>& words) {
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(words.data()), static_cast<std::streamsize>(4 * words.size()));
  }

  std::FILE* pipe_;
};

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

std::vector<std::uint32_t> batch(std::uint64_t seed) {
  Random random(seed);
  std::vector<std::uint32_t> text;
  for (std::uint32_t i = 0; i < kProgramsPerBatch; ++i) append_random_program(random, text);
  append_scratch_dump(text);
  text.push_back(kUnimp);
  return text;
}

TEST(Cosimulation, RandomProgramsAgreeWithQemuBeforeEveryInstruction) {
  if (std::system("command -v qemu-system-riscv32 >/dev/null") != 0) {
    GTEST_SKIP() << "qemu-system-riscv32 is not installed (Debian: qemu-system-misc)";
  }
  const std::uint64_t programs = setting("MAGNETAR_COSIM_PROGRAMS", 10'000);
  const std::uint64_t seed = setting("MAGNETAR_COSIM_SEED", 1);
  const TemporaryFolder folder;

  std::uint64_t instructions = 0;
  for (std::uint64_t done = 0; done < programs && !HasFailure(); done += kProgramsPerBatch) {
    const std::uint64_t batch_seed = seed * 1'000'003 + done;
    const std::vector<std::uint32_t> text = batch(batch_seed);
    const auto program = make_program(text);
    Machine executed(program, make_input());
    Machine traced(program, make_input());
    Replay replay(program, make_input());
    Trace trace(1);
    Qemu qemu(folder.path(), text);
    while (true) {
      const std::optional<State> expected = qemu.next();
      ASSERT_TRUE(expected) << "qemu stopped at pc " << std::hex << executed.pc() << " of batch " << batch_seed;
      const State ours = state_of(executed);
      ASSERT_TRUE(ours == *expected) << "batch " << batch_seed << ", cycle " << executed.cycle() << std::hex << ": pc "
                                     << ours.pc << ", qemu " << expected->pc << ": "
                                     << disassemble(program->fetch(ours.pc).value_or(0), ours.pc) << "\nours:\n"
                                     << show(ours) << "qemu:\n"
                                     << show(*expected);
      ASSERT_TRUE(state_of(traced) == *expected) << "traced, batch " << batch_seed << ", cycle " << traced.cycle();
      if (executed.status() != Status::kRunning) break;
      executed.execute(executed.cycle() + 1);
      traced.trace(UINT64_MAX, trace);
      ASSERT_EQ(replay.add(trace), std::nullopt);
    }
    EXPECT_EQ(executed.status(), Status::kHalted) << executed.fault().message();
    EXPECT_EQ(replay.compare(traced), std::nullopt);
    EXPECT_FALSE(qemu.next()) << "qemu went on";
    instructions += executed.instructions();
  }
  RecordProperty("instructions", std::to_string(instructions));
  std::printf("%llu programs, %llu instructions compared\n", static_cast<unsigned long long>(programs),
              static_cast<unsigned long long>(instructions));
}

}  // namespace
}  // namespace magnetar::vm
