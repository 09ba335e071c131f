#include "step_circuits.h"

#include <array>

#include "engine/hash/sponge.h"
#include "engine/ivc/circuit_sponge.h"
#include "engine/r1cs/template.h"

namespace magnetar::ivc {
namespace {

using algebra::Fr;
using algebra::U256;
using V = Value<Fr>;
using B = Builder<Fr>;

class Counter final : public TestStep {
 public:
  std::string name() const override { return "counter"; }
  std::size_t arity() const override { return 1; }
  std::vector<Fr> z0() const override { return {Fr::from_u64(5)}; }
  std::vector<Fr> apply(std::uint64_t, const std::vector<Fr>& z, const Segment&) const override {
    return {z[0] + Fr::one()};
  }
  std::vector<V> describe(B&, std::span<const V> z, const StepValues&) const override { return {z[0] + Fr::one()}; }
};

/// x^(1/5): 5 does not divide r - 1.
Fr fifth_root(const Fr& x) {
  // To the power of the inverse of 5 modulo r - 1: the multiple of r - 1, plus 1, that 5 divides, over 5.
  static const U256 exponent = [] {
    const U256 order = subtract(Fr::kModulus, U256::from_u64(1));
    U256 multiple = U256::from_u64(1);
    for (;;) {
      multiple = add(multiple, order);
      // Long division by 5.
      U256 quotient;
      std::uint64_t remainder = 0;
      for (std::size_t i = 4; i-- > 0;) {
        const algebra::Uint128 part = (algebra::Uint128{remainder} << 64) | multiple.limbs[i];
        quotient.limbs[i] = static_cast<std::uint64_t>(part / 5);
        remainder = static_cast<std::uint64_t>(part % 5);
      }
      if (remainder == 0) return quotient;
    }
  }();
  return x.pow(exponent);
}

class MinRoot final : public TestStep {
 public:
  std::string name() const override { return "MinRoot"; }
  std::size_t arity() const override { return 3; }
  std::vector<Fr> z0() const override { return {Fr::from_u64(3), Fr::from_u64(4), Fr::zero()}; }
  std::vector<Fr> apply(std::uint64_t, const std::vector<Fr>& z, const Segment&) const override {
    return {fifth_root(z[0] + z[1]), z[0] + z[2], z[2] + Fr::one()};
  }
  std::vector<V> describe(B& b, std::span<const V> z, const StepValues&) const override {
    const V root = b.variable("root", fifth_root(z[0].value() + z[1].value()));
    const V square = b.product("root^2", root, root);
    const V fourth = b.product("root^4", square, square);
    b.constrain("root^5", fourth, root, z[0] + z[1]);
    return {root, z[0] + z[2], z[2] + Fr::one()};
  }
};

class PoseidonChain final : public TestStep {
 public:
  std::string name() const override { return "Poseidon chain"; }
  std::size_t arity() const override { return 1; }
  std::vector<Fr> z0() const override { return {Fr::zero()}; }
  std::vector<Fr> apply(std::uint64_t, const std::vector<Fr>& z, const Segment&) const override {
    hash::Sponge<Fr, 5> sponge(pattern_);
    sponge.absorb(z[0]);
    return {sponge.squeeze_element()};
  }
  std::vector<V> describe(B& b, std::span<const V> z, const StepValues&) const override {
    CircuitSponge<Fr, 5> sponge(b, pattern_);
    sponge.absorb(z[0]);
    return {sponge.squeeze_element()};
  }

