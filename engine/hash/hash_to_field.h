#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <tl/expected.hpp>

#include "engine/algebra/field.h"

namespace magnetar::hash {

enum class ExpandMessageError : std::uint8_t {
  kEmptyTag,  // RFC 9380, section 3.1: a domain separation tag has at least one byte
  kTooLong,   // more than 255 digests, 8160 bytes
};

std::string_view describe(ExpandMessageError error);

/// expand_message_xmd with SHA-256 (RFC 9380, section 5.3.1): fills `out` with bytes that depend on the message, the
/// domain separation tag and the length of `out`. A tag of more than 255 bytes is hashed as section 5.3.3 says.
tl::expected<void, ExpandMessageError> expand_message_xmd(std::span<const std::uint8_t> message, std::string_view tag,
                                                          std::span<std::uint8_t> out);

/// Bytes that are reduced to one field element: ceil((254 + 128) / 8), so that the bias is below 2^-128 (section 5.1).
inline constexpr std::size_t kHashToFieldBytes = 48;

/// hash_to_field of RFC 9380, section 5.2, for a prime field, with expand_message_xmd and SHA-256: fills `out` with
/// elements that are indistinguishable from uniform ones. At most 170 elements; `tag` is not empty.
template <class F>
tl::expected<void, ExpandMessageError> hash_to_field(std::span<const std::uint8_t> message, std::string_view tag,
                                                     std::span<F> out);

extern template tl::expected<void, ExpandMessageError> hash_to_field(std::span<const std::uint8_t>, std::string_view,
                                                                     std::span<algebra::Fr>);
extern template tl::expected<void, ExpandMessageError> hash_to_field(std::span<const std::uint8_t>, std::string_view,
                                                                     std::span<algebra::Fq>);

}  // namespace magnetar::hash
