#pragma once

#include "kernels/element.h"

// Arithmetic of prime fields on the device: 8 limbs of 32 bits, Montgomery form with R = 2^256, one template for all
// moduli. Results are canonical. A product takes 128 wide multiply-adds and 8 single ones.

namespace magnetar::kernels {

namespace constants {

/// Limb `I` of the modulus.
template <class P, int I>
inline constexpr std::uint32_t kModulus = static_cast<std::uint32_t>(P::kModulus.limbs[I / 2] >> (32 * (I % 2)));

/// -p^-1 mod 2^32, by Newton's iteration.
template <class P>
inline constexpr std::uint32_t kNegativeInverse = [] {
  std::uint32_t inverse = kModulus<P, 0>;
  for (int round = 0; round < 4; ++round) inverse *= 2 - kModulus<P, 0> * inverse;
  return ~inverse + 1;
}();

/// 2^exponent mod p.
template <class P>
constexpr algebra::U256 power_of_two(int exponent) {
  algebra::U256 value = algebra::U256::from_u64(1);
  for (int i = 0; i < exponent; ++i) {
    value = value.shifted_left(1);
    if (value >= P::kModulus) value = subtract(value, P::kModulus);
  }
  return value;
}

/// Limb `I` of 2^256 mod p, the Montgomery form of 1.
template <class P, int I>
inline constexpr std::uint32_t kOne = static_cast<std::uint32_t>(power_of_two<P>(256).limbs[I / 2] >> (32 * (I % 2)));

/// Limb `I` of 2^512 mod p: times an integer taken for a Montgomery form, the integer's Montgomery form.
template <class P, int I>
inline constexpr std::uint32_t kSquaredR = static_cast<std::uint32_t>(power_of_two<P>(512).limbs[I / 2] >>
                                                                      (32 * (I % 2)));

/// Limb `I` of p - 2.
template <class P, int I>
inline constexpr std::uint32_t kFermat =
    static_cast<std::uint32_t>(subtract(P::kModulus, algebra::U256::from_u64(2)).limbs[I / 2] >> (32 * (I % 2)));

}  // namespace constants

template <class P>
__device__ __forceinline__ Element<P> zero_element() {
  return {};
}

template <class P>
__device__ __forceinline__ Element<P> one_element() {
  using constants::kOne;
  return {{kOne<P, 0>, kOne<P, 1>, kOne<P, 2>, kOne<P, 3>, kOne<P, 4>, kOne<P, 5>, kOne<P, 6>, kOne<P, 7>}};
}

template <class P>
__device__ __forceinline__ bool is_zero(const Element<P>& a) {
  return (a.limbs[0] | a.limbs[1] | a.limbs[2] | a.limbs[3] | a.limbs[4] | a.limbs[5] | a.limbs[6] | a.limbs[7]) == 0;
}

template <class P>
__device__ __forceinline__ bool equal(const Element<P>& a, const Element<P>& b) {
  std::uint32_t difference = 0;
#pragma unroll
  for (int i = 0; i < 8; ++i) difference |= a.limbs[i] ^ b.limbs[i];
  return difference == 0;
}

/// `a` or `a - p`, whichever is canonical, for a < 2p.
template <class P>
__device__ __forceinline__ Element<P> reduced_once(const Element<P>& a) {
  using constants::kModulus;
  Element<P> d;
  std::uint32_t borrow;
  asm("sub.cc.u32 %0, %9, %17;\n\t"
      "subc.cc.u32 %1, %10, %18;\n\t"
      "subc.cc.u32 %2, %11, %19;\n\t"
      "subc.cc.u32 %3, %12, %20;\n\t"
      "subc.cc.u32 %4, %13, %21;\n\t"
      "subc.cc.u32 %5, %14, %22;\n\t"
      "subc.cc.u32 %6, %15, %23;\n\t"
      "subc.cc.u32 %7, %16, %24;\n\t"
      "subc.u32 %8, 0, 0;"
      : "=&r"(d.limbs[0]), "=&r"(d.limbs[1]), "=&r"(d.limbs[2]), "=&r"(d.limbs[3]), "=&r"(d.limbs[4]),
        "=&r"(d.limbs[5]), "=&r"(d.limbs[6]), "=&r"(d.limbs[7]), "=&r"(borrow)
      : "r"(a.limbs[0]), "r"(a.limbs[1]), "r"(a.limbs[2]), "r"(a.limbs[3]), "r"(a.limbs[4]), "r"(a.limbs[5]),
        "r"(a.limbs[6]), "r"(a.limbs[7]), "n"(kModulus<P, 0>), "n"(kModulus<P, 1>), "n"(kModulus<P, 2>),
        "n"(kModulus<P, 3>), "n"(kModulus<P, 4>), "n"(kModulus<P, 5>), "n"(kModulus<P, 6>), "n"(kModulus<P, 7>));
#pragma unroll
  for (int i = 0; i < 8; ++i) d.limbs[i] = borrow != 0 ? a.limbs[i] : d.limbs[i];
  return d;
}

template <class P>
__device__ __forceinline__ Element<P> operator+(const Element<P>& a, const Element<P>& b) {
  Element<P> sum;  // below 2p < 2^255
  asm("add.cc.u32 %0, %8, %16;\n\t"
      "addc.cc.u32 %1, %9, %17;\n\t"
      "addc.cc.u32 %2, %10, %18;\n\t"
      "addc.cc.u32 %3, %11, %19;\n\t"
      "addc.cc.u32 %4, %12, %20;\n\t"
      "addc.cc.u32 %5, %13, %21;\n\t"
      "addc.cc.u32 %6, %14, %22;\n\t"
      "addc.u32 %7, %15, %23;"
      : "=&r"(sum.limbs[0]), "=&r"(sum.limbs[1]), "=&r"(sum.limbs[2]), "=&r"(sum.limbs[3]), "=&r"(sum.limbs[4]),
        "=&r"(sum.limbs[5]), "=&r"(sum.limbs[6]), "=&r"(sum.limbs[7])
      : "r"(a.limbs[0]), "r"(a.limbs[1]), "r"(a.limbs[2]), "r"(a.limbs[3]), "r"(a.limbs[4]), "r"(a.limbs[5]),
        "r"(a.limbs[6]), "r"(a.limbs[7]), "r"(b.limbs[0]), "r"(b.limbs[1]), "r"(b.limbs[2]), "r"(b.limbs[3]),
        "r"(b.limbs[4]), "r"(b.limbs[5]), "r"(b.limbs[6]), "r"(b.limbs[7]));
  return reduced_once(sum);
}

template <class P>
__device__ __forceinline__ Element<P> operator-(const Element<P>& a, const Element<P>& b) {
  using constants::kModulus;
  Element<P> d;
  std::uint32_t borrow;
  asm("sub.cc.u32 %0, %9, %17;\n\t"
      "subc.cc.u32 %1, %10, %18;\n\t"
      "subc.cc.u32 %2, %11, %19;\n\t"
      "subc.cc.u32 %3, %12, %20;\n\t"
      "subc.cc.u32 %4, %13, %21;\n\t"
      "subc.cc.u32 %5, %14, %22;\n\t"
      "subc.cc.u32 %6, %15, %23;\n\t"
      "subc.cc.u32 %7, %16, %24;\n\t"
      "subc.u32 %8, 0, 0;"
      : "=&r"(d.limbs[0]), "=&r"(d.limbs[1]), "=&r"(d.limbs[2]), "=&r"(d.limbs[3]), "=&r"(d.limbs[4]),
        "=&r"(d.limbs[5]), "=&r"(d.limbs[6]), "=&r"(d.limbs[7]), "=&r"(borrow)
      : "r"(a.limbs[0]), "r"(a.limbs[1]), "r"(a.limbs[2]), "r"(a.limbs[3]), "r"(a.limbs[4]), "r"(a.limbs[5]),
        "r"(a.limbs[6]), "r"(a.limbs[7]), "r"(b.limbs[0]), "r"(b.limbs[1]), "r"(b.limbs[2]), "r"(b.limbs[3]),
        "r"(b.limbs[4]), "r"(b.limbs[5]), "r"(b.limbs[6]), "r"(b.limbs[7]));
  // The borrow is 0 or all ones, a mask of the modulus.
  asm("add.cc.u32 %0, %0, %8;\n\t"
      "addc.cc.u32 %1, %1, %9;\n\t"
      "addc.cc.u32 %2, %2, %10;\n\t"
      "addc.cc.u32 %3, %3, %11;\n\t"
      "addc.cc.u32 %4, %4, %12;\n\t"
      "addc.cc.u32 %5, %5, %13;\n\t"
      "addc.cc.u32 %6, %6, %14;\n\t"
      "addc.u32 %7, %7, %15;"
      : "+&r"(d.limbs[0]), "+&r"(d.limbs[1]), "+&r"(d.limbs[2]), "+&r"(d.limbs[3]), "+&r"(d.limbs[4]),
        "+&r"(d.limbs[5]), "+&r"(d.limbs[6]), "+&r"(d.limbs[7])
      : "r"(borrow & kModulus<P, 0>), "r"(borrow & kModulus<P, 1>), "r"(borrow & kModulus<P, 2>),
        "r"(borrow & kModulus<P, 3>), "r"(borrow & kModulus<P, 4>), "r"(borrow & kModulus<P, 5>),
        "r"(borrow & kModulus<P, 6>), "r"(borrow & kModulus<P, 7>));
  return d;
}

template <class P>
__device__ __forceinline__ Element<P> doubled(const Element<P>& a) {
  return a + a;
}

template <class P>
__device__ __forceinline__ Element<P> negated(const Element<P>& a) {
  return zero_element<P>() - a;
}

namespace product {

// A product is accumulated row by row in two arrays: `even` holds limbs that count from 2^0 on, `odd` limbs that
// count from 2^32 on, so that the low and high halves of a limb product fall on neighbours of one array, and one carry
// chain of wide multiply-adds fills an array. Each row ends by making limb 0 zero; dividing by 2^32 then exchanges the
// arrays' parts (Emmart, Luitjens, Weems, Woolley: "Optimizing modular multiplication for NVIDIA's Maxwell GPUs",
// 2016). As p < 2^254, no sum leaves 9 limbs, two products per row included.

/// target = a[0], a[2], a[4], a[6] times b.
__device__ __forceinline__ void multiply_row(std::uint32_t (&target)[8], const std::uint32_t a0, const std::uint32_t a2,
                                             const std::uint32_t a4, const std::uint32_t a6, const std::uint32_t b) {
  const std::uint32_t a[4] = {a0, a2, a4, a6};
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const std::uint64_t wide = std::uint64_t{a[i]} * b;
    target[2 * i] = static_cast<std::uint32_t>(wide);
    target[2 * i + 1] = static_cast<std::uint32_t>(wide >> 32);
  }
}

/// target += a0, a2, a4, a6 times b; the carry is added to `carry`.
__device__ __forceinline__ void add_row(std::uint32_t (&target)[8], std::uint32_t& carry, const std::uint32_t a0,
                                        const std::uint32_t a2, const std::uint32_t a4, const std::uint32_t a6,
                                        const std::uint32_t b) {
  asm("mad.lo.cc.u32 %0, %9, %13, %0;\n\t"
      "madc.hi.cc.u32 %1, %9, %13, %1;\n\t"
      "madc.lo.cc.u32 %2, %10, %13, %2;\n\t"
      "madc.hi.cc.u32 %3, %10, %13, %3;\n\t"
      "madc.lo.cc.u32 %4, %11, %13, %4;\n\t"
      "madc.hi.cc.u32 %5, %11, %13, %5;\n\t"
      "madc.lo.cc.u32 %6, %12, %13, %6;\n\t"
      "madc.hi.cc.u32 %7, %12, %13, %7;\n\t"
      "addc.u32 %8, %8, 0;"
      : "+&r"(target[0]), "+&r"(target[1]), "+&r"(target[2]), "+&r"(target[3]), "+&r"(target[4]), "+&r"(target[5]),
        "+&r"(target[6]), "+&r"(target[7]), "+&r"(carry)
      : "r"(a0), "r"(a2), "r"(a4), "r"(a6), "r"(b));
}

/// target += a0, a2, a4, a6 times b, where no carry can leave the array.
__device__ __forceinline__ void add_last_row(std::uint32_t (&target)[8], const std::uint32_t a0, const std::uint32_t a2,
                                             const std::uint32_t a4, const std::uint32_t a6, const std::uint32_t b) {
  asm("mad.lo.cc.u32 %0, %8, %12, %0;\n\t"
      "madc.hi.cc.u32 %1, %8, %12, %1;\n\t"
      "madc.lo.cc.u32 %2, %9, %12, %2;\n\t"
      "madc.hi.cc.u32 %3, %9, %12, %3;\n\t"
      "madc.lo.cc.u32 %4, %10, %12, %4;\n\t"
      "madc.hi.cc.u32 %5, %10, %12, %5;\n\t"
      "madc.lo.cc.u32 %6, %11, %12, %6;\n\t"
      "madc.hi.u32 %7, %11, %12, %7;"
      : "+&r"(target[0]), "+&r"(target[1]), "+&r"(target[2]), "+&r"(target[3]), "+&r"(target[4]), "+&r"(target[5]),
        "+&r"(target[6]), "+&r"(target[7])
      : "r"(a0), "r"(a2), "r"(a4), "r"(a6), "r"(b));
}

/// even[0] += odd[1], then odd = odd / 2^64 + a1, a3, a5, a7 times b, with the carry: the division by 2^32 of the row
/// before, `odd` being what was `even` there.
__device__ __forceinline__ void shift_and_add_row(std::uint32_t& even0, std::uint32_t (&odd)[8], const std::uint32_t a1,
                                                  const std::uint32_t a3, const std::uint32_t a5,
                                                  const std::uint32_t a7, const std::uint32_t b) {
  asm("add.cc.u32 %0, %0, %2;\n\t"
      "madc.lo.cc.u32 %1, %9, %13, %3;\n\t"
      "madc.hi.cc.u32 %2, %9, %13, %4;\n\t"
      "madc.lo.cc.u32 %3, %10, %13, %5;\n\t"
      "madc.hi.cc.u32 %4, %10, %13, %6;\n\t"
      "madc.lo.cc.u32 %5, %11, %13, %7;\n\t"
      "madc.hi.cc.u32 %6, %11, %13, %8;\n\t"
      "madc.lo.cc.u32 %7, %12, %13, 0;\n\t"
      "madc.hi.u32 %8, %12, %13, 0;"
      : "+&r"(even0), "+&r"(odd[0]), "+&r"(odd[1]), "+&r"(odd[2]), "+&r"(odd[3]), "+&r"(odd[4]), "+&r"(odd[5]),
        "+&r"(odd[6]), "+&r"(odd[7])
      : "r"(a1), "r"(a3), "r"(a5), "r"(a7), "r"(b));
}

/// The same without a product: what a row without factors begins with.
__device__ __forceinline__ void shift(std::uint32_t& even0, std::uint32_t (&odd)[8]) {
  asm("add.cc.u32 %0, %0, %2;\n\t"
      "addc.cc.u32 %1, %3, 0;\n\t"
      "addc.cc.u32 %2, %4, 0;\n\t"
      "addc.cc.u32 %3, %5, 0;\n\t"
      "addc.cc.u32 %4, %6, 0;\n\t"
      "addc.cc.u32 %5, %7, 0;\n\t"
      "addc.cc.u32 %6, %8, 0;\n\t"
      "addc.u32 %7, 0, 0;"
      : "+&r"(even0), "+&r"(odd[0]), "+&r"(odd[1]), "+&r"(odd[2]), "+&r"(odd[3]), "+&r"(odd[4]), "+&r"(odd[5]),
        "+&r"(odd[6]), "+&r"(odd[7]));
  odd[7] = 0;
}

/// Adds the multiple of p that makes even[0] zero.
template <class P>
__device__ __forceinline__ void reduce_row(std::uint32_t (&even)[8], std::uint32_t (&odd)[8]) {
  using constants::kModulus;
  const std::uint32_t m = even[0] * constants::kNegativeInverse<P>;
  add_last_row(odd, kModulus<P, 1>, kModulus<P, 3>, kModulus<P, 5>, kModulus<P, 7>, m);
  add_row(even, odd[7], kModulus<P, 0>, kModulus<P, 2>, kModulus<P, 4>, kModulus<P, 6>, m);
}

/// even = a·b of the even limbs, odd of the odd ones.
template <class P>
__device__ __forceinline__ void first_row(std::uint32_t (&even)[8], std::uint32_t (&odd)[8], const Element<P>& a,
                                          std::uint32_t b) {
  multiply_row(even, a.limbs[0], a.limbs[2], a.limbs[4], a.limbs[6], b);
  multiply_row(odd, a.limbs[1], a.limbs[3], a.limbs[5], a.limbs[7], b);
}

/// Divides by 2^32, `odd` being the row before's `even`, and adds a·b.
template <class P>
__device__ __forceinline__ void next_row(std::uint32_t (&even)[8], std::uint32_t (&odd)[8], const Element<P>& a,
                                         std::uint32_t b) {
  shift_and_add_row(even[0], odd, a.limbs[1], a.limbs[3], a.limbs[5], a.limbs[7], b);
  add_row(even, odd[7], a.limbs[0], a.limbs[2], a.limbs[4], a.limbs[6], b);
}

/// Adds a·b to a row.
template <class P>
__device__ __forceinline__ void more_of_row(std::uint32_t (&even)[8], std::uint32_t (&odd)[8], const Element<P>& a,
                                            std::uint32_t b) {
  add_last_row(odd, a.limbs[1], a.limbs[3], a.limbs[5], a.limbs[7], b);
  add_row(even, odd[7], a.limbs[0], a.limbs[2], a.limbs[4], a.limbs[6], b);
}

/// What the rows have left, divided by the last 2^32; `odd` is the last row's `even`.
template <class P>
__device__ __forceinline__ Element<P> merged(const std::uint32_t (&even)[8], const std::uint32_t (&odd)[8]) {
  Element<P> sum;
  asm("add.cc.u32 %0, %8, %16;\n\t"
      "addc.cc.u32 %1, %9, %17;\n\t"
      "addc.cc.u32 %2, %10, %18;\n\t"
      "addc.cc.u32 %3, %11, %19;\n\t"
      "addc.cc.u32 %4, %12, %20;\n\t"
      "addc.cc.u32 %5, %13, %21;\n\t"
      "addc.cc.u32 %6, %14, %22;\n\t"
      "addc.u32 %7, %15, 0;"
      : "=&r"(sum.limbs[0]), "=&r"(sum.limbs[1]), "=&r"(sum.limbs[2]), "=&r"(sum.limbs[3]), "=&r"(sum.limbs[4]),
        "=&r"(sum.limbs[5]), "=&r"(sum.limbs[6]), "=&r"(sum.limbs[7])
      : "r"(even[0]), "r"(even[1]), "r"(even[2]), "r"(even[3]), "r"(even[4]), "r"(even[5]), "r"(even[6]), "r"(even[7]),
        "r"(odd[1]), "r"(odd[2]), "r"(odd[3]), "r"(odd[4]), "r"(odd[5]), "r"(odd[6]), "r"(odd[7]));
  return sum;
}

}  // namespace product

