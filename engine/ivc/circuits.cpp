#include "engine/ivc/circuits.h"

#include <algorithm>
#include <cassert>
#include <string>
#include <string_view>
#include <vector>

#include "engine/commit/generators.h"
#include "engine/hash/hash_to_field.h"

namespace magnetar::ivc {
namespace {

using algebra::Fq;
using algebra::Fr;
using hash::Sha256;

void update(Sha256& sha256, std::string_view text) {
  sha256.update({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

r1cs::Relation<Fr> make_primary(const StepCircuit& step) {
  const auto blocks = step.blocks();
  Builder<Fr> builder(Builder<Fr>::Mode::kShape, {}, r1cs::Relation<Fr>::block_stage1(blocks),
                      r1cs::Relation<Fr>::block_stage2(blocks));
  const std::vector<Fr> zeros(step.arity());
  const std::vector<Fr> stage1(step.stage1());
  describe_primary(builder, step, {stage1, {}}, zeros, zeros, {});
  assert(builder.values().stage1.size() == step.stage1());
  return {{blocks.begin(), blocks.end()}, step.palette(), std::move(builder).take_circuit()};
}

r1cs::Relation<Fq> make_secondary() {
  Builder<Fq> builder(Builder<Fq>::Mode::kShape, {});
  describe_secondary(builder, Fq::zero(), {});
  return r1cs::Relation<Fq>(std::move(builder).take_circuit());
}

template <class F>
std::size_t generators(const r1cs::Relation<F>& relation) {
  return std::max({relation.stage1(), relation.stage2(), relation.constraints()});
}

}  // namespace

Circuits::Circuits(const StepCircuit& step) : step_(step), primary_(make_primary(step)), secondary_(make_secondary()) {
  Sha256 sha256;
  update(sha256, "magnetar-v1 ivc circuits");
  update(sha256, commit::generator_tag<algebra::Bn254>());
  update(sha256, commit::generator_tag<algebra::Grumpkin>());
  const auto sink = [&](std::span<const std::uint8_t> bytes) { sha256.update(bytes); };
  primary_.encode(sink);
  secondary_.encode(sink);
  digest_ = sha256.finish();
}

std::size_t Circuits::primary_generators() const {
  return generators(primary_);
}

std::size_t Circuits::secondary_generators() const {
  return generators(secondary_);
}

Segment derive_segment(const Sha256::Digest& circuits, std::span<const std::uint8_t, 32> statement, std::uint64_t steps,
                       const Fq& chain) {
  std::vector<std::uint8_t> message(circuits.begin(), circuits.end());
  message.insert(message.end(), statement.begin(), statement.end());
  for (std::size_t i = 0; i < 8; ++i) message.push_back(static_cast<std::uint8_t>(steps >> (8 * i)));
  const auto bytes = chain.to_bytes();
  message.insert(message.end(), bytes.begin(), bytes.end());
  std::array<Fr, 2> elements;
  [[maybe_unused]] const auto hashed =
      hash::hash_to_field(message, "magnetar-v1 segment challenge", std::span<Fr>(elements));
  assert(hashed);
  Segment segment{{elements[0], elements[1]}, {}};

  Sha256 sha256;
  update(sha256, "magnetar-v1 segment");
  sha256.update(circuits);
  for (const Fr& element : elements) sha256.update(element.to_bytes());
  segment.digest = algebra::U256::from_le_bytes(sha256.finish());
  segment.digest.limbs[3] &= (std::uint64_t{1} << 58) - 1;
  return segment;
}

}  // namespace magnetar::ivc
