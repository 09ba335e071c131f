#pragma once

#include "engine/commit/commitment_key.h"
#include "engine/device/device.h"

namespace magnetar::device {

/// The device interface on the threads of the calling oneTBB arena. The relation and the key, of at least
/// max(stage1, stage2, constraints) generators, must outlive the device and what it makes. Only relations over Fr may
/// have blocks.
///
/// Memory besides the key: an assignment takes 32 bytes a variable and 96 a constraint.
template <class C>
std::unique_ptr<Device<C>> make_cpu_device(const r1cs::Relation<typename C::ScalarField>& relation,
                                           const commit::CommitmentKey<C>& key);

extern template std::unique_ptr<Device<algebra::Bn254>> make_cpu_device(const r1cs::Relation<algebra::Fr>&,
                                                                        const commit::CommitmentKey<algebra::Bn254>&);
extern template std::unique_ptr<Device<algebra::Grumpkin>> make_cpu_device(
    const r1cs::Relation<algebra::Fq>&, const commit::CommitmentKey<algebra::Grumpkin>&);

}  // namespace magnetar::device