/// a·b/2^256 mod p, for any a < 2^256 with a·b < p·2^256; b is a Montgomery form, or both are.
template <class P>
__device__ __forceinline__ Element<P> operator*(const Element<P>& a, const Element<P>& b) {
  std::uint32_t even[8], odd[8];
  product::first_row(even, odd, b, a.limbs[0]);
  product::reduce_row<P>(even, odd);
#pragma unroll
  for (int i = 1; i < 8; i += 2) {
    product::next_row(odd, even, b, a.limbs[i]);
    product::reduce_row<P>(odd, even);
    if (i == 7) break;
    product::next_row(even, odd, b, a.limbs[i + 1]);
    product::reduce_row<P>(even, odd);
  }
  return reduced_once(product::merged<P>(even, odd));
}

/// a·b + c·d with one reduction.
template <class P>
__device__ __forceinline__ Element<P> sum_of_products(const Element<P>& a, const Element<P>& b, const Element<P>& c,
                                                      const Element<P>& d) {
  std::uint32_t even[8], odd[8];
  product::first_row(even, odd, b, a.limbs[0]);
  product::more_of_row(even, odd, d, c.limbs[0]);
  product::reduce_row<P>(even, odd);
#pragma unroll
  for (int i = 1; i < 8; i += 2) {
    product::next_row(odd, even, b, a.limbs[i]);
    product::more_of_row(odd, even, d, c.limbs[i]);
    product::reduce_row<P>(odd, even);
    if (i == 7) break;
    product::next_row(even, odd, b, a.limbs[i + 1]);
    product::more_of_row(even, odd, d, c.limbs[i + 1]);
    product::reduce_row<P>(even, odd);
  }
  return reduced_once(product::merged<P>(even, odd));
}

