// Any bytes as the lists of a segment, from the program's start and from its middle: refused with a reason, or lists
// that encode to the same bytes, of which the verifier can make a sum.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "assembler.h"
#include "engine/zkvm/list_codec.h"
#include "engine/zkvm/subject.h"

namespace {

using namespace magnetar;

void require(bool condition) {
  if (!condition) std::abort();
}

const zkvm::Subject& subject() {
  using namespace vm::testing;
  static const zkvm::Subject one = *zkvm::Subject::load(
      make_elf(0, {{0, bytes_of({addi(t0, t0, 1), sw(t0, zero, 0x400), kEcallWord, jal(zero, -12), kUnimp}), 20, 5}}),
      make_input("input"));
  return one;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> bytes(data, size);
  for (const std::uint64_t first_step : {0U, 1U}) {
    zkvm::Statement statement;
    statement.first_step = first_step;
    statement.steps = 1;
    statement.cycles = 1024;
    const auto lists = zkvm::decode_lists(bytes, subject(), statement);
    if (!lists) {
      require(!lists.error().empty());
      continue;
    }
    require(std::ranges::equal(zkvm::encode_lists(*lists, first_step != 0), bytes));
    const zkvm::Boundary boundary{
        .start_pc = 0, .end_pc = 4, .cycles = 1024, .input = {}, .input_start = 0, .output = {}, .output_start = 0};
    const r1cs::Challenges<algebra::Fr> challenges{algebra::Fr::from_u64(0x9e3779b97f4a7c15).pow(77),
                                                   algebra::Fr::from_u64(3).pow(1001)};
    require(zkvm::verifier_sum(*subject().program, *lists, boundary, challenges).has_value());
  }
  return 0;
}
