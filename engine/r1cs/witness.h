#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/algebra/field.h"
#include "engine/r1cs/template.h"

namespace magnetar::r1cs {

/// The stage-1 values of `rows` instances of a template, by variable: all rows of one variable lie together, stored at
/// its width. A new one is all zero, which every template must accept.
class Columns {
 public:
  Columns(const Template& shape, std::size_t rows);

  std::size_t rows() const { return rows_; }
  std::size_t variables() const { return columns_.size(); }
  Width width(std::size_t variable) const { return columns_[variable].width; }

  /// The value as an element. Field columns must be settled.
  algebra::Fr get(std::size_t variable, std::size_t row) const;

  /// All rows of a variable as they are stored: unsigned integers of 1, 2 or 4 bytes or signed ones of 8 by the width
  /// (a bit takes a byte), or elements in Montgomery form.
  std::span<const std::byte> column(std::size_t variable) const;

  /// u = 1 and the values of `count` rows from `first` on, one row after the other: 1 + variables() integers each, 0 in
  /// the place of field columns.
  void gather_integers(std::size_t first, std::size_t count, std::span<std::int64_t> values) const;

  /// Stores an integer that the column's width can hold; in a field column, the integer to invert.
  void set(std::size_t variable, Width width, std::size_t row, std::int64_t value) {
    std::byte* at = columns_[variable].values;
    switch (width) {
      case Width::kBit:
      case Width::k8:
        reinterpret_cast<std::uint8_t*>(at)[row] = static_cast<std::uint8_t>(value);
        break;
      case Width::k16:
        reinterpret_cast<std::uint16_t*>(at)[row] = static_cast<std::uint16_t>(value);
        break;
      case Width::k32:
        reinterpret_cast<std::uint32_t*>(at)[row] = static_cast<std::uint32_t>(value);
        break;
      case Width::kSigned64:
        reinterpret_cast<std::int64_t*>(at)[row] = value;
        break;
      case Width::kField:
        reinterpret_cast<algebra::Fr*>(at)[row] = algebra::Fr::from_i64(value);
        break;
    }
  }

  /// Replaces the elements of all field columns by their inverses, zeros staying zero. Once, after all rows are set.
  void settle();

 private:
  struct Column {
    Width width;
    std::byte* values;
  };
  std::size_t rows_;
  std::vector<Column> columns_;
  std::vector<std::uint64_t> storage_;
};

/// An integer modulo 2^64, what a combination has for its honest value. Variables fit 64 bits with their sign, and so
/// does every combination whose value is asked for, whatever its parts come to on the way; one that is only
/// constrained may be larger, as nobody asks.
class WrappingInteger {
 public:
  constexpr WrappingInteger(std::int64_t value = 0)  // NOLINT: integers are constants
      : bits_(static_cast<std::uint64_t>(value)) {}

  /// The integer, if it is one of 64 bits with its sign.
  constexpr std::int64_t value() const { return static_cast<std::int64_t>(bits_); }

  friend constexpr WrappingInteger operator+(WrappingInteger a, WrappingInteger b) { return of(a.bits_ + b.bits_); }
  friend constexpr WrappingInteger operator-(WrappingInteger a, WrappingInteger b) { return of(a.bits_ - b.bits_); }
  friend constexpr WrappingInteger operator*(std::int64_t factor, WrappingInteger a) {
    return of(static_cast<std::uint64_t>(factor) * a.bits_);
  }

 private:
  static constexpr WrappingInteger of(std::uint64_t bits) { return static_cast<std::int64_t>(bits); }
  std::uint64_t bits_;
};

/// Runs a description for its honest values: the builder whose combinations are integers, and which computes each
/// variable's value by its hint from `Context`, one row at a time. `Sink::store(width, value)` takes the variables'
/// values in their order; what else a description tells its builder goes to the sink directly.
template <class Context, class Sink>
class WitnessWriter {
 public:
  using Value = WrappingInteger;

  WitnessWriter(const Context& context, Sink& sink) : context_(context), sink_(sink) {}

  Sink& sink() { return sink_; }

  template <class Hint>
  Value variable(std::string_view, Width width, Hint&& hint) {
    return store(width, static_cast<std::int64_t>(hint(context_)));
  }
  Value product(std::string_view, Width width, Value a, Value b) { return store(width, a.value() * b.value()); }
  Value inverse(std::string_view, Value of) { return store(Width::kField, of.value()); }
  void constrain(std::string_view, Value, Value, Value) {}
  void two_valued(std::string_view, Value, std::int64_t = 1) {}

  struct Scope {
    ~Scope() {}  // as the template builder's, whose end matters
  };
  Scope scope(std::string_view) { return {}; }

 private:
  Value store(Width width, std::int64_t value) {
    sink_.store(width, value);
    return value;
  }

  const Context& context_;
  Sink& sink_;
};

/// A template's variables of one row: u, stage 1, stage 2.
using RowValues = std::vector<algebra::Fr>;

/// Gathers u = 1 and a row's stage-1 values; stage 2 is zero.
RowValues gather(const Template& shape, const Columns& columns, std::size_t row);

/// ⟨entries, values⟩ with a segment's palette.
algebra::Fr evaluate(std::span<const Entry> entries, std::span<const algebra::Fr> palette, const RowValues& values);

/// Sets the stage-2 values from u and stage 1, the only ones their constraints allow. False, with the values half
/// set, if a denominator is zero.
bool solve_stage2(const Template& shape, std::span<const algebra::Fr> palette, RowValues& values);

/// The first constraint that the values violate, by index.
std::optional<std::size_t> first_violated(const Template& shape, std::span<const algebra::Fr> palette,
                                          const RowValues& values);

/// Names the constraint and the values of all variables in it.
std::string explain(const Template& shape, std::span<const algebra::Fr> palette, const RowValues& values,
                    std::size_t constraint);

}  // namespace magnetar::r1cs
