#include "engine/commit/commitment_key.h"

#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "engine/commit/segment_sums.h"

namespace magnetar::commit {

namespace {

using algebra::BatchAddition;
using algebra::PackedPoint;
using algebra::Point;
using algebra::PointReference;

/// Points that a thread packs or doubles at once.
constexpr std::size_t kBlock = 1024;
/// Up to this many scalars, one scalar multiplication each is faster than buckets.
constexpr std::size_t kFewScalars = 8;

/// A mistake of the caller that would read outside the key.
void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "CommitmentKey: %s\n", what);
  std::abort();
}

/// The non-empty buckets of a set, in ascending order of their value, and what lies in them.
struct SortedBuckets {
  std::vector<std::uint32_t> values;             // 1..2^(width-1)
  std::vector<std::uint32_t> starts;             // into references; one more than values
  std::unique_ptr<PointReference[]> references;  // points to add, bucket after bucket
  std::size_t size = 0;
};

/// A run of one window's positions.
struct Run {
  std::size_t window;
  std::size_t begin;
  std::size_t end;
};

/// Calls visit(bucket value - 1, negative, position) for the non-zero digits of a run.
template <class Visit>
void visit_digits(const Digits& digits, const Run& run, Visit visit) {
  const auto bias = static_cast<std::int32_t>((std::uint32_t{1} << (digits.plan.windows[run.window].width - 1)) - 1);
  const std::uint16_t* const values = digits.digits[run.window].get();
  for (std::size_t position = run.begin; position < run.end; ++position) {
    const std::int32_t digit = static_cast<std::int32_t>(values[position]) - bias;
    if (digit != 0) visit(static_cast<std::uint32_t>(std::abs(digit)) - 1, digit < 0, position);
  }
}

/// A counting sort of the digits of the windows of a bucket set, by `workers` threads.
SortedBuckets sort_into_buckets(const Digits& digits, std::size_t set, std::size_t table_size, std::size_t offset,
                                std::size_t workers) {
  constexpr std::size_t kRun = 65536;
  std::vector<Run> runs;
  for (std::size_t w = 0; w < digits.plan.windows.size(); ++w) {
    if (digits.plan.windows[w].bucket_set != set) continue;
    for (std::size_t begin = 0; begin < digits.counts[w]; begin += kRun) {
      runs.push_back({w, begin, std::min(digits.counts[w], begin + kRun)});
    }
  }
  workers = std::clamp<std::size_t>(workers, 1, std::max<std::size_t>(runs.size(), 1));
  const auto runs_of = [&](std::size_t worker) {
    const std::size_t begin = runs.size() * worker / workers;
    return std::span(runs).subspan(begin, runs.size() * (worker + 1) / workers - begin);
  };
  const std::size_t buckets = std::size_t{1} << (digits.plan.bucket_sets[set].width - 1);
  std::vector<std::vector<std::uint32_t>> cursors(workers);
  tbb::parallel_for(std::size_t{0}, workers, [&](std::size_t worker) {
    cursors[worker].resize(buckets);
    for (const Run& run : runs_of(worker)) {
      visit_digits(digits, run, [&](std::uint32_t bucket, bool, std::size_t) { ++cursors[worker][bucket]; });
    }
  });
  SortedBuckets sorted;
  std::uint32_t start = 0;
  for (std::size_t bucket = 0; bucket < buckets; ++bucket) {
    const std::uint32_t bucket_start = start;
    for (auto& cursor : cursors) start += std::exchange(cursor[bucket], start);
    if (start == bucket_start) continue;
    sorted.values.push_back(static_cast<std::uint32_t>(bucket + 1));
    sorted.starts.push_back(bucket_start);
  }
  sorted.starts.push_back(start);
  sorted.size = start;
  sorted.references = std::make_unique_for_overwrite<PointReference[]>(start);
  tbb::parallel_for(std::size_t{0}, workers, [&](std::size_t worker) {
    std::uint32_t* const cursor = cursors[worker].data();
    for (const Run& run : runs_of(worker)) {
      const auto first = static_cast<std::uint32_t>(digits.plan.windows[run.window].table * table_size + offset);
      visit_digits(digits, run, [&](std::uint32_t bucket, bool negative, std::size_t position) {
        const PointReference base = digits.bases[position];
        sorted.references[cursor[bucket]++] = PointReference(first + base.index(), base.negative() != negative);
      });
    }
  });
  return sorted;
}

/// Σ weight·points[weight], by running sums; points has an entry for each weight from 0 on, 0 being ignored.
template <class C>
Point<C> weighted_sum(std::span<const algebra::AffinePoint<C>> points) {
  Point<C> running;
  Point<C> total;
  for (std::size_t weight = points.size(); weight-- > 1;) {
    running += points[weight];
    total += running;
  }
  return total;
}

