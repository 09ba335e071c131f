#include "kernels/memory.cuh"
#include "kernels/msm_kernels.h"

namespace magnetar::kernels {

namespace {

constexpr unsigned kWarps = kBlockThreads / 32;

/// |scalar| < 2^253 and its sign.
struct SignedMagnitude {
  std::uint32_t limbs[8];
  bool negative;
};

/// The nearer to zero of s and s - p.
template <class S>
__device__ SignedMagnitude signed_magnitude(const Element<S>& scalar) {
  const Element<S> value = to_canonical(scalar);
  SignedMagnitude negative{{}, true};
  asm("sub.cc.u32 %0, %16, %8;\n\t"
      "subc.cc.u32 %1, %17, %9;\n\t"
      "subc.cc.u32 %2, %18, %10;\n\t"
      "subc.cc.u32 %3, %19, %11;\n\t"
      "subc.cc.u32 %4, %20, %12;\n\t"
      "subc.cc.u32 %5, %21, %13;\n\t"
      "subc.cc.u32 %6, %22, %14;\n\t"
      "subc.u32 %7, %23, %15;"
      : "=&r"(negative.limbs[0]), "=&r"(negative.limbs[1]), "=&r"(negative.limbs[2]), "=&r"(negative.limbs[3]),
        "=&r"(negative.limbs[4]), "=&r"(negative.limbs[5]), "=&r"(negative.limbs[6]), "=&r"(negative.limbs[7])
      : "r"(value.limbs[0]), "r"(value.limbs[1]), "r"(value.limbs[2]), "r"(value.limbs[3]), "r"(value.limbs[4]),
        "r"(value.limbs[5]), "r"(value.limbs[6]), "r"(value.limbs[7]), "n"(constants::kModulus<S, 0>),
        "n"(constants::kModulus<S, 1>), "n"(constants::kModulus<S, 2>), "n"(constants::kModulus<S, 3>),
        "n"(constants::kModulus<S, 4>), "n"(constants::kModulus<S, 5>), "n"(constants::kModulus<S, 6>),
        "n"(constants::kModulus<S, 7>));
  bool above_half = false;
  bool decided = false;
#pragma unroll
  for (int i = 7; i >= 0; --i) {
    if (!decided && value.limbs[i] != negative.limbs[i]) {
      above_half = value.limbs[i] > negative.limbs[i];
      decided = true;
    }
  }
  SignedMagnitude result;
  result.negative = above_half;
#pragma unroll
  for (int i = 0; i < 8; ++i) result.limbs[i] = above_half ? negative.limbs[i] : value.limbs[i];
  return result;
}

__device__ SignedMagnitude signed_magnitude(std::int64_t value) {
  const std::uint64_t bits = value < 0 ? ~static_cast<std::uint64_t>(value) + 1 : static_cast<std::uint64_t>(value);
  return {{static_cast<std::uint32_t>(bits), static_cast<std::uint32_t>(bits >> 32)}, value < 0};
}

/// The number of bits that signed windows must cover: 0 for 0, else 1 + bit length of magnitude - 1.
__device__ std::uint32_t covered_bits(const SignedMagnitude& scalar) {
  std::uint32_t less_one[8];
  std::uint32_t borrow = 1;
  std::uint32_t any = 0;
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    any |= scalar.limbs[i];
    less_one[i] = scalar.limbs[i] - borrow;
    borrow = borrow != 0 && scalar.limbs[i] == 0 ? 1 : 0;
  }
  if (any == 0) return 0;
  std::uint32_t bits = 0;
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    if (less_one[i] != 0) bits = static_cast<std::uint32_t>(32 * i + 32 - __clz(static_cast<int>(less_one[i])));
  }
  return bits + 1;
}

/// The magnitude plus the plan's offset, from which windows are read off from below.
struct DigitStream {
  std::uint32_t limbs[8];

  __device__ DigitStream(const SignedMagnitude& scalar, const WindowPlan& plan) {
    std::uint64_t carry = 0;
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      carry += std::uint64_t{scalar.limbs[i]} + plan.offset[i];
      limbs[i] = static_cast<std::uint32_t>(carry);
      carry >>= 32;
    }
  }

  /// The next digit, of a window of `width` >= 1 bits, in -2^(width-1)+1 .. 2^(width-1).
  __device__ std::int32_t take(std::uint32_t width) {
    const std::uint32_t bits = limbs[0] & ((1U << width) - 1);
#pragma unroll
    for (int i = 0; i < 7; ++i) limbs[i] = __funnelshift_r(limbs[i], limbs[i + 1], width);
    limbs[7] >>= width;
    return static_cast<std::int32_t>(bits) - static_cast<std::int32_t>((1U << (width - 1)) - 1);
  }
};

