// Any words as text, any bytes as input: execution ends within its limits, execution and trace agree, and the
// replay finds nothing wrong with the trace.

#include <elf.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "assembler.h"
#include "replay.h"
#include "vm/machine.h"

namespace {

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace magnetar::vm;
  // The first byte says how much of the rest is input.
  if (size < 5 || size > 4096) return 0;
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  const std::size_t input_size = std::min<std::size_t>(data[0], size - 5);
  const auto input = std::make_shared<const std::vector<std::byte>>(bytes + 1, bytes + 1 + input_size);
  std::vector<std::byte> text(bytes + 1 + input_size, bytes + size);
  const auto text_size = static_cast<std::uint32_t>(text.size());
  const auto program = Program::load(testing::make_elf(0x1000, {{0x1000, std::move(text), text_size, PF_R | PF_X}}));
  if (!program) fail("not loaded");

  const Limits limits{.max_cycles = 2000, .max_memory_bytes = 1 << 20, .max_output_bytes = 256};
  Machine executed(*program, input, limits);
  while (executed.status() == Status::kRunning) executed.execute(executed.cycle() + 777);

  Machine traced(*program, input, limits);
  testing::Replay replay(*program, input);
  Trace trace(501);
  while (traced.status() == Status::kRunning) {
    // Going on from a checkpoint must not differ from going on.
    const Checkpoint checkpoint = traced.checkpoint();
    Machine resumed(*program, input, checkpoint, limits);
    Trace again(501);
    resumed.trace(UINT64_MAX, again);
    traced.trace(UINT64_MAX, trace);
    if (again.rows().size() != trace.rows().size() ||
        std::memcmp(again.rows().data(), trace.rows().data(), again.rows().size_bytes()) != 0) {
      fail("rows from a checkpoint differ");
    }
    if (const auto wrong = replay.add(trace)) fail(wrong->c_str());
  }
  if (traced.status() != executed.status() || traced.cycle() != executed.cycle() || traced.pc() != executed.pc() ||
      traced.instructions() != executed.instructions() || traced.output() != executed.output()) {
    fail("execution and trace end differently");
  }
  if (traced.status() == Status::kHalted) {
    if (const auto wrong = replay.compare(traced)) fail(wrong->c_str());
  } else if (traced.fault().message() != executed.fault().message()) {
    fail("execution and trace fault differently");
  }
  return 0;
}
