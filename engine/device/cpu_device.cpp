#include "engine/device/cpu_device.h"

#include <tbb/parallel_for.h>
#include <tbb/parallel_reduce.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <type_traits>

#include "engine/r1cs/products.h"

namespace magnetar::device {
namespace {

using algebra::Fr;
using Range = tbb::blocked_range<std::size_t>;

/// What a thread works on at a time: its vectors stay in the cache.
constexpr std::size_t kChunk = 512;

template <class F>
constexpr bool kHasBlocks = std::is_same_v<F, Fr>;

/// Calls `body(begin, count)` for chunks of 0..size-1.
void for_each_chunk(std::size_t size, const auto& body) {
  tbb::parallel_for(Range(0, (size + kChunk - 1) / kChunk, 8), [&](const Range& range) {
    for (std::size_t chunk = range.begin(); chunk != range.end(); ++chunk) {
      const std::size_t begin = chunk * kChunk;
      body(begin, std::min(kChunk, size - begin));
    }
  });
}

/// target += r·source
template <class F>
void add_multiple(std::span<F> target, std::span<const F> source, const F& r) {
  assert(target.size() == source.size());
  const std::vector<F> factor(kChunk, r);
  for_each_chunk(target.size(), [&](std::size_t begin, std::size_t count) {
    std::array<F, kChunk> product;
    const auto chunk = std::span(product).first(count);
    algebra::multiply(source.subspan(begin, count), std::span(factor).first(count), chunk);
    for (std::size_t i = 0; i < count; ++i) target[begin + i] += chunk[i];
  });
}

/// w1 from its parts.
template <class F>
std::vector<F> gather_stage1(const r1cs::Relation<F>& relation, const Stage1<F>& stage1) {
  std::vector<F> w1(relation.stage1());
  std::size_t at = 0;
  assert(stage1.blocks.size() == relation.blocks().size());
  for (std::size_t i = 0; i < stage1.blocks.size(); ++i) {
    const r1cs::Block& block = relation.blocks()[i];
    if (block.count == 0) continue;
    if constexpr (kHasBlocks<F>) {
      const r1cs::Columns& columns = *stage1.blocks[i];
      assert(columns.rows() == block.count);
      tbb::parallel_for(Range(0, columns.variables()), [&](const Range& range) {
        for (std::size_t v = range.begin(); v != range.end(); ++v) {
          for (std::size_t row = 0; row < block.count; ++row) w1[at + v * block.count + row] = columns.get(v, row);
        }
      });
    }
    at += block.count * block.shape->stage1.size();
  }
  assert(w1.size() - at == stage1.own.size());
  std::copy(stage1.own.begin(), stage1.own.end(), w1.begin() + static_cast<std::ptrdiff_t>(at));
  return w1;
}

/// A relation with a segment's challenges, in the forms for fresh and for any assignments.
template <class C>
struct Segment {
  using F = typename C::ScalarField;

  Segment(const r1cs::Relation<F>& of, const commit::CommitmentKey<C>& with, const r1cs::Challenges<F>& challenges)
      : relation(of), key(with), filled(of, challenges) {
    if constexpr (kHasBlocks<F>) {
      for (const r1cs::Block& block : of.blocks()) templates.emplace_back(*block.shape, of.palette(), challenges);
    }
  }

  const r1cs::Relation<F>& relation;
  const commit::CommitmentKey<C>& key;
  r1cs::FilledRelation<F> filled;
  std::vector<r1cs::FilledTemplate> templates;
};

template <class C>
class CpuFresh final : public Fresh<C> {
 public:
  using typename Fresh<C>::F;
  using typename Fresh<C>::Affine;

  CpuFresh(const Segment<C>& segment, const Stage1<F>& stage1)
      : segment_(segment),
        blocks_(stage1.blocks),
        stage1_(gather_stage1(segment.relation, stage1)),
        stage2_(segment.relation.stage2()),
        products_(segment.relation.constraints()) {}