/// Σ values[i]·sums[i]. With values = hi·2^h + lo this is 2^h·Σ hi·(row sum) + Σ lo·(column sum): the long sums are
/// plain ones, which batched additions do, and few points are left to be weighted.
template <class C>
Point<C> weigh_buckets(algebra::InstructionSet instructions, std::span<const std::uint32_t> values,
                       std::span<const PackedPoint> sums, std::size_t width, bool may_be_infinite) {
  const std::size_t low_bits = (width - 1) / 2;
  const std::uint32_t low_mask = (std::uint32_t{1} << low_bits) - 1;
  const std::size_t rows = (std::size_t{1} << (width - 1 - low_bits)) + 1;
  const std::size_t columns = std::size_t{1} << low_bits;
  // Segments: rows, then columns, those of weight 0 left out; a counting sort.
  std::vector<std::uint32_t> cursors(rows + columns);
  const auto visit = [&](auto&& entry) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::uint32_t high = values[i] >> low_bits;
      const std::uint32_t low = values[i] & low_mask;
      if (high != 0) entry(high, i);
      if (low != 0) entry(rows + low, i);
    }
  };
  visit([&](std::size_t segment, std::size_t) { ++cursors[segment]; });
  std::vector<std::uint32_t> starts;
  std::vector<std::size_t> segments;
  std::uint32_t start = 0;
  for (std::size_t segment = 0; segment < cursors.size(); ++segment) {
    const std::uint32_t length = std::exchange(cursors[segment], start);
    if (length == 0) continue;
    starts.push_back(start);
    segments.push_back(segment);
    start += length;
  }
  starts.push_back(start);
  std::vector<PointReference> references(start);
  visit([&](std::size_t segment, std::size_t i) {
    references[cursors[segment]++] = PointReference(static_cast<std::uint32_t>(i), false);
  });
  std::vector<PackedPoint> segment_sums(segments.size());
  SegmentSums<C>(instructions).compute(sums.data(), references, starts, segment_sums, may_be_infinite);
  std::vector<algebra::AffinePoint<C>> points(rows + columns);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    points[segments[i]] = BatchAddition<C>::unpack(segment_sums[i], instructions);
  }
  Point<C> result = weighted_sum<C>(std::span(points).first(rows));
  for (std::size_t i = 0; i < low_bits; ++i) result = result.doubled();
  return result + weighted_sum<C>(std::span(points).subspan(rows));
}

}  // namespace

template <class C>
CommitmentKey<C>::CommitmentKey(std::span<const Affine> generators, std::size_t table_bytes)
    : set_(algebra::active_instruction_set()), size_(generators.size()), tables_{1, kMaxBits} {
  const std::size_t limit = PointReference::kMaxIndex / std::max<std::size_t>(size_, 1);
  require(limit >= 1, "more than 2^31 points");
  if (size_ != 0) {
    const std::size_t affordable = table_bytes / (size_ * sizeof(PackedPoint));
    tables_.stride = choose_stride(size_, std::min(affordable, limit));
    tables_.count = (kMaxBits + tables_.stride - 1) / tables_.stride;
  }
  points_.resize(size_ * tables_.count);
  if (std::ranges::any_of(generators, &Affine::is_infinity)) {
    infinite_.resize(size_);
    std::ranges::transform(generators, infinite_.begin(), [](const Affine& point) { return point.is_infinity(); });
  }
  tbb::parallel_for(std::size_t{0}, (size_ + kBlock - 1) / kBlock, [&](std::size_t block) {
    const std::size_t begin = block * kBlock;
    const std::size_t count = std::min(size_ - begin, kBlock);
    std::vector<Affine> affine(generators.begin() + static_cast<std::ptrdiff_t>(begin),
                               generators.begin() + static_cast<std::ptrdiff_t>(begin + count));
    std::vector<Point<C>> multiples(affine.begin(), affine.end());
    for (std::size_t table = 0; table < tables_.count; ++table) {
      if (table != 0) {
        for (Point<C>& point : multiples) {
          for (std::size_t i = 0; i < tables_.stride; ++i) point = point.doubled();
        }
        Point<C>::batch_to_affine(multiples, affine);
        std::ranges::copy(affine, multiples.begin());
      }
      for (std::size_t i = 0; i < count; ++i) {
        points_[table * size_ + begin + i] = BatchAddition<C>::pack(affine[i], set_);
      }
    }
  });
}

template <class C>
algebra::AffinePoint<C> CommitmentKey<C>::generator(std::size_t index) const {
  require(index < size_, "no such generator");
  return BatchAddition<C>::unpack(points_[index], set_);
}

template <class C>
algebra::AffinePoint<C> CommitmentKey<C>::commit(std::span<const Scalar> scalars, std::size_t offset) const {
  return commit_any(scalars, offset);
}

