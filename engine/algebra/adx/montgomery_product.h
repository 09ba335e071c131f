#pragma once

#ifdef __x86_64__

#include <cstdint>

#include "engine/algebra/u256.h"

// One row of the operand scanning product: t += a[i]·b, the carry limb in `hi`. adcx and adox keep two carry chains.
#define MAGNETAR_ADX_FIRST_ROW                          \
  "movq 0(%[a]), %%rdx\n xorl %%eax, %%eax\n"           \
  "mulxq 0(%[b]), %[t0], %[t1]\n"                       \
  "mulxq 8(%[b]), %%rax, %[t2]\n adoxq %%rax, %[t1]\n"  \
  "mulxq 16(%[b]), %%rax, %[t3]\n adoxq %%rax, %[t2]\n" \
  "mulxq 24(%[b]), %%rax, %[hi]\n adoxq %%rax, %[t3]\n" \
  "movl $0, %%eax\n adoxq %%rax, %[hi]\n"
#define MAGNETAR_ADX_ROW(offset)                                             \
  "movq " #offset                                                            \
  "(%[a]), %%rdx\n xorl %%eax, %%eax\n"                                      \
  "mulxq 0(%[b]), %%rax, %[hi]\n adoxq %%rax, %[t0]\n adcxq %[hi], %[t1]\n"  \
  "mulxq 8(%[b]), %%rax, %[hi]\n adoxq %%rax, %[t1]\n adcxq %[hi], %[t2]\n"  \
  "mulxq 16(%[b]), %%rax, %[hi]\n adoxq %%rax, %[t2]\n adcxq %[hi], %[t3]\n" \
  "mulxq 24(%[b]), %%rax, %[hi]\n adoxq %%rax, %[t3]\n"                      \
  "movl $0, %%eax\n adcxq %%rax, %[hi]\n adoxq %%rax, %[hi]\n"
// t = (t + m·p)/2^64 with m = -t/p mod 2^64.
#define MAGNETAR_ADX_REDUCE                                                  \
  "movq %[inverse], %%rdx\n imulq %[t0], %%rdx\n xorl %%eax, %%eax\n"        \
  "mulxq 0(%[p]), %%rax, %[lo]\n adcxq %[t0], %%rax\n movq %[lo], %[t0]\n"   \
  "adcxq %[t1], %[t0]\n mulxq 8(%[p]), %%rax, %[t1]\n adoxq %%rax, %[t0]\n"  \
  "adcxq %[t2], %[t1]\n mulxq 16(%[p]), %%rax, %[t2]\n adoxq %%rax, %[t1]\n" \
  "adcxq %[t3], %[t2]\n mulxq 24(%[p]), %%rax, %[t3]\n adoxq %%rax, %[t2]\n" \
  "movl $0, %%eax\n adcxq %%rax, %[t3]\n adoxq %[hi], %[t3]\n"

namespace magnetar::algebra::adx {

/// a·b/2^256 mod p, canonical, for a < 2^256 and b < p < 2^255 - 2^191; `negative_inverse` is -p^-1 mod 2^64.
/// Only where the processor has BMI2 and ADX. It is inline assembly because neither compiler keeps two carry chains:
/// their code for the portable product takes 21 to 30 ns where this takes 15.6 (Zen 4).
[[gnu::always_inline]] inline U256 montgomery_product(const U256& a, const U256& b, const U256& p,
                                                      std::uint64_t negative_inverse) {
  std::uint64_t t0, t1, t2, t3, hi, lo;
  asm(MAGNETAR_ADX_FIRST_ROW MAGNETAR_ADX_REDUCE            //
          MAGNETAR_ADX_ROW(8) MAGNETAR_ADX_REDUCE           //
              MAGNETAR_ADX_ROW(16) MAGNETAR_ADX_REDUCE      //
                  MAGNETAR_ADX_ROW(24) MAGNETAR_ADX_REDUCE  //
      : [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2), [t3] "=&r"(t3), [hi] "=&r"(hi), [lo] "=&r"(lo)
      : [a] "r"(&a), [b] "r"(&b), [p] "r"(&p), [inverse] "rm"(negative_inverse), "m"(a), "m"(b), "m"(p)
      : "rax", "rdx", "cc");
  const std::uint64_t s0 = t0, s1 = t1, s2 = t2, s3 = t3;
  asm("subq 0(%[p]), %[t0]\n sbbq 8(%[p]), %[t1]\n sbbq 16(%[p]), %[t2]\n sbbq 24(%[p]), %[t3]\n"
      "cmovcq %[s0], %[t0]\n cmovcq %[s1], %[t1]\n cmovcq %[s2], %[t2]\n cmovcq %[s3], %[t3]\n"
      : [t0] "+&r"(t0), [t1] "+&r"(t1), [t2] "+&r"(t2), [t3] "+&r"(t3)
      : [p] "r"(&p), [s0] "r"(s0), [s1] "r"(s1), [s2] "r"(s2), [s3] "r"(s3), "m"(p)
      : "cc");
  return {{t0, t1, t2, t3}};
}

}  // namespace magnetar::algebra::adx

#undef MAGNETAR_ADX_FIRST_ROW
#undef MAGNETAR_ADX_ROW
#undef MAGNETAR_ADX_REDUCE

#endif  // __x86_64__