  bool solve_blocks() override {
    if constexpr (kHasBlocks<F>) {
      std::atomic<bool> good = true;
      std::size_t at2 = 0;
      std::size_t at = 0;
      for (std::size_t i = 0; i < blocks_.size(); ++i) {
        const r1cs::Block& block = segment_.relation.blocks()[i];
        const std::size_t size2 = block.count * block.shape->stage2.size();
        const std::size_t size = block.count * block.shape->constraints.size();
        if (block.count != 0) {
          tbb::parallel_for(Range(0, block.count, 128), [&](const Range& range) {
            if (!segment_.templates[i].solve(
                    *blocks_[i], range.begin(), range.end(), std::span(stage2_).subspan(at2, size2),
                    std::span(products_.a).subspan(at, size), std::span(products_.b).subspan(at, size),
                    std::span(products_.c).subspan(at, size))) {
              good = false;
            }
          });
        }
        at2 += size2;
        at += size;
      }
      return good;
    }
    return true;
  }

  F block_sum() const override {
    const auto blocks = block_stage2();
    return tbb::parallel_reduce(
        Range(0, blocks.size(), 4096), F::zero(),
        [&](const Range& range, F sum) {
          for (std::size_t i = range.begin(); i != range.end(); ++i) sum += blocks[i];
          return sum;
        },
        std::plus<>());
  }

  Affine commit_blocks() const override { return segment_.key.commit(block_stage2()); }

  Affine complete(const r1cs::CircuitValues<F>& values, const Affine& blocks) override {
    const std::size_t offset = block_stage2().size();
    assert(values.publics.size() == publics_.size() && values.stage2.size() == stage2_.size() - offset);
    std::copy(values.publics.begin(), values.publics.end(), publics_.begin());
    std::copy(values.stage2.begin(), values.stage2.end(), stage2_.begin() + static_cast<std::ptrdiff_t>(offset));
    segment_.filled.circuit_products({F::one(), publics_, stage1_, stage2_}, products_);
    const Affine own = segment_.key.commit(std::span<const F>(values.stage2), offset);
    return (algebra::Point<C>(blocks) + own).to_affine();
  }

  const std::array<F, 2>& publics() const { return publics_; }
  const std::vector<F>& stage1() const { return stage1_; }
  const std::vector<F>& stage2() const { return stage2_; }
  const r1cs::Products<F>& products() const { return products_; }

 private:
  std::span<const F> block_stage2() const {
    return std::span(stage2_).first(r1cs::Relation<F>::block_stage2(segment_.relation.blocks()));
  }

  const Segment<C>& segment_;
  std::vector<const r1cs::Columns*> blocks_;
  std::array<F, 2> publics_;
  std::vector<F> stage1_, stage2_;
  r1cs::Products<F> products_;
};

template <class C>
class CpuAccumulator final : public Accumulator<C> {
 public:
  using typename Accumulator<C>::F;
  using typename Accumulator<C>::Affine;

  CpuAccumulator(const r1cs::Relation<F>& relation, const commit::CommitmentKey<C>& key,
                 const r1cs::Challenges<F>& challenges)
      : segment_(relation, key, challenges), cross_(relation.constraints()) {
    start_zero();
  }

  std::unique_ptr<Fresh<C>> make_fresh(const Stage1<F>& stage1) const override {
    return std::make_unique<CpuFresh<C>>(segment_, stage1);
  }

  void start(const Fresh<C>& fresh) override {
    const auto& from = static_cast<const CpuFresh<C>&>(fresh);
    running_ = {F::one(), from.publics(), from.stage1(), from.stage2(), std::vector<F>(cross_.size())};
    products_ = from.products();
  }

  void start_zero() override {
    const auto& relation = segment_.relation;
    running_ = {F::zero(),
                {},
                std::vector<F>(relation.stage1()),
                std::vector<F>(relation.stage2()),
                std::vector<F>(cross_.size())};
    products_ = r1cs::Products<F>(cross_.size());
  }

