// Any bytes as points: what is decoded lies on the curve and encodes to the same bytes, in both forms.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "engine/algebra/curve.h"

namespace {

using namespace magnetar::algebra;

void require(bool condition) {
  if (!condition) std::abort();
}

template <class C>
void decode(std::span<const std::uint8_t> bytes) {
  using Affine = AffinePoint<C>;
  const auto uncompressed = Affine::from_uncompressed(bytes);
  require(uncompressed || (uncompressed.error() == DecodeError::kWrongLength) == (bytes.size() != 64));
  if (uncompressed) {
    require(uncompressed->is_on_curve());
    require(std::ranges::equal(uncompressed->to_uncompressed(), bytes));
    require(Affine::from_compressed(uncompressed->to_compressed()) == *uncompressed);
  }
  const auto compressed = Affine::from_compressed(bytes);
  require(compressed || (compressed.error() == DecodeError::kWrongLength) == (bytes.size() != 32));
  if (compressed) {
    require(compressed->is_on_curve());
    require(std::ranges::equal(compressed->to_compressed(), bytes));
    require(Affine::from_uncompressed(compressed->to_uncompressed()) == *compressed);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> bytes(data, size);
  decode<Bn254>(bytes);
  decode<Grumpkin>(bytes);
  if (size >= 32) {
    // Half of all x belong to a point: far more get through than by luck with 64 bytes.
    decode<Bn254>(bytes.first(32));
    decode<Grumpkin>(bytes.first(32));
  }
  return 0;
}