template <class P>
__device__ __forceinline__ Element<P> square(const Element<P>& a) {
  return a * a;
}

/// The integer in 0..p-1: a product by one without its multiplications.
template <class P>
__device__ __forceinline__ Element<P> to_canonical(const Element<P>& a) {
  std::uint32_t even[8], odd[8] = {};
#pragma unroll
  for (int i = 0; i < 8; ++i) even[i] = a.limbs[i];
  product::reduce_row<P>(even, odd);
#pragma unroll
  for (int i = 1; i < 8; i += 2) {
    product::shift(odd[0], even);
    product::reduce_row<P>(odd, even);
    if (i == 7) break;
    product::shift(even[0], odd);
    product::reduce_row<P>(even, odd);
  }
  return reduced_once(product::merged<P>(even, odd));
}

/// The Montgomery form of a 64-bit integer.
template <class P>
__device__ __forceinline__ Element<P> from_u64(std::uint64_t value) {
  using constants::kSquaredR;
  const Element<P> squared = {{kSquaredR<P, 0>, kSquaredR<P, 1>, kSquaredR<P, 2>, kSquaredR<P, 3>, kSquaredR<P, 4>,
                               kSquaredR<P, 5>, kSquaredR<P, 6>, kSquaredR<P, 7>}};
  const Element<P> integer = {{static_cast<std::uint32_t>(value), static_cast<std::uint32_t>(value >> 32)}};
  return integer * squared;
}

template <class P>
__device__ __forceinline__ Element<P> from_i64(std::int64_t value) {
  if (value >= 0) return from_u64<P>(static_cast<std::uint64_t>(value));
  return negated(from_u64<P>(~static_cast<std::uint64_t>(value) + 1));
}

/// a^(p-2), the inverse; zero for zero.
template <class P>
__device__ inline Element<P> inverse(const Element<P>& a) {
  using constants::kFermat;
  constexpr std::uint32_t kExponent[8] = {kFermat<P, 0>, kFermat<P, 1>, kFermat<P, 2>, kFermat<P, 3>,
                                          kFermat<P, 4>, kFermat<P, 5>, kFermat<P, 6>, kFermat<P, 7>};
  Element<P> result = one_element<P>();
#pragma unroll
  for (int limb = 7; limb >= 0; --limb) {
    const std::uint32_t bits = kExponent[limb];
#pragma unroll 1
    for (int bit = 31; bit >= 0; --bit) {
      result = square(result);
      if ((bits >> bit & 1) != 0) result = result * a;
    }
  }
  return result;
}

}  // namespace magnetar::kernels