  Affine cross_term(const Fresh<C>& fresh) override {
    const r1cs::Products<F>& other = static_cast<const CpuFresh<C>&>(fresh).products();
    const std::vector<F> u(kChunk, running_.u);
    for_each_chunk(cross_.size(), [&](std::size_t begin, std::size_t count) {
      // T = A·Z1 ∘ B·Z2 + A·Z2 ∘ B·Z1 - u1·C·Z2 - u2·C·Z1 with u2 = 1.
      std::array<F, kChunk> first, second, third;
      const auto part = [&](const std::vector<F>& vector) { return std::span<const F>(vector).subspan(begin, count); };
      algebra::multiply(part(products_.a), part(other.b), std::span(first).first(count));
      algebra::multiply(part(other.a), part(products_.b), std::span(second).first(count));
      algebra::multiply(part(other.c), std::span(u).first(count), std::span(third).first(count));
      for (std::size_t i = 0; i < count; ++i) {
        cross_[begin + i] = first[i] + second[i] - third[i] - products_.c[begin + i];
      }
    });
    return segment_.key.commit(std::span<const F>(cross_));
  }

  void fold(const Fresh<C>& fresh, const F& r) override {
    const auto& other = static_cast<const CpuFresh<C>&>(fresh);
    const auto add = [&](std::vector<F>& target, const std::vector<F>& source) { add_multiple<F>(target, source, r); };
    running_.u += r;
    for (std::size_t i = 0; i < running_.publics.size(); ++i) running_.publics[i] += r * other.publics()[i];
    add(running_.stage1, other.stage1());
    add(running_.stage2, other.stage2());
    add(running_.error, cross_);  // a fresh assignment has no error of its own
    add(products_.a, other.products().a);
    add(products_.b, other.products().b);
    add(products_.c, other.products().c);
  }

  RelaxedAssignment<F> read() const override { return running_; }

  void write(const RelaxedAssignment<F>& assignment) override {
    running_ = assignment;
    products_ = segment_.filled.products(running_.assignment());
  }

 private:
  Segment<C> segment_;
  RelaxedAssignment<F> running_;
  r1cs::Products<F> products_;
  std::vector<F> cross_;
};

template <class C>
class CpuDevice final : public Device<C> {
 public:
  using typename Device<C>::F;
  using typename Device<C>::Affine;

  CpuDevice(const r1cs::Relation<F>& relation, const commit::CommitmentKey<C>& key) : relation_(relation), key_(key) {
    assert(relation.publics() == 2);
    assert(key.size() >= std::max({relation.stage1(), relation.stage2(), relation.constraints()}));
    assert(kHasBlocks<F> || relation.blocks().empty());
  }

  Affine commit_stage1(const Stage1<F>& stage1) const override { return commit(gather_stage1(relation_, stage1)); }
  Affine commit(std::span<const F> values) const override { return key_.commit(values); }
  std::unique_ptr<Accumulator<C>> start_segment(const r1cs::Challenges<F>& challenges) const override {
    return std::make_unique<CpuAccumulator<C>>(relation_, key_, challenges);
  }

 private:
  const r1cs::Relation<F>& relation_;
  const commit::CommitmentKey<C>& key_;
};

}  // namespace

template <class C>
std::unique_ptr<Device<C>> make_cpu_device(const r1cs::Relation<typename C::ScalarField>& relation,
                                           const commit::CommitmentKey<C>& key) {
  return std::make_unique<CpuDevice<C>>(relation, key);
}

template std::unique_ptr<Device<algebra::Bn254>> make_cpu_device(const r1cs::Relation<algebra::Fr>&,
                                                                 const commit::CommitmentKey<algebra::Bn254>&);
template std::unique_ptr<Device<algebra::Grumpkin>> make_cpu_device(const r1cs::Relation<algebra::Fq>&,
                                                                    const commit::CommitmentKey<algebra::Grumpkin>&);

}  // namespace magnetar::device
