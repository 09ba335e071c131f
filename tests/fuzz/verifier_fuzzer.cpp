// An honest proof with changes that the input describes: never accepted, unless nothing changed. The proof is made when
// the program starts, so that no corpus has to hold its megabytes; its program is one instruction.
//
// The input is a list of changes of 7 bytes: what to do (low bits: 0 exclusive or, 1 add, 2 set, 3 insert, 4 erase),
// the part (statement and lists, or anything), a place (4 bytes, modulo the length), and a byte.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <span>
#include <vector>

#include "assembler.h"
#include "engine/zkvm/prover.h"
#include "engine/zkvm/verifier.h"

namespace {

using namespace magnetar;

constexpr std::size_t kChangeBytes = 7;
constexpr std::size_t kMaxChanges = 16;
// Statement and lists come first in a bundle's bytes.
constexpr std::uint32_t kHeadBytes = 512;

void require(bool condition) {
  if (!condition) std::abort();
}

struct Honest {
  zkvm::ParameterStore store{std::filesystem::temp_directory_path() / "magnetar-fuzz-parameters"};
  zkvm::Subject subject;
  zkvm::Statement statement;
  std::vector<std::uint8_t> bytes;

  Honest() : subject(load()) {
    const auto plan = zkvm::plan_segment(subject, {}, {zkvm::kMinLogSize, std::nullopt});
    require(plan.has_value());
    const auto parameters = store.parameters(plan->statement.layout);
    const auto proved = zkvm::prove(*parameters, *plan, zkvm::cpu_devices(*parameters));
    require(proved.has_value());
    statement = plan->statement;
    const zkvm::Bundle bundle{{proved->proof}};
    bytes = zkvm::encode(bundle);
    require(zkvm::verify(subject, bundle, store).has_value());
  }
  static zkvm::Subject load() {
    using namespace vm::testing;
    return *zkvm::Subject::load(make_elf(0, {{0, bytes_of({addi(a0, zero, 5), kUnimp}), 8, 5}}), make_input(""));
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Honest honest;
  std::vector<std::uint8_t> bytes = honest.bytes;
  for (std::size_t i = 0; i < std::min(size / kChangeBytes, kMaxChanges); ++i) {
    const std::uint8_t* change = data + i * kChangeBytes;
    std::uint32_t place = 0;
    std::memcpy(&place, change + 2, sizeof(place));
    if (change[1] % 4 != 0) place %= kHeadBytes;
    const auto at = bytes.begin() + static_cast<std::ptrdiff_t>(place % bytes.size());
    switch (change[0] % 5) {
      case 0:
        *at = static_cast<std::uint8_t>(*at ^ change[6]);
        break;
      case 1:
        *at = static_cast<std::uint8_t>(*at + change[6]);
        break;
      case 2:
        *at = change[6];
        break;
      case 3:
        bytes.insert(at, change[6]);
        break;
      default:
        bytes.erase(at);
        break;
    }
  }
  const auto bundle = zkvm::decode_bundle(bytes);
  if (!bundle) return 0;
  require(zkvm::encode(*bundle) == bytes);
  // Parameters of another size would have to be derived, which takes minutes here.
  for (const auto& segment : bundle->segments) {
    if (segment.statement.layout.log_size != honest.statement.layout.log_size) return 0;
  }
  const auto claim = zkvm::verify(honest.subject, *bundle, honest.store);
  require(claim.has_value() == (bytes == honest.bytes));
  require(claim || (!claim.error().message.empty() && claim.error().segment < bundle->segments.size()));
  return 0;
}
