// Any bytes as a bundle or as a prover's state: an error with a reason, or what encodes to the same bytes.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "engine/hash/sha256.h"
#include "engine/zkvm/proof.h"

namespace {

using namespace magnetar;

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> bytes(data, size);
  const auto bundle = zkvm::decode_bundle(bytes);
  if (bundle) {
    require(std::ranges::equal(zkvm::encode(*bundle), bytes));
    require(zkvm::encoded_size(*bundle) == size);
  } else {
    require(!bundle.error().message.empty() && !name(bundle.error().kind).empty());
  }

  // With the digest that belongs to it.
  std::vector<std::uint8_t> state_bytes(data, data + size);
  const auto digest = hash::Sha256::digest(bytes);
  state_bytes.insert(state_bytes.end(), digest.begin(), digest.end());
  const auto state = zkvm::decode_proving_state(state_bytes);
  require(state || state.error().kind != zkvm::ContainerError::Kind::kDamaged);
  if (state) require(zkvm::encode(*state) == state_bytes);
  require(!zkvm::decode_proving_state(bytes) || size > digest.size());
  return 0;
}
