#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <tl/expected.hpp>

#include "engine/algebra/curve.h"
#include "engine/hash/hash_to_field.h"

namespace magnetar::hash {

/// map_to_curve by Shallue and van de Woestijne (RFC 9380, section 6.6.1): a finite point of the curve for every u.
/// Takes time that depends on u: not for secrets.
template <class C>
algebra::AffinePoint<C> map_to_curve(const typename C::BaseField& u);

/// The same for many: out[i] is the point of u[i]; the spans have the same length. Field operations run 8 at a time
/// where the processor can, and square roots share one addition chain: an order of magnitude faster than one by one.
template <class C>
void map_to_curve(std::span<const typename C::BaseField> u, std::span<algebra::AffinePoint<C>> out);

/// hash_to_curve of RFC 9380, section 3, suites BN254G1_XMD:SHA-256_SVDW_RO_ and GRUMPKIN_XMD:SHA-256_SVDW_RO_:
/// indifferentiable from a random oracle into the group. Both groups have prime order, so that the cofactor is 1.
template <class C>
tl::expected<algebra::AffinePoint<C>, ExpandMessageError> hash_to_curve(std::span<const std::uint8_t> message,
                                                                        std::string_view tag);

extern template algebra::AffinePoint<algebra::Bn254> map_to_curve<algebra::Bn254>(const algebra::Fq&);
extern template algebra::AffinePoint<algebra::Grumpkin> map_to_curve<algebra::Grumpkin>(const algebra::Fr&);
extern template void map_to_curve<algebra::Bn254>(std::span<const algebra::Fq>, std::span<algebra::Bn254Affine>);
extern template void map_to_curve<algebra::Grumpkin>(std::span<const algebra::Fr>, std::span<algebra::GrumpkinAffine>);
extern template tl::expected<algebra::Bn254Affine, ExpandMessageError> hash_to_curve<algebra::Bn254>(
    std::span<const std::uint8_t>, std::string_view);
extern template tl::expected<algebra::GrumpkinAffine, ExpandMessageError> hash_to_curve<algebra::Grumpkin>(
    std::span<const std::uint8_t>, std::string_view);

}  // namespace magnetar::hash
