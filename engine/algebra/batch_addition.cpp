#include "engine/algebra/batch_addition.h"

#include <algorithm>
#include <cassert>
#include <vector>

#ifdef __x86_64__
#include "engine/algebra/ifma/batch_addition.h"
#endif

namespace magnetar::algebra {

namespace {

/// Pairs that share an inversion on the exact path.
constexpr std::size_t kExactBatch = 1024;
/// How many pairs ahead the exact path asks for its operands.
constexpr std::size_t kExactPrefetch = 8;

/// The element whose Montgomery form is `words` modulo p.
template <class F>
F from_words(const std::array<std::uint64_t, 4>& words) {
  return F::reduce(U256{words}) * F::from_montgomery(U256::from_u64(1));
}

template <class F>
constexpr F kSixteen = F::from_u64(16);  // 2^260 / 2^256
template <class F>
constexpr F kSixteenth = kSixteen<F>.pow(subtract(F::kModulus, U256::from_u64(2)));

}  // namespace

template <class C>
struct BatchAddition<C>::Workspace {
  struct Pair {
    Affine left;
    Affine right;
    bool is_trivial;  // the sum is in `left`, no inversion needed
  };
  std::vector<Pair> pairs;
  std::vector<typename C::BaseField> denominators;
#ifdef __x86_64__
  struct alignas(64) Line {
    std::byte bytes[64];
  };
  std::vector<Line> scratch;
#endif
};

template <class C>
BatchAddition<C>::BatchAddition(InstructionSet set) : set_(set), workspace_(std::make_unique<Workspace>()) {
  assert(is_supported(set));
#ifdef __x86_64__
  if (set == InstructionSet::kIfma) workspace_->scratch.resize(ifma::kScratchBytes / 64);
#endif
}

template <class C>
BatchAddition<C>::~BatchAddition() = default;

template <class C>
PackedPoint BatchAddition<C>::pack(const Affine& point, InstructionSet set) {
  using F = typename C::BaseField;
  if (set != InstructionSet::kIfma) return {point.x.montgomery().limbs, point.y.montgomery().limbs};
  return {(point.x * kSixteen<F>).montgomery().limbs, (point.y * kSixteen<F>).montgomery().limbs};
}

template <class C>
AffinePoint<C> BatchAddition<C>::unpack(const PackedPoint& point, InstructionSet set) {
  using F = typename C::BaseField;
  if (set != InstructionSet::kIfma) return {F::from_montgomery({point.x}), F::from_montgomery({point.y})};
  return {from_words<F>(point.x) * kSixteenth<F>, from_words<F>(point.y) * kSixteenth<F>};
}

template <class C>
PackedPoint BatchAddition<C>::resolve(const PackedPoint* table, PointReference reference) const {
  PackedPoint point = table[reference.index()];
  const U256 y{point.y};
  if (!reference.negative() || y.is_zero()) return point;
  constexpr U256 p = C::BaseField::kModulus;
  // A vectorised y may be up to 2.34·p.
  point.y = subtract(set_ == InstructionSet::kIfma ? algebra::add(algebra::add(p, p), p) : p, y).limbs;
  return point;
}

template <class C>
void BatchAddition<C>::add(const PackedPoint* table, std::span<const PointReference> left,
                           std::span<const PointReference> right, PackedPoint* out, bool& may_be_infinite) {
  assert(left.size() == right.size());
  std::size_t done = 0;
#ifdef __x86_64__
  while (set_ == InstructionSet::kIfma && !may_be_infinite && done < left.size()) {
    const std::size_t count = std::min(left.size() - done, ifma::kBatchPairs);
    static_assert(sizeof(PointReference) == sizeof(std::uint32_t));
    const bool distinct = ifma::add_distinct<typename C::BaseField::Parameters>(
        table->x.data(), reinterpret_cast<const std::uint32_t*>(left.data() + done),
        reinterpret_cast<const std::uint32_t*>(right.data() + done), count, left.size() - done - count,
        out[done].x.data(), workspace_->scratch.data());
    if (!distinct) {
      add_exactly(table, left.subspan(done, count), right.subspan(done, count), out + done, may_be_infinite);
    }
    done += count;
  }
#endif
  add_exactly(table, left.subspan(done), right.subspan(done), out + done, may_be_infinite);
}

template <class C>
void BatchAddition<C>::add_exactly(const PackedPoint* table, std::span<const PointReference> left,
                                   std::span<const PointReference> right, PackedPoint* out, bool& may_be_infinite) {
  using F = typename C::BaseField;
  const auto operand = [&](PointReference reference) {
    const Affine point = unpack(table[reference.index()], set_);
    return reference.negative() ? -point : point;
  };
  auto& pairs = workspace_->pairs;
  auto& denominators = workspace_->denominators;
  for (std::size_t begin = 0; begin < left.size(); begin += kExactBatch) {
    const std::size_t count = std::min(left.size() - begin, kExactBatch);
    pairs.resize(count);
    denominators.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
      if (const std::size_t ahead = begin + i + kExactPrefetch; ahead < left.size()) {
        __builtin_prefetch(table + left[ahead].index());
        __builtin_prefetch(table + right[ahead].index());
      }
      auto& [a, b, is_trivial] = pairs[i];
      a = operand(left[begin + i]);
      b = operand(right[begin + i]);
      is_trivial = false;
      denominators[i] = b.x - a.x;
      if (a.is_infinity()) {
        a = b;
        is_trivial = true;
      } else if (b.is_infinity()) {
        is_trivial = true;
      } else if (denominators[i].is_zero()) {
        if (a.y == b.y) {
          denominators[i] = a.y.doubled();
        } else {
          a = Affine::infinity();
          is_trivial = true;
        }
      }
      if (is_trivial) denominators[i] = F::zero();
    }
    batch_inverse(std::span(denominators));
    for (std::size_t i = 0; i < count; ++i) {
      const auto& [a, b, is_trivial] = pairs[i];
      Affine sum = a;
      if (!is_trivial) {
        const bool doubles = a.x == b.x;
        const F x_square = doubles ? a.x.square() : F::zero();
        const F numerator = doubles ? x_square.doubled() + x_square : b.y - a.y;
        const F slope = numerator * denominators[i];
        sum.x = slope.square() - a.x - b.x;
        sum.y = slope * (a.x - sum.x) - a.y;
      }
      may_be_infinite = may_be_infinite || sum.is_infinity();
      out[begin + i] = pack(sum, set_);
    }
  }
}

template class BatchAddition<Bn254>;
template class BatchAddition<Grumpkin>;

}  // namespace magnetar::algebra
