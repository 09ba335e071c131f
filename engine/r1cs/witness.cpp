#include "engine/r1cs/witness.h"

#include <fmt/format.h>

#include <cassert>
#include <set>

namespace magnetar::r1cs {
namespace {

using algebra::Fr;

constexpr std::size_t bytes_of(Width width) {
  switch (width) {
    case Width::kBit:
    case Width::k8:
      return 1;
    case Width::k16:
      return 2;
    case Width::k32:
      return 4;
    case Width::kSigned64:
      return 8;
    case Width::kField:
      break;
  }
  return sizeof(Fr);
}

// As a small signed integer where it is one.
std::string show(const Fr& value) {
  const auto positive = value.to_canonical();
  if (positive.bit_length() <= 64) return std::to_string(positive.limbs[0]);
  const auto negative = (-value).to_canonical();
  if (negative.bit_length() <= 64) return fmt::format("-{}", negative.limbs[0]);
  return fmt::format("0x{:x}{:016x}{:016x}{:016x}", positive.limbs[3], positive.limbs[2], positive.limbs[1],
                     positive.limbs[0]);
}

}  // namespace

Columns::Columns(const Template& shape, std::size_t rows) : rows_(rows) {
  std::size_t words = 0;
  for (const Variable& variable : shape.stage1) words += (rows * bytes_of(variable.width) + 7) / 8;
  storage_.resize(words);
  auto* at = reinterpret_cast<std::byte*>(storage_.data());
  for (const Variable& variable : shape.stage1) {
    columns_.push_back({variable.width, at});
    at += (rows * bytes_of(variable.width) + 7) / 8 * 8;
  }
}

Fr Columns::get(std::size_t variable, std::size_t row) const {
  assert(variable < columns_.size() && row < rows_);
  const std::byte* at = columns_[variable].values;
  switch (columns_[variable].width) {
    case Width::kBit:
    case Width::k8:
      return Fr::from_u64(reinterpret_cast<const std::uint8_t*>(at)[row]);
    case Width::k16:
      return Fr::from_u64(reinterpret_cast<const std::uint16_t*>(at)[row]);
    case Width::k32:
      return Fr::from_u64(reinterpret_cast<const std::uint32_t*>(at)[row]);
    case Width::kSigned64:
      return Fr::from_i64(reinterpret_cast<const std::int64_t*>(at)[row]);
    case Width::kField:
      break;
  }
  return reinterpret_cast<const Fr*>(at)[row];
}

std::span<const std::byte> Columns::column(std::size_t variable) const {
  assert(variable < columns_.size());
  return {columns_[variable].values, rows_ * bytes_of(columns_[variable].width)};
}

void Columns::gather_integers(std::size_t first, std::size_t count, std::span<std::int64_t> values) const {
  assert(first + count <= rows_);
  const std::size_t stride = 1 + columns_.size();
  for (std::size_t i = 0; i < count; ++i) values[i * stride] = 1;
  const auto widen = [&]<class T>(const std::byte* column, std::int64_t* to, const T*) {
    const T* from = reinterpret_cast<const T*>(column) + first;
    for (std::size_t i = 0; i < count; ++i) to[i * stride] = static_cast<std::int64_t>(from[i]);
  };
  for (std::size_t v = 0; v < columns_.size(); ++v) {
    const std::byte* column = columns_[v].values;
    std::int64_t* to = values.data() + 1 + v;
    switch (columns_[v].width) {
      case Width::kBit:
      case Width::k8:
        widen(column, to, static_cast<const std::uint8_t*>(nullptr));
        break;
      case Width::k16:
        widen(column, to, static_cast<const std::uint16_t*>(nullptr));
        break;
      case Width::k32:
        widen(column, to, static_cast<const std::uint32_t*>(nullptr));
        break;
      case Width::kSigned64:
        widen(column, to, static_cast<const std::int64_t*>(nullptr));
        break;
      case Width::kField:
        for (std::size_t i = 0; i < count; ++i) to[i * stride] = 0;
        break;
    }
  }
}

void Columns::settle() {
  for (const Column& column : columns_) {
    if (column.width == Width::kField) algebra::batch_inverse(std::span(reinterpret_cast<Fr*>(column.values), rows_));
  }
}

RowValues gather(const Template& shape, const Columns& columns, std::size_t row) {
  RowValues values(shape.variables());
  values[0] = Fr::one();
  for (std::size_t i = 0; i < shape.stage1.size(); ++i) values[shape.stage1_index(i)] = columns.get(i, row);
  return values;
}

Fr evaluate(std::span<const Entry> entries, std::span<const Fr> palette, const RowValues& values) {
  Fr sum;
  for (const Entry& entry : entries) sum += palette[entry.coefficient] * values[entry.variable];
  return sum;
}

bool solve_stage2(const Template& shape, std::span<const Fr> palette, RowValues& values) {
  for (std::size_t i = 0; i < shape.stage2.size(); ++i) {
    const Constraint& constraint = shape.constraints[shape.solving[i]];
    const Fr denominator = evaluate(constraint.b, palette, values);
    if (denominator.is_zero()) return false;
    values[shape.stage2_index(i)] = evaluate(constraint.c, palette, values) * denominator.inverse();
  }
  return true;
}

std::optional<std::size_t> first_violated(const Template& shape, std::span<const Fr> palette, const RowValues& values) {
  for (std::size_t i = 0; i < shape.constraints.size(); ++i) {
    const Constraint& constraint = shape.constraints[i];
    if (evaluate(constraint.a, palette, values) * evaluate(constraint.b, palette, values) !=
        evaluate(constraint.c, palette, values)) {
      return i;
    }
  }
  return std::nullopt;
}

std::string explain(const Template& shape, std::span<const Fr> palette, const RowValues& values,
                    std::size_t constraint) {
  const Constraint& violated = shape.constraints[constraint];
  std::string text =
      fmt::format("{}: {}: {} * {} != {}", shape.name, violated.name, show(evaluate(violated.a, palette, values)),
                  show(evaluate(violated.b, palette, values)), show(evaluate(violated.c, palette, values)));
  std::set<VariableIndex> variables;
  for (const auto* side : {&violated.a, &violated.b, &violated.c}) {
    for (const Entry& entry : *side) variables.insert(entry.variable);
  }
  for (const VariableIndex variable : variables) {
    if (variable != 0) text += fmt::format("; {} = {}", shape.variable_name(variable), show(values[variable]));
  }
  return text;
}

}  // namespace magnetar::r1cs
