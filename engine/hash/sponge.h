#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "engine/algebra/field.h"
#include "engine/hash/poseidon.h"

namespace magnetar::hash {

/// What a sponge absorbs and squeezes. The values are part of the encoding of patterns.
enum class SpongeOperation : std::uint8_t {
  kAbsorbElement = 1,
  kAbsorbU64 = 2,
  kAbsorbForeign = 3,
  kSqueezeElement = 4,
  kSqueezeDigest = 5,
  kSqueezeChallenge = 6,
};

/// `count` times `operation`.
struct SpongeStep {
  SpongeOperation operation;
  std::uint32_t count = 1;

  friend bool operator==(const SpongeStep&, const SpongeStep&) = default;
};

/// What a protocol does with a sponge: a tag that names the use, and the operations in order. It is the input-output
/// pattern and the domain separator of SAFE (ePrint 2023/522) with two differences: operations of
/// different kinds are told apart, and the capacity's initial value has 248 bits.
///
/// That value is the first 31 bytes, little-endian, of
///
///     SHA-256( "magnetar-v1 sponge" | le32(tag length) | tag | for each step: operation (1 byte) | le32(count) )
///
/// where steps of count 0 are dropped and neighbours with the same operation merged. The encoding is injective, and the
/// pattern fixes all lengths, so messages need no padding: sponges with different patterns start, up to collisions of
/// SHA-256 truncated to 248 bits, from different capacities and are independent random oracles.
class SpongePattern {
 public:
  SpongePattern(std::string_view tag, std::span<const SpongeStep> steps);
  SpongePattern(std::string_view tag, std::initializer_list<SpongeStep> steps)
      : SpongePattern(tag, std::span(steps.begin(), steps.size())) {}

  /// The merged steps.
  const std::vector<SpongeStep>& steps() const { return steps_; }
  /// The initial value of the capacity element, below 2^248: the same in every field.
  const algebra::U256& capacity() const { return capacity_; }

 private:
  std::vector<SpongeStep> steps_;
  algebra::U256 capacity_;
};

/// The limbs of a foreign element's canonical integer as a sponge absorbs them, the least significant first: of 64, 64,
/// 64 and 62 bits.
template <class Foreign>
std::array<std::uint64_t, 4> foreign_limbs(const Foreign& element) {
  static_assert(Foreign::kBits == 254);
  return element.to_canonical().limbs;
}

/// A duplex sponge over the Poseidon permutation of width `kWidth`, in SAFE's mode: element 0 of the state is the
/// capacity, the others are the rate. Absorbing adds to the rate from its first element on, and permutes before the
/// element that no longer fits. The first squeeze after an absorption permutes; squeezing reads the rate in order and
/// permutes when it is used up. An absorption after a squeeze starts at the rate's first element again.
///
/// A sponge follows its pattern exactly, to the end: anything else is an assertion failure. With the permutation taken
/// as ideal it is a random oracle up to some 2^124 queries: 2^127 by the capacity, 2^124 by the patterns' digests.
template <class F, std::size_t kWidth>
class Sponge {
 public:
  static constexpr std::size_t kRate = kWidth - 1;
  static constexpr std::size_t kDigestBits = 250;
  static constexpr std::size_t kChallengeBits = 128;

  /// `pattern` must outlive the sponge.
  explicit Sponge(const SpongePattern& pattern);
  Sponge(const Sponge&) = delete;
  Sponge& operator=(const Sponge&) = delete;
  ~Sponge();

  void absorb(const F& element);
  void absorb(std::span<const F> elements);
  /// An integer, as one element.
  void absorb_u64(std::uint64_t value);
  /// An element of another field, as its foreign_limbs: four elements.
  template <class Foreign>
  void absorb_foreign(const Foreign& element) {
    static_assert(!std::is_same_v<F, Foreign>, "an element of the own field is absorbed as it is");
    expect(SpongeOperation::kAbsorbForeign);
    for (const std::uint64_t limb : foreign_limbs(element)) add_to_rate(F::from_u64(limb));
  }

  /// A uniform element of the field.
  F squeeze_element();
  /// The lower 250 bits of a uniform element's canonical integer: an element of either field. Each value stands for 12
  /// or 13 of the field's elements, so no value has a probability above 1.08·2^-250: collisions and preimages are as
  /// hard as for the whole element, but it is no uniform integer.
  algebra::U256 squeeze_digest();
  /// The lower 128 bits of a uniform element's canonical integer: within 2^-125 of uniform, as every value stands for
  /// floor(p/2^128) or one more of the elements.
  algebra::U256 squeeze_challenge();

 private:
  void expect(SpongeOperation operation);
  void add_to_rate(const F& element);
  F next_output();

  const SpongePattern& pattern_;
  std::size_t step_ = 0;    // of the pattern
  std::uint32_t done_ = 0;  // of this step's count
  std::array<F, kWidth> state_{};
  std::size_t absorbed_ = 0;      // elements of the rate added to since the last permutation
  std::size_t squeezed_ = kRate;  // elements of the rate read since; kRate: permute first
};

extern template class Sponge<algebra::Fr, 3>;
extern template class Sponge<algebra::Fr, 5>;
extern template class Sponge<algebra::Fr, 9>;
extern template class Sponge<algebra::Fr, 10>;
extern template class Sponge<algebra::Fq, 3>;
extern template class Sponge<algebra::Fq, 5>;
extern template class Sponge<algebra::Fq, 9>;
extern template class Sponge<algebra::Fq, 10>;

}  // namespace magnetar::hash
