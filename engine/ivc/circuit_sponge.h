#pragma once

#include <array>
#include <cstddef>

#include "engine/hash/sponge.h"
#include "engine/ivc/bits.h"

namespace magnetar::ivc {

/// hash::Sponge in circuit: the same outputs for the same pattern and inputs. A permutation of width w takes 3
/// constraints for each of its 8w + partial rounds S-boxes.
template <class F, std::size_t kWidth>
class CircuitSponge {
 public:
  static constexpr std::size_t kRate = kWidth - 1;

  /// `pattern` must outlive the sponge.
  CircuitSponge(Builder<F>& builder, const hash::SpongePattern& pattern);

  void absorb(const Value<F>& element);
  Value<F> squeeze_element();
  /// The bits of what the native sponge squeezes as a digest.
  Bits<F> squeeze_digest() { return squeeze_bits(hash::Sponge<F, kWidth>::kDigestBits); }
  /// The bits of what the native sponge squeezes as a challenge.
  Bits<F> squeeze_challenge() { return squeeze_bits(hash::Sponge<F, kWidth>::kChallengeBits); }

 private:
  Bits<F> squeeze_bits(std::size_t count);
  void permute();

  Builder<F>& builder_;
  std::array<Value<F>, kWidth> state_;
  std::size_t absorbed_ = 0;      // as the native sponge
  std::size_t squeezed_ = kRate;  // as the native sponge
};

extern template class CircuitSponge<algebra::Fr, 5>;
extern template class CircuitSponge<algebra::Fr, 10>;
extern template class CircuitSponge<algebra::Fq, 5>;
extern template class CircuitSponge<algebra::Fq, 10>;

}  // namespace magnetar::ivc
