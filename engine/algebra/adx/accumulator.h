#pragma once

#ifdef __x86_64__

#include <cstdint>

#include "engine/algebra/u256.h"

namespace magnetar::algebra::adx {

/// portable::Accumulator (inner_product.h) for processors with BMI2 and ADX.
class Accumulator {
 public:
  [[gnu::always_inline]] void add_product(std::uint64_t a, const U256& b) {
    std::uint64_t high;
    asm("xorl %%eax, %%eax\n"
        "mulxq 0(%[b]), %%rax, %[high]\n adoxq %%rax, %[t0]\n adcxq %[high], %[t1]\n"
        "mulxq 8(%[b]), %%rax, %[high]\n adoxq %%rax, %[t1]\n adcxq %[high], %[t2]\n"
        "mulxq 16(%[b]), %%rax, %[high]\n adoxq %%rax, %[t2]\n adcxq %[high], %[t3]\n"
        "mulxq 24(%[b]), %%rax, %[high]\n adoxq %%rax, %[t3]\n adcxq %[high], %[t4]\n"
        "movl $0, %%eax\n adoxq %%rax, %[t4]\n"
        : [t0] "+&r"(t0_), [t1] "+&r"(t1_), [t2] "+&r"(t2_), [t3] "+&r"(t3_), [t4] "+&r"(t4_), [high] "=&r"(high)
        : "d"(a), [b] "r"(&b), "m"(b)
        : "rax", "cc");
  }

  [[gnu::always_inline]] void reduce(const U256& p, std::uint64_t negative_inverse) {
    std::uint64_t high;
    std::uint64_t carry;
    asm("xorl %%eax, %%eax\n"
        "mulxq 0(%[p]), %%rax, %[high]\n adoxq %%rax, %[t0]\n adcxq %[high], %[t1]\n"
        "mulxq 8(%[p]), %%rax, %[high]\n adoxq %%rax, %[t1]\n adcxq %[high], %[t2]\n"
        "mulxq 16(%[p]), %%rax, %[high]\n adoxq %%rax, %[t2]\n adcxq %[high], %[t3]\n"
        "mulxq 24(%[p]), %%rax, %[high]\n adoxq %%rax, %[t3]\n adcxq %[high], %[t4]\n"
        "movl $0, %%eax\n movl $0, %k[carry]\n adcxq %%rax, %[carry]\n"
        "adoxq %%rax, %[t4]\n adoxq %%rax, %[carry]\n"
        : [t0] "+&r"(t0_), [t1] "+&r"(t1_), [t2] "+&r"(t2_), [t3] "+&r"(t3_), [t4] "+&r"(t4_), [high] "=&r"(high),
          [carry] "=&r"(carry)
        : "d"(t0_ * negative_inverse), [p] "r"(&p), "m"(p)
        : "rax", "cc");
    t0_ = t1_;
    t1_ = t2_;
    t2_ = t3_;
    t3_ = t4_;
    t4_ = carry;
  }

  [[gnu::always_inline]] U256 finish(const U256& addend, const U256& p) const {
    std::uint64_t t0 = t0_, t1 = t1_, t2 = t2_, t3 = t3_;
    asm("addq 0(%[a]), %[t0]\n adcq 8(%[a]), %[t1]\n adcq 16(%[a]), %[t2]\n adcq 24(%[a]), %[t3]\n"
        : [t0] "+&r"(t0), [t1] "+&r"(t1), [t2] "+&r"(t2), [t3] "+&r"(t3)
        : [a] "r"(&addend), "m"(addend)
        : "cc");
    for (int round = 0; round < 2; ++round) {
      const std::uint64_t s0 = t0, s1 = t1, s2 = t2, s3 = t3;
      asm("subq 0(%[p]), %[t0]\n sbbq 8(%[p]), %[t1]\n sbbq 16(%[p]), %[t2]\n sbbq 24(%[p]), %[t3]\n"
          "cmovcq %[s0], %[t0]\n cmovcq %[s1], %[t1]\n cmovcq %[s2], %[t2]\n cmovcq %[s3], %[t3]\n"
          : [t0] "+&r"(t0), [t1] "+&r"(t1), [t2] "+&r"(t2), [t3] "+&r"(t3)
          : [p] "r"(&p), [s0] "r"(s0), [s1] "r"(s1), [s2] "r"(s2), [s3] "r"(s3), "m"(p)
          : "cc");
    }
    return {{t0, t1, t2, t3}};
  }

 private:
  std::uint64_t t0_ = 0, t1_ = 0, t2_ = 0, t3_ = 0, t4_ = 0;
};

}  // namespace magnetar::algebra::adx

#endif  // __x86_64__
