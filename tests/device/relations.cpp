#include "relations.h"

#include <algorithm>
#include <cassert>
#include <limits>

namespace magnetar::device {
namespace {

using algebra::Fr;
using r1cs::Linear;
using r1cs::Symbol;
using r1cs::Width;

constexpr auto kNoHint = [](const TestRow&) { return 0; };

/// Variables of every width; products, an inverse, and three stage-2 variables.
r1cs::Template make_wide(r1cs::Palette& palette) {
  r1cs::TemplateBuilder b("wide", palette);
  const Linear bit = b.variable("bit", Width::kBit, kNoHint);
  const Linear byte = b.variable("byte", Width::k8, kNoHint);
  const Linear half = b.variable("half", Width::k16, kNoHint);
  const Linear word = b.variable("word", Width::k32, kNoHint);
  const Linear integer = b.variable("integer", Width::kSigned64, kNoHint);
  const Linear inverse = b.inverse("inverse", byte);
  b.two_valued("bit", bit);
  b.constrain("inverse", byte, inverse, Linear(1) - (Linear(1) - b.product("nonzero", Width::kBit, byte, inverse)));
  b.quotient("h", bit,
             Linear(1).times(Symbol::gamma()) - word - half.times(Symbol::beta(1)) - integer.times(Symbol::beta(15)));
  b.quotient("opposite", -1 * bit,
             Linear(7).times(Symbol::gamma()) + (byte + 65536 * half).times(Symbol::beta(3)) + inverse);
  b.quotient("other", word - 3 * integer, Linear(1).times(Symbol::gamma()) + word.times(Symbol::beta(2)) - 5);
  return std::move(b).build();
}

/// No stage 2.
r1cs::Template make_narrow(r1cs::Palette& palette) {
  r1cs::TemplateBuilder b("narrow", palette);
  const Linear bit = b.variable("bit", Width::kBit, kNoHint);
  const Linear word = b.variable("word", Width::k32, kNoHint);
  b.two_valued("bit", bit);
  b.constrain("nothing", bit, Linear(0), Linear(0));
  b.constrain("word", word - 1, Linear(0), Linear());
  return std::move(b).build();
}

/// A random value of one of the ends or within a range.
std::int64_t pick(std::mt19937_64& generator, std::int64_t least, std::int64_t most) {
  switch (generator() % 4) {
    case 0:
      return least;
    case 1:
      return most;
    default:
      return std::uniform_int_distribution<std::int64_t>(least, most)(generator);
  }
}

}  // namespace

template <class F>
std::vector<r1cs::Block> TestRelation<F>::blocks() const {
  if (!kHasBlocks) return {};
  return {{templates_[0].get(), rows_}, {templates_[1].get(), 0}, {templates_[1].get(), (rows_ + 1) / 2}};
}

template <class F>
r1cs::Relation<F> TestRelation<F>::make_relation() {
  if (kHasBlocks) {
    templates_.push_back(std::make_unique<r1cs::Template>(make_wide(palette_)));
    templates_.push_back(std::make_unique<r1cs::Template>(make_narrow(palette_)));
  }
  const auto all = blocks();
  r1cs::CircuitBuilder<F> b(r1cs::CircuitBuilder<F>::Mode::kShape, {}, r1cs::Relation<F>::block_stage1(all),
                            r1cs::Relation<F>::block_stage2(all));
  describe(b, nullptr, F::zero());
  return {all, kHasBlocks ? &palette_ : nullptr, std::move(b).take_circuit()};
}

template <class F>
void TestRelation<F>::describe(r1cs::CircuitBuilder<F>& b, const Witness* witness, const F& block_sum) const {
  using Value = typename r1cs::CircuitBuilder<F>::Value;
  const auto all = blocks();
  std::vector<Value> own;
  for (std::size_t i = 0; i < own_; ++i) own.push_back(b.stage1("own", witness ? witness->own[i] : F::zero()));
  const Value sum = b.foreign_sum({r1cs::Part::kStage2, 0}, r1cs::Relation<F>::block_stage2(all), block_sum);
  const Value total = b.variable("total", block_sum);
  b.equal("total", total, sum);
  // Entries in the blocks' stage 1, each column's among them.
  Value seen = total;
  const std::size_t foreign = r1cs::Relation<F>::block_stage1(all);
  for (std::size_t i = 0; i < foreign; i += std::max<std::size_t>(1, rows_ / 2)) {
    const Value at = b.foreign_sum({r1cs::Part::kStage1, i}, 1, witness ? witness->stage1[i] : F::zero());
    seen += F::from_u64(i + 2) * at;
  }
  Value last = b.product("seen", seen, seen);
  for (std::size_t i = 0; i < products_; ++i) {
    const Value left =
        b.times(own.empty() ? Value(F::one()) : own[i % own.size()], Symbol::beta(static_cast<unsigned>(i % 15))) +
        last;
    const Value right = i % 3 == 0 ? b.times(Value(F::from_u64(i)), Symbol::gamma()) - last : last - F::from_u64(i);
    last = b.product("product", left, right);
  }
  b.publish("last", last);
  b.publish("sum", last + total);
}

template <class F>
typename TestRelation<F>::Witness TestRelation<F>::witness(std::mt19937_64& generator) const {
  Witness result;
  for (const r1cs::Block& block : relation_.blocks()) {
    if (block.count == 0) {
      result.columns.emplace_back();
      continue;
    }
    r1cs::Columns columns(*block.shape, block.count);
    for (std::size_t row = 0; row < block.count; ++row) {
      const TestRow values{
          pick(generator, 0, 1),
          pick(generator, 0, 255),
          pick(generator, 0, 65535),
          pick(generator, 0, 0xffff'ffff),
          pick(generator, std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()),
          0};
      if (block.shape->name == "wide") {
        columns.set(0, Width::kBit, row, values.bit);
        columns.set(1, Width::k8, row, values.byte);
        columns.set(2, Width::k16, row, values.half);
        columns.set(3, Width::k32, row, values.word);
        columns.set(4, Width::kSigned64, row, values.integer);
        columns.set(5, Width::kField, row, values.byte);
        columns.set(6, Width::kBit, row, values.byte != 0 ? 1 : 0);
      } else {
        columns.set(0, Width::kBit, row, values.bit);
        columns.set(1, Width::k32, row, values.word);
      }
    }
    columns.settle();
    if constexpr (kHasBlocks) {
      for (std::size_t v = 0; v < columns.variables(); ++v) {
        for (std::size_t row = 0; row < block.count; ++row) result.stage1.push_back(columns.get(v, row));
      }
    }
    result.columns.emplace_back(std::move(columns));
  }
  for (std::size_t i = 0; i < own_; ++i) {
    const F choices[] = {F::zero(), F::one(), -F::one(), F::random(generator)};
    result.own.push_back(choices[generator() % 4]);
  }
  result.stage1.insert(result.stage1.end(), result.own.begin(), result.own.end());
  return result;
}

template <class F>
std::optional<std::vector<F>> TestRelation<F>::solve_blocks(const Witness& witness,
                                                            const r1cs::Challenges<F>& challenges) const {
  std::vector<F> stage2;
  if constexpr (kHasBlocks) {
    const std::vector<Fr> palette = palette_.values(challenges);
    for (std::size_t i = 0; i < witness.columns.size(); ++i) {
      const r1cs::Block& block = relation_.blocks()[i];
      for (std::size_t row = 0; row < block.count; ++row) {
        r1cs::RowValues values = r1cs::gather(*block.shape, *witness.columns[i], row);
        if (!r1cs::solve_stage2(*block.shape, palette, values)) return std::nullopt;
        stage2.insert(stage2.end(), values.begin() + block.shape->stage2_index(0), values.end());
      }
    }
  }
  return stage2;
}

template <class F>
r1cs::CircuitValues<F> TestRelation<F>::circuit_values(const Witness& witness, const std::vector<F>& block_stage2,
                                                       const r1cs::Challenges<F>& challenges) const {
  F sum;
  for (const F& value : block_stage2) sum += value;
  const auto all = blocks();
  r1cs::CircuitBuilder<F> b(r1cs::CircuitBuilder<F>::Mode::kValues, challenges, r1cs::Relation<F>::block_stage1(all),
                            r1cs::Relation<F>::block_stage2(all));
  describe(b, &witness, sum);
  return std::move(b).take_values();
}

template <class F>
r1cs::Challenges<F> TestRelation<F>::challenges_without_solution(const Witness& witness, const F& beta) const {
  // "h" of the last row: γ = word + β·half + β^15·integer.
  const auto value = [&](std::size_t variable) { return witness.stage1[variable * rows_ + rows_ - 1]; };
  return {value(3) + beta * value(2) + beta.pow(15) * value(4), beta};
}

template class TestRelation<algebra::Fr>;
template class TestRelation<algebra::Fq>;

template <class C>
std::vector<algebra::AffinePoint<C>> test_points(std::size_t count, std::mt19937_64& generator) {
  const auto step = algebra::AffinePoint<C>::generator();
  auto point = algebra::Point<C>(step) * C::ScalarField::random(generator);
  std::vector<algebra::Point<C>> points;
  for (std::size_t i = 0; i < count; ++i) {
    points.push_back(point);
    point += step;
  }
  std::vector<algebra::AffinePoint<C>> affine(count);
  algebra::Point<C>::batch_to_affine(points, affine);
  return affine;
}

template std::vector<algebra::Bn254Affine> test_points<algebra::Bn254>(std::size_t, std::mt19937_64&);
template std::vector<algebra::GrumpkinAffine> test_points<algebra::Grumpkin>(std::size_t, std::mt19937_64&);

}  // namespace magnetar::device
