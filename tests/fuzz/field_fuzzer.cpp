// Any bytes as field elements: what is decoded encodes to the same bytes, nothing above the modulus is decoded, and
// arithmetic on whatever the bytes are modulo p is the same for every instruction set and satisfies the field's laws.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "engine/algebra/field.h"

namespace {

using namespace magnetar::algebra;

void require(bool condition) {
  if (!condition) std::abort();
}

template <class F>
void decode(std::span<const std::uint8_t> bytes) {
  const auto element = F::from_bytes(bytes);
  if (!element) {
    require(element.error() == (bytes.size() == F::kBytes ? DecodeError::kNotCanonical : DecodeError::kWrongLength));
    return;
  }
  require(std::ranges::equal(element->to_bytes(), bytes));
  require(element->to_canonical() < F::kModulus);
  require(F::from_canonical(element->to_canonical()) == *element);
}

template <class F>
void compute(std::span<const std::uint8_t> bytes) {
  std::vector<F> a;
  F horner;
  for (std::size_t i = 0; i < bytes.size(); i += F::kBytes) {
    a.push_back(F::from_wide_le(bytes.subspan(i, std::min(F::kBytes, bytes.size() - i))));
  }
  for (const std::uint8_t byte : bytes) horner = horner * F::from_u64(256) + F::from_u64(byte);
  require(F::from_wide_be(bytes) == horner);
  const std::vector<F> b(a.rbegin(), a.rend());
  struct Results {
    std::vector<F> products, squares, inverses;
    bool operator==(const Results&) const = default;
  };
  std::vector<Results> all;
  const InstructionSet initial = active_instruction_set();
  for (const auto set : {InstructionSet::kPortable, InstructionSet::kAdx, InstructionSet::kIfma}) {
    if (!is_supported(set)) continue;
    force_instruction_set(set);
    Results results{a, a, a};
    multiply(std::span<const F>(a), std::span<const F>(b), std::span(results.products));
    square(std::span<const F>(a), std::span(results.squares));
    batch_inverse(std::span(results.inverses));
    all.push_back(std::move(results));
  }
  force_instruction_set(initial);
  require(std::ranges::all_of(all, [&](const Results& results) { return results == all.front(); }));
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto& [products, squares, inverses] = all.front();
    require(products[i].to_canonical() < F::kModulus);
    require((a[i] + b[i]).square() == squares[i] + products[i].doubled() + b[i].square());
    require(a[i] - b[i] + b[i] == a[i]);
    require(a[i].is_zero() ? inverses[i].is_zero() : (a[i] * inverses[i]).is_one());
    const auto root = squares[i].sqrt();
    require(root && (*root == a[i] || *root == -a[i]) && !root->is_odd());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> bytes(data, std::min<std::size_t>(size, 320));
  decode<Fr>(bytes);
  decode<Fq>(bytes);
  compute<Fr>(bytes);
  compute<Fq>(bytes);
  return 0;
}