/// Writes the digits of a block's scalars, one a thread. All threads of the block take part, those without a scalar
/// with zero. The entries of a warp's window lie together.
__device__ void write_digits(const SignedMagnitude& scalar, std::uint32_t index, const WindowPlan& plan,
                             const DigitPoints& points, const DigitOutput& output) {
  __shared__ std::uint32_t warp_counts[kWarps];
  __shared__ std::uint32_t warp_begins[kWarps];
  const std::uint32_t lane = threadIdx.x % 32;
  const std::uint32_t warp = threadIdx.x / 32;
  const std::uint32_t covered = __reduce_max_sync(0xffff'ffff, covered_bits(scalar));
  const auto for_each_digit = [&](auto&& visit) {
    DigitStream digits(scalar, plan);
    for (std::uint32_t table = 0; table < plan.tables && table * plan.stride < covered; ++table) {
      for (std::uint32_t piece = 0; piece < plan.pieces; ++piece) {
        const std::uint32_t position = table * plan.stride + plan.begin[piece];
        if (position >= covered) break;
        const std::uint32_t end = min(table * plan.stride + plan.begin[piece + 1], WindowPlan::kMaxBits);
        visit(table, piece, digits.take(end - position));
      }
    }
  };
  std::uint32_t count = 0;
  for_each_digit([&](std::uint32_t, std::uint32_t, std::int32_t digit) {
    count += static_cast<std::uint32_t>(__popc(__ballot_sync(0xffff'ffff, digit != 0)));
  });
  if (lane == 0) warp_counts[warp] = count;
  __syncthreads();
  if (threadIdx.x == 0) {
    std::uint32_t sum = 0;
    for (unsigned i = 0; i < kWarps; ++i) sum += warp_counts[i];
    std::uint32_t begin = sum == 0 ? 0 : atomicAdd(output.count, sum);
    for (unsigned i = 0; i < kWarps; ++i) {
      warp_begins[i] = begin;
      begin += warp_counts[i];
    }
  }
  __syncthreads();
  std::uint32_t begin = warp_begins[warp];
  for_each_digit([&](std::uint32_t table, std::uint32_t piece, std::int32_t digit) {
    const std::uint32_t present = __ballot_sync(0xffff'ffff, digit != 0);
    if (digit != 0) {
      const std::uint32_t at = begin + static_cast<std::uint32_t>(__popc(present & ((1U << lane) - 1)));
      const std::uint32_t bucket = static_cast<std::uint32_t>(abs(digit)) - 1;
      const std::uint32_t sign = (digit < 0) != scalar.negative ? 0x8000'0000 : 0;
      output.keys[at] = piece << plan.bucket_bits | bucket;
      output.values[at] = (table * points.table_size + points.first_point + index) | sign;
    }
    begin += static_cast<std::uint32_t>(__popc(present));
  });
}

template <class S>
__global__ void __launch_bounds__(kBlockThreads)
    element_digits_kernel(const Element<S>* scalars, std::uint32_t count, const __grid_constant__ WindowPlan plan,
                          DigitPoints points, DigitOutput output) {
  const std::uint32_t i = blockIdx.x * kBlockThreads + threadIdx.x;
  const SignedMagnitude scalar = i < count ? signed_magnitude(load(scalars + i)) : SignedMagnitude{};
  write_digits(scalar, i, plan, points, output);
}

template <class S>
__global__ void __launch_bounds__(kBlockThreads)
    column_digits_kernel(const std::byte* packed, const ColumnTask* tasks, const __grid_constant__ WindowPlan plan,
                         DigitPoints points, DigitOutput output) {
  const ColumnTask task = tasks[blockIdx.x];
  SignedMagnitude scalar{};
  if (threadIdx.x < task.count) {
    const std::byte* values = packed + task.offset;
    switch (task.type) {
      case ColumnType::kU8:
        scalar.limbs[0] = reinterpret_cast<const std::uint8_t*>(values)[threadIdx.x];
        break;
      case ColumnType::kU16:
        scalar.limbs[0] = reinterpret_cast<const std::uint16_t*>(values)[threadIdx.x];
        break;
      case ColumnType::kU32:
        scalar.limbs[0] = reinterpret_cast<const std::uint32_t*>(values)[threadIdx.x];
        break;
      case ColumnType::kI64:
        scalar = signed_magnitude(reinterpret_cast<const std::int64_t*>(values)[threadIdx.x]);
        break;
      case ColumnType::kField:
        scalar = signed_magnitude(load(reinterpret_cast<const Element<S>*>(values) + threadIdx.x));
        break;
    }
  }
  write_digits(scalar, task.first + threadIdx.x, plan, points, output);
}

}  // namespace

template <class S>
cudaError_t element_digits(const Element<S>* scalars, std::uint32_t count, const WindowPlan& plan, DigitPoints points,
                           DigitOutput output, cudaStream_t stream) {
  const unsigned blocks = (count + kBlockThreads - 1) / kBlockThreads;
  element_digits_kernel<<<blocks, kBlockThreads, 0, stream>>>(scalars, count, plan, points, output);
  return cudaGetLastError();
}

template <class S>
cudaError_t column_digits(const std::byte* packed, const ColumnTask* tasks, std::uint32_t task_count,
                          const WindowPlan& plan, DigitPoints points, DigitOutput output, cudaStream_t stream) {
  column_digits_kernel<S><<<task_count, kBlockThreads, 0, stream>>>(packed, tasks, plan, points, output);
  return cudaGetLastError();
}

template cudaError_t element_digits(const Element<FrParameters>*, std::uint32_t, const WindowPlan&, DigitPoints,
                                    DigitOutput, cudaStream_t);
template cudaError_t element_digits(const Element<FqParameters>*, std::uint32_t, const WindowPlan&, DigitPoints,
                                    DigitOutput, cudaStream_t);
template cudaError_t column_digits<FrParameters>(const std::byte*, const ColumnTask*, std::uint32_t, const WindowPlan&,
                                                 DigitPoints, DigitOutput, cudaStream_t);
template cudaError_t column_digits<FqParameters>(const std::byte*, const ColumnTask*, std::uint32_t, const WindowPlan&,
                                                 DigitPoints, DigitOutput, cudaStream_t);

}  // namespace magnetar::kernels