template <class C>
template <SmallScalar T>
algebra::AffinePoint<C> CommitmentKey<C>::commit(std::span<const T> scalars, std::size_t offset) const {
  return commit_any(scalars, offset);
}

template <class C>
template <class T>
algebra::AffinePoint<C> CommitmentKey<C>::commit_any(std::span<const T> scalars, std::size_t offset) const {
  require(offset <= size_ && scalars.size() <= size_ - offset, "more scalars than generators");
  if (scalars.size() <= kFewScalars) {
    Point<C> sum;
    for (std::size_t i = 0; i < scalars.size(); ++i) {
      Scalar scalar;
      if constexpr (std::is_same_v<T, Scalar>) {
        scalar = scalars[i];
      } else if constexpr (std::is_signed_v<T>) {
        scalar = Scalar::from_i64(scalars[i]);
      } else {
        scalar = Scalar::from_u64(scalars[i]);
      }
      sum += Point<C>(generator(offset + i)) * scalar;
    }
    return sum.to_affine();
  }
  const std::span<const std::uint8_t> skip =
      infinite_.empty() ? std::span<const std::uint8_t>() : std::span(infinite_).subspan(offset, scalars.size());
  const Digits digits = recode(scalars, skip, tables_);
  const auto& sets = digits.plan.bucket_sets;
  std::vector<Point<C>> sums(sets.size());
  tbb::parallel_for(std::size_t{0}, sets.size(), [&](std::size_t set) {
    // Isolated, so that a thread that waits within one set does not begin another: memory stays bounded.
    tbb::this_task_arena::isolate([&] { sums[set] = bucket_set_sum(digits, set, offset); });
  });
  Point<C> result;
  for (std::size_t set = sets.size(); set-- > 0;) {
    result += sums[set];
    const std::size_t below = set == 0 ? 0 : sets[set - 1].position;
    for (std::size_t bit = below; bit < sets[set].position; ++bit) result = result.doubled();
  }
  return result.to_affine();
}

template <class C>
Point<C> CommitmentKey<C>::bucket_set_sum(const Digits& digits, std::size_t set, std::size_t offset) const {
  const auto threads = static_cast<std::size_t>(tbb::this_task_arena::max_concurrency());
  // Sets are treated side by side; a sort is worth sharing only where they are few.
  const std::size_t workers = digits.plan.bucket_sets.size() >= 2 * threads ? 1 : threads;
  const SortedBuckets sorted = sort_into_buckets(digits, set, size_, offset, workers);
  if (sorted.size == 0) return {};
  const std::size_t used = sorted.values.size();
  const auto sums = std::make_unique_for_overwrite<PackedPoint[]>(used);
  bool may_be_infinite = false;
  SegmentSums<C>(set_).compute(points_.data(), {sorted.references.get(), sorted.size}, sorted.starts,
                               {sums.get(), used}, may_be_infinite);
  return weigh_buckets<C>(set_, sorted.values, {sums.get(), used}, digits.plan.bucket_sets[set].width, may_be_infinite);
}

#define MAGNETAR_INSTANTIATE(Curve)                                                                                    \
  template class CommitmentKey<Curve>;                                                                                 \
  template CommitmentKey<Curve>::Affine CommitmentKey<Curve>::commit(std::span<const std::uint8_t>, std::size_t)       \
      const;                                                                                                           \
  template CommitmentKey<Curve>::Affine CommitmentKey<Curve>::commit(std::span<const std::uint16_t>, std::size_t)      \
      const;                                                                                                           \
  template CommitmentKey<Curve>::Affine CommitmentKey<Curve>::commit(std::span<const std::uint32_t>, std::size_t)      \
      const;                                                                                                           \
  template CommitmentKey<Curve>::Affine CommitmentKey<Curve>::commit(std::span<const std::uint64_t>, std::size_t)      \
      const;                                                                                                           \
  template CommitmentKey<Curve>::Affine CommitmentKey<Curve>::commit(std::span<const std::int8_t>, std::size_t) const; \
  template CommitmentKey<Curve>::Affine CommitmentKey<Curve>::commit(std::span<const std::int16_t>, std::size_t)       \
      const;                                                                                                           \
  template CommitmentKey<Curve>::Affine CommitmentKey<Curve>::commit(std::span<const std::int32_t>, std::size_t)       \
      const;                                                                                                           \
  template CommitmentKey<Curve>::Affine CommitmentKey<Curve>::commit(std::span<const std::int64_t>, std::size_t) const

MAGNETAR_INSTANTIATE(algebra::Bn254);
MAGNETAR_INSTANTIATE(algebra::Grumpkin);

#undef MAGNETAR_INSTANTIATE

}  // namespace magnetar::commit
