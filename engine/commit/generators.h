#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "engine/algebra/curve.h"
#include "engine/hash/hash_to_field.h"

namespace magnetar::commit {

/// The domain separation tag of this project's generators of a curve: "MAGNETAR-V01-CS01-generators-with-" and the
/// name of the hash-to-curve suite (RFC 9380, section 3.1).
template <class C>
std::string generator_tag();

/// out[i] = generator first + i: hash_to_curve (RFC 9380, section 3) of the index, 8 bytes big-endian, under `tag`.
/// Nobody knows a relation between generators, and anyone can compute them: no trusted setup. Which ones are derived
/// together does not matter. Runs on the threads of the calling oneTBB arena; memory: about 1 MiB a thread. The one
/// error is an empty tag.
template <class C>
tl::expected<void, hash::ExpandMessageError> derive_generators(std::string_view tag, std::uint64_t first,
                                                               std::span<algebra::AffinePoint<C>> out);

extern template std::string generator_tag<algebra::Bn254>();
extern template std::string generator_tag<algebra::Grumpkin>();
extern template tl::expected<void, hash::ExpandMessageError> derive_generators<algebra::Bn254>(
    std::string_view, std::uint64_t, std::span<algebra::Bn254Affine>);
extern template tl::expected<void, hash::ExpandMessageError> derive_generators<algebra::Grumpkin>(
    std::string_view, std::uint64_t, std::span<algebra::GrumpkinAffine>);

}  // namespace magnetar::commit
