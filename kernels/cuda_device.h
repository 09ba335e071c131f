#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "engine/commit/commitment_key.h"
#include "engine/device/device.h"

namespace magnetar::kernels {

/// A GPU that the CUDA runtime reports.
struct Gpu {
  int ordinal;
  std::string name;
  int compute_major, compute_minor;
  std::size_t memory_bytes;
};

/// The GPUs there are, at least one; else why there is none: no driver, no device.
tl::expected<std::vector<Gpu>, device::DeviceError> list_gpus();

struct CudaOptions {
  int ordinal = 0;
  /// Bounds the device's memory for generators and their multiples; by default half of what is free.
  std::optional<std::size_t> table_bytes;
};

/// The device interface on a GPU: the same results as the CPU's, bit for bit. The relation must outlive the device and
/// what it makes, the key only this call. Only relations over Fr may have blocks. Different objects may be used from
/// different threads at once; two operations run at a time, on streams of their own, others wait.
///
/// Everything is allocated here, but for the vectors of assignments: those of an accumulator when it is made, those of
/// fresh assignments when more of them are alive than ever before. Memory besides the key: an accumulator takes 32
/// bytes a variable and 160 a constraint, a fresh assignment 32 a stage-2 variable, 96 a constraint and its packed
/// stage 1; each of two multiplications at a time the workspace that Msm states.
///
/// An error if the GPU is not there or its memory does not suffice. Everything made throws device::DeviceError.
template <class C>
tl::expected<std::unique_ptr<device::Device<C>>, device::DeviceError> make_cuda_device(
    const r1cs::Relation<typename C::ScalarField>& relation, const commit::CommitmentKey<C>& key,
    const CudaOptions& options = {});

extern template tl::expected<std::unique_ptr<device::Device<algebra::Bn254>>, device::DeviceError> make_cuda_device(
    const r1cs::Relation<algebra::Fr>&, const commit::CommitmentKey<algebra::Bn254>&, const CudaOptions&);
extern template tl::expected<std::unique_ptr<device::Device<algebra::Grumpkin>>, device::DeviceError> make_cuda_device(
    const r1cs::Relation<algebra::Fq>&, const commit::CommitmentKey<algebra::Grumpkin>&, const CudaOptions&);

}  // namespace magnetar::kernels