 private:
  hash::SpongePattern pattern_{"magnetar-v1 test chain",
                               {{hash::SpongeOperation::kAbsorbElement}, {hash::SpongeOperation::kSqueezeElement}}};
};

class Challenged final : public TestStep {
 public:
  std::string name() const override { return "challenged"; }
  std::size_t arity() const override { return 1; }
  std::size_t stage1() const override { return 1; }
  std::vector<Fr> z0() const override { return {Fr::zero()}; }
  StepStage1 witness(std::uint64_t step) const override { return {{}, {Fr::from_u64(1000 + 17 * step)}}; }
  std::vector<Fr> apply(std::uint64_t step, const std::vector<Fr>& z, const Segment& segment) const override {
    const Fr w = witness(step).own[0];
    const auto& [gamma, beta] = segment.challenges;
    return {z[0] + (gamma - w).inverse() + beta * w};
  }
  std::vector<V> describe(B& b, std::span<const V> z, const StepValues& values) const override {
    const V w = b.stage1("w", values.stage1[0]);
    const V denominator = b.times(V(Fr::one()), r1cs::Symbol::gamma()) - w;
    const V h = b.variable("h", denominator.value().inverse());
    b.constrain("h", h, denominator, Fr::one());
    return {z[0] + h + b.times(w, r1cs::Symbol::beta(1))};
  }
};

class Blocks final : public TestStep {
 public:
  explicit Blocks(std::size_t rows)
      : template_(make_template(palette_)), blocks_{r1cs::Block{&template_, rows}, r1cs::Block{&template_, 0}} {}

  std::string name() const override { return "blocks"; }
  std::size_t arity() const override { return 1; }
  std::vector<Fr> z0() const override { return {Fr::zero()}; }
  std::span<const r1cs::Block> blocks() const override { return blocks_; }
  const r1cs::Palette* palette() const override { return &palette_; }

  static std::int64_t x(std::uint64_t step, std::size_t row) { return static_cast<std::int64_t>(step * 1000 + row); }
  StepStage1 witness(std::uint64_t step) const override {
    StepStage1 stage1;
    r1cs::Columns columns(template_, blocks_[0].count);
    for (std::size_t row = 0; row < blocks_[0].count; ++row) {
      columns.set(0, r1cs::Width::k32, row, x(step, row));
      columns.set(1, r1cs::Width::kSigned64, row, x(step, row) * x(step, row));
    }
    columns.settle();
    stage1.blocks.emplace_back(std::move(columns));
    stage1.blocks.emplace_back();
    return stage1;
  }
  std::vector<Fr> apply(std::uint64_t step, const std::vector<Fr>& z, const Segment& segment) const override {
    Fr sum = z[0];
    for (std::size_t row = 0; row < blocks_[0].count; ++row) {
      const Fr value = Fr::from_i64(x(step, row));
      sum += (segment.challenges.gamma - value - segment.challenges.beta * value * value).inverse();
    }
    return {sum};
  }
  std::vector<V> describe(B& b, std::span<const V> z, const StepValues& values) const override {
    return {z[0] +
            b.foreign_sum({r1cs::Part::kStage2, 0}, r1cs::Relation<Fr>::block_stage2(blocks_), values.block_sum)};
  }

 private:
  static r1cs::Template make_template(r1cs::Palette& palette) {
    r1cs::TemplateBuilder b("square", palette);
    const auto hint = [](int) { return 0; };
    const r1cs::Linear x = b.variable("x", r1cs::Width::k32, hint);
    const r1cs::Linear y = b.product("y", r1cs::Width::kSigned64, x, x);
    b.quotient("h", 1, r1cs::Linear(1).times(r1cs::Symbol::gamma()) - x - y.times(r1cs::Symbol::beta(1)));
    return std::move(b).build();
  }

  r1cs::Palette palette_;
  r1cs::Template template_;
  std::array<r1cs::Block, 2> blocks_;
};

}  // namespace

std::unique_ptr<TestStep> make_counter() {
  return std::make_unique<Counter>();
}
std::unique_ptr<TestStep> make_min_root() {
  return std::make_unique<MinRoot>();
}
std::unique_ptr<TestStep> make_poseidon_chain() {
  return std::make_unique<PoseidonChain>();
}
std::unique_ptr<TestStep> make_challenged() {
  return std::make_unique<Challenged>();
}
std::unique_ptr<TestStep> make_blocks(std::size_t rows) {
  return std::make_unique<Blocks>(rows);
}

}  // namespace magnetar::ivc
