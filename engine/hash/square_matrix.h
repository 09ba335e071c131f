#pragma once

#include <cassert>
#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace magnetar::hash {

/// A small square matrix over a field, by rows.
template <class F>
class SquareMatrix {
 public:
  /// The zero matrix.
  explicit SquareMatrix(std::size_t size) : size_(size), entries_(size * size) {}

  static SquareMatrix identity(std::size_t size) {
    SquareMatrix result(size);
    for (std::size_t i = 0; i < size; ++i) result(i, i) = F::one();
    return result;
  }

  std::size_t size() const { return size_; }
  F& operator()(std::size_t row, std::size_t column) { return entries_[row * size_ + column]; }
  const F& operator()(std::size_t row, std::size_t column) const { return entries_[row * size_ + column]; }
  std::span<const F> row(std::size_t index) const { return std::span(entries_).subspan(index * size_, size_); }

  friend bool operator==(const SquareMatrix&, const SquareMatrix&) = default;

  friend SquareMatrix operator*(const SquareMatrix& a, const SquareMatrix& b) {
    assert(a.size_ == b.size_);
    SquareMatrix product(a.size_);
    for (std::size_t i = 0; i < a.size_; ++i) {
      for (std::size_t j = 0; j < a.size_; ++j) {
        for (std::size_t k = 0; k < a.size_; ++k) product(i, j) += a(i, k) * b(k, j);
      }
    }
    return product;
  }

  /// This matrix times the column `vector`.
  std::vector<F> times(std::span<const F> vector) const {
    assert(vector.size() == size_);
    std::vector<F> product(size_);
    for (std::size_t i = 0; i < size_; ++i) {
      for (std::size_t j = 0; j < size_; ++j) product[i] += (*this)(i, j) * vector[j];
    }
    return product;
  }

  SquareMatrix transposed() const {
    SquareMatrix result(size_);
    for (std::size_t i = 0; i < size_; ++i) {
      for (std::size_t j = 0; j < size_; ++j) result(i, j) = (*this)(j, i);
    }
    return result;
  }

  /// The matrix without its first row and column.
  SquareMatrix minor() const {
    SquareMatrix result(size_ - 1);
    for (std::size_t i = 1; i < size_; ++i) {
      for (std::size_t j = 1; j < size_; ++j) result(i - 1, j - 1) = (*this)(i, j);
    }
    return result;
  }

  /// The inverse, if there is one (Gauss and Jordan).
  std::optional<SquareMatrix> inverse() const {
    SquareMatrix left = *this;
    SquareMatrix right = identity(size_);
    for (std::size_t pivot = 0; pivot < size_; ++pivot) {
      std::size_t row = pivot;
      while (row < size_ && left(row, pivot).is_zero()) ++row;
      if (row == size_) return std::nullopt;
      left.swap_rows(row, pivot);
      right.swap_rows(row, pivot);
      const F scale = left(pivot, pivot).inverse();
      for (std::size_t j = 0; j < size_; ++j) {
        left(pivot, j) *= scale;
        right(pivot, j) *= scale;
      }
      for (std::size_t i = 0; i < size_; ++i) {
        if (i == pivot) continue;
        const F factor = left(i, pivot);
        for (std::size_t j = 0; j < size_; ++j) {
          left(i, j) -= factor * left(pivot, j);
          right(i, j) -= factor * right(pivot, j);
        }
      }
    }
    return right;
  }

  bool is_invertible() const { return inverse().has_value(); }

 private:
  void swap_rows(std::size_t a, std::size_t b) {
    if (a == b) return;
    for (std::size_t j = 0; j < size_; ++j) std::swap((*this)(a, j), (*this)(b, j));
  }

  std::size_t size_;
  std::vector<F> entries_;
};

}  // namespace magnetar::hash
