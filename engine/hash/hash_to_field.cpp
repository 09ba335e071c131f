#include "engine/hash/hash_to_field.h"

#include <algorithm>
#include <vector>

#include "engine/hash/sha256.h"

namespace magnetar::hash {

namespace {

constexpr std::size_t kMaxTagBytes = 255;
constexpr std::size_t kMaxBlocks = 255;
constexpr std::string_view kOversizeTagPrefix = "H2C-OVERSIZE-DST-";

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

std::string_view describe(ExpandMessageError error) {
  switch (error) {
    case ExpandMessageError::kEmptyTag:
      return "empty domain separation tag";
    case ExpandMessageError::kTooLong:
      return "more than 8160 bytes asked of expand_message_xmd";
  }
  return "unknown error of expand_message_xmd";
}

tl::expected<void, ExpandMessageError> expand_message_xmd(std::span<const std::uint8_t> message, std::string_view tag,
                                                          std::span<std::uint8_t> out) {
  constexpr std::size_t kDigestBytes = Sha256::kDigestBytes;
  if (tag.empty()) return tl::unexpected(ExpandMessageError::kEmptyTag);
  const std::size_t blocks = (out.size() + kDigestBytes - 1) / kDigestBytes;
  if (blocks > kMaxBlocks) return tl::unexpected(ExpandMessageError::kTooLong);

  // Generators are hashed by the million: the state of OpenSSL's hash is made once for each thread.
  thread_local Sha256 hash;
  Sha256::Digest tag_digest;
  std::span<const std::uint8_t> short_tag = bytes_of(tag);
  if (tag.size() > kMaxTagBytes) {
    hash.update(bytes_of(kOversizeTagPrefix));
    hash.update(short_tag);
    tag_digest = hash.finish();
    short_tag = tag_digest;
  }
  std::array<std::uint8_t, kMaxTagBytes + 1> tag_prime;
  std::copy(short_tag.begin(), short_tag.end(), tag_prime.begin());
  tag_prime[short_tag.size()] = static_cast<std::uint8_t>(short_tag.size());
  const auto dst_prime = std::span<const std::uint8_t>(tag_prime).first(short_tag.size() + 1);

  // b_0 = H(Z_pad || msg || I2OSP(len_in_bytes, 2) || I2OSP(0, 1) || DST_prime)
  constexpr std::array<std::uint8_t, Sha256::kBlockBytes> kZeroPad{};
  const std::array<std::uint8_t, 3> length_and_zero = {static_cast<std::uint8_t>(out.size() >> 8),
                                                       static_cast<std::uint8_t>(out.size()), 0};
  hash.update(kZeroPad);
  hash.update(message);
  hash.update(length_and_zero);
  hash.update(dst_prime);
  const Sha256::Digest b_0 = hash.finish();

  // b_i = H(strxor(b_0, b_(i - 1)) || I2OSP(i, 1) || DST_prime), where b_0 alone is hashed for i = 1.
  std::array<std::uint8_t, kDigestBytes + 1> block{};
  std::copy(b_0.begin(), b_0.end(), block.begin());
  for (std::size_t i = 1; i <= blocks; ++i) {
    block[kDigestBytes] = static_cast<std::uint8_t>(i);
    hash.update(block);
    hash.update(dst_prime);
    const Sha256::Digest b_i = hash.finish();
    const auto part = out.subspan((i - 1) * kDigestBytes, std::min(kDigestBytes, out.size() - (i - 1) * kDigestBytes));
    std::copy_n(b_i.begin(), part.size(), part.begin());
    for (std::size_t j = 0; j < kDigestBytes; ++j) block[j] = b_0[j] ^ b_i[j];
  }
  return {};
}

template <class F>
tl::expected<void, ExpandMessageError> hash_to_field(std::span<const std::uint8_t> message, std::string_view tag,
                                                     std::span<F> out) {
  static_assert(kHashToFieldBytes * 8 >= F::kBits + 128);
  constexpr std::size_t kOnStack = 4;
  std::array<std::uint8_t, kOnStack * kHashToFieldBytes> few;
  std::vector<std::uint8_t> many;
  std::span<std::uint8_t> uniform_bytes(few);
  if (out.size() > kOnStack) {
    if (out.size() > kMaxBlocks * Sha256::kDigestBytes / kHashToFieldBytes) {
      return tl::unexpected(ExpandMessageError::kTooLong);
    }
    many.resize(out.size() * kHashToFieldBytes);
    uniform_bytes = many;
  }
  uniform_bytes = uniform_bytes.first(out.size() * kHashToFieldBytes);
  if (const auto expanded = expand_message_xmd(message, tag, uniform_bytes); !expanded) return expanded;
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = F::from_wide_be(uniform_bytes.subspan(i * kHashToFieldBytes, kHashToFieldBytes));
  }
  return {};
}

template tl::expected<void, ExpandMessageError> hash_to_field(std::span<const std::uint8_t>, std::string_view,
                                                              std::span<algebra::Fr>);
template tl::expected<void, ExpandMessageError> hash_to_field(std::span<const std::uint8_t>, std::string_view,
                                                              std::span<algebra::Fq>);

}  // namespace magnetar::hash
