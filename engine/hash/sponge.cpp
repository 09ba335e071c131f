#include "engine/hash/sponge.h"

#include <algorithm>
#include <cassert>
#include <limits>

#include "engine/hash/poseidon.h"
#include "engine/hash/sha256.h"

namespace magnetar::hash {

namespace {

using algebra::U256;

std::array<std::uint8_t, 4> le32(std::uint32_t value) {
  std::array<std::uint8_t, 4> bytes;
  for (std::size_t i = 0; i < 4; ++i) bytes[i] = static_cast<std::uint8_t>(value >> (8 * i));
  return bytes;
}

/// The lower `bits` bits.
constexpr U256 truncated(U256 value, std::size_t bits) {
  for (std::size_t i = 0; i < 4; ++i) {
    const std::size_t kept = bits > 64 * i ? std::min<std::size_t>(bits - 64 * i, 64) : 0;
    if (kept < 64) value.limbs[i] &= (std::uint64_t{1} << kept) - 1;
  }
  return value;
}

}  // namespace

SpongePattern::SpongePattern(std::string_view tag, std::span<const SpongeStep> steps) {
  for (const SpongeStep& step : steps) {
    if (step.count == 0) continue;
    if (!steps_.empty() && steps_.back().operation == step.operation) {
      assert(step.count <= std::numeric_limits<std::uint32_t>::max() - steps_.back().count);
      steps_.back().count += step.count;
    } else {
      steps_.push_back(step);
    }
  }
  Sha256 sha256;
  const auto update = [&](std::string_view text) {
    sha256.update({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  };
  update("magnetar-v1 sponge");
  sha256.update(le32(static_cast<std::uint32_t>(tag.size())));
  update(tag);
  for (const SpongeStep& step : steps_) {
    sha256.update(std::array{static_cast<std::uint8_t>(step.operation)});
    sha256.update(le32(step.count));
  }
  Sha256::Digest digest = sha256.finish();
  digest.back() = 0;
  capacity_ = U256::from_le_bytes(digest);
}

template <class F, std::size_t kWidth>
Sponge<F, kWidth>::Sponge(const SpongePattern& pattern) : pattern_(pattern) {
  state_[0] = F::reduce(pattern.capacity());
}

template <class F, std::size_t kWidth>
Sponge<F, kWidth>::~Sponge() {
  assert(step_ == pattern_.steps().size() && "the sponge's pattern goes on");
}

template <class F, std::size_t kWidth>
void Sponge<F, kWidth>::expect([[maybe_unused]] SpongeOperation operation) {
#ifndef NDEBUG
  const std::vector<SpongeStep>& steps = pattern_.steps();
  assert(step_ < steps.size() && steps[step_].operation == operation && "not what the sponge's pattern has here");
  if (++done_ == steps[step_].count) {
    ++step_;
    done_ = 0;
  }
#endif
}

template <class F, std::size_t kWidth>
void Sponge<F, kWidth>::add_to_rate(const F& element) {
  if (absorbed_ == kRate) {
    Poseidon<F>::of_width(kWidth).permute(state_);
    absorbed_ = 0;
  }
  state_[1 + absorbed_++] += element;
  squeezed_ = kRate;
}

template <class F, std::size_t kWidth>
F Sponge<F, kWidth>::next_output() {
  if (squeezed_ == kRate) {
    Poseidon<F>::of_width(kWidth).permute(state_);
    squeezed_ = 0;
    absorbed_ = 0;
  }
  return state_[1 + squeezed_++];
}

template <class F, std::size_t kWidth>
void Sponge<F, kWidth>::absorb(const F& element) {
  expect(SpongeOperation::kAbsorbElement);
  add_to_rate(element);
}

template <class F, std::size_t kWidth>
void Sponge<F, kWidth>::absorb(std::span<const F> elements) {
  for (const F& element : elements) absorb(element);
}

template <class F, std::size_t kWidth>
void Sponge<F, kWidth>::absorb_u64(std::uint64_t value) {
  expect(SpongeOperation::kAbsorbU64);
  add_to_rate(F::from_u64(value));
}

template <class F, std::size_t kWidth>
F Sponge<F, kWidth>::squeeze_element() {
  expect(SpongeOperation::kSqueezeElement);
  return next_output();
}

template <class F, std::size_t kWidth>
U256 Sponge<F, kWidth>::squeeze_digest() {
  expect(SpongeOperation::kSqueezeDigest);
  return truncated(next_output().to_canonical(), kDigestBits);
}

template <class F, std::size_t kWidth>
U256 Sponge<F, kWidth>::squeeze_challenge() {
  expect(SpongeOperation::kSqueezeChallenge);
  return truncated(next_output().to_canonical(), kChallengeBits);
}

template class Sponge<algebra::Fr, 3>;
template class Sponge<algebra::Fr, 5>;
template class Sponge<algebra::Fr, 9>;
template class Sponge<algebra::Fr, 10>;
template class Sponge<algebra::Fq, 3>;
template class Sponge<algebra::Fq, 5>;
template class Sponge<algebra::Fq, 9>;
template class Sponge<algebra::Fq, 10>;

}  // namespace magnetar::hash
