#include "kernels/msm.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

#include "kernels/vector_kernels.h"

namespace magnetar::kernels {
namespace {

/// Entries that a thread adds up at most, and at least where there are many; between these as many threads as fill the
/// device.
constexpr std::size_t kMaxTaskSize = 128;
constexpr std::size_t kMinTaskSize = 8;
constexpr std::size_t kThreadsPerMultiprocessor = 1024;
/// Buckets that a thread weighs at most, and threads to be had before it weighs more than 4.
constexpr std::uint32_t kMaxSegmentBits = 5;
constexpr std::uint32_t kMinSegmentBits = 2;
constexpr std::size_t kSegmentsPerMultiprocessor = 128;
/// Generators whose multiples are computed at once.
constexpr std::size_t kTableChunk = std::size_t{1} << 16;
/// Blocks that add up the segments of a piece at most, and what a thread of theirs adds up before there are more.
constexpr std::uint32_t kAddUpBlocks = 32;
constexpr std::uint32_t kSegmentsPerThread = 2;

std::size_t most_tasks(const PlanLimits& limits, unsigned multiprocessors) {
  const std::size_t threads = std::max(multiprocessors * kThreadsPerMultiprocessor, limits.entries / kMaxTaskSize);
  return std::min(limits.entries, limits.buckets + std::min(threads + 1, limits.entries / kMinTaskSize + 1));
}

}  // namespace

template <class C>
DeviceKey<C>::DeviceKey(const commit::CommitmentKey<C>& key, std::size_t table_bytes, const Stream& stream)
    : size_(key.size()) {
  using P = BaseParameters<C>;
  using Point = Affine<P>;
  constexpr std::size_t kMaxPoints = (std::size_t{1} << 31) - 1;
  const std::size_t at_least_one = std::max<std::size_t>(size_, 1);
  tables_ = plan_tables(size_, std::min(table_bytes / (at_least_one * sizeof(Point)), kMaxPoints / at_least_one));
  points_ = DeviceArray<Point>(size_ * tables_.tables);

  const std::size_t chunk = std::min(size_, kTableChunk);
  {
    std::vector<algebra::AffinePoint<C>> generators(chunk);
    static_assert(sizeof(algebra::AffinePoint<C>) == sizeof(Point));
    for (std::size_t begin = 0; begin < size_; begin += chunk) {
      const std::size_t count = std::min(chunk, size_ - begin);
      for (std::size_t i = 0; i < count; ++i) generators[i] = key.generator(begin + i);
      check(cudaMemcpyAsync(points_.data() + begin, generators.data(), count * sizeof(Point), cudaMemcpyHostToDevice,
                            stream.get()),
            "cudaMemcpyAsync of generators");
      stream.synchronize();
    }
  }
  if (tables_.tables == 1) return;
  const DeviceArray<Xyzz<P>> multiples(chunk);
  const DeviceArray<Element<P>> denominators(chunk), scratch(chunk);
  const DeviceArray<std::uint32_t> has_zero(1);
  clear(has_zero.data(), has_zero.bytes(), stream);
  for (std::size_t begin = 0; begin < size_; begin += chunk) {
    const auto count = static_cast<std::uint32_t>(std::min(chunk, size_ - begin));
    for (std::size_t table = 1; table < tables_.tables; ++table) {
      Point* const to = points_.data() + table * size_ + begin;
      check(
          double_repeatedly<P>(to - size_, count, tables_.stride, multiples.data(), denominators.data(), stream.get()),
          "doubling of generators");
      check(invert<P>(denominators.data(), count, scratch.data(), has_zero.data(), stream.get()),
            "inversion of denominators");
      check(normalize<P>(multiples.data(), denominators.data(), count, to, stream.get()), "affine multiples");
    }
  }
  stream.synchronize();
}

template <class C>
Msm<C>::Msm(const DeviceKey<C>& key, unsigned multiprocessors)
    : key_(key),
      multiprocessors_(multiprocessors),
      limits_(plan_limits(key.size(), key.tables())),
      max_tasks_(most_tasks(limits_, multiprocessors)),
      entry_count_(1),
      run_count_(1),
      results_(limits_.pieces * sizeof(Xyzz<P>)) {
  const std::size_t runs = std::min(limits_.entries, limits_.buckets) + 1;
  check(scratch_bytes(limits_.entries, runs, scratch_bytes_), "sizing of the sort");
  scratch_ = DeviceMemory(scratch_bytes_);
  for (unsigned i = 0; i < 2; ++i) {
    keys_[i] = DeviceArray<std::uint32_t>(limits_.entries);
    values_[i] = DeviceArray<std::uint32_t>(limits_.entries);
    task_counts_[i] = DeviceArray<std::uint32_t>(runs);
    task_offsets_[i] = DeviceArray<std::uint32_t>(runs);
    sums_[i] = DeviceArray<Xyzz<P>>(max_tasks_);
  }
  run_keys_ = DeviceArray<std::uint32_t>(runs);
  run_lengths_ = DeviceArray<std::uint32_t>(runs);
  run_offsets_ = DeviceArray<std::uint32_t>(runs);
  buckets_ = DeviceArray<Xyzz<P>>(limits_.buckets);
  piece_sums_ = DeviceArray<Xyzz<P>>(std::max(limits_.buckets >> kMinSegmentBits, limits_.pieces) +
                                     limits_.pieces * (kAddUpBlocks + 1));
}

template <class C>
std::uint32_t Msm<C>::plan_tasks(const std::uint32_t* lengths, std::uint32_t runs, std::uint32_t task_size,
                                 DeviceArray<std::uint32_t>& offsets, const Stream& stream) {
  DeviceArray<std::uint32_t>& counts = task_counts_[&offsets == &task_offsets_[0] ? 0 : 1];
  check(count_tasks(lengths, runs + 1, task_size, counts.data(), stream.get()), "counting of tasks");
  check(exclusive_sum(scratch_.data(), scratch_bytes_, counts.data(), offsets.data(), runs + 1, stream.get()),
        "sum of tasks");
  download(results_.data(), offsets.data() + runs, sizeof(std::uint32_t), stream);
  std::uint32_t tasks = 0;
  std::memcpy(&tasks, results_.data(), sizeof(tasks));
  assert(tasks <= max_tasks_);
  return tasks;
}

template <class C>
algebra::AffinePoint<C> Msm<C>::multiply(const DeviceScalars<C>& scalars, std::size_t offset, const Stream& stream) {
  assert(offset <= key_.size() && scalars.count <= key_.size() - offset);
  if (scalars.count == 0) return {};
  const WindowPlan plan = plan_windows(scalars.count, key_.tables());
  using S = ScalarParameters<C>;

  // Entries: a bucket and a point for each non-zero digit.
  clear(entry_count_.data(), entry_count_.bytes(), stream);
  const DigitPoints points{static_cast<std::uint32_t>(key_.size()), static_cast<std::uint32_t>(offset)};
  const DigitOutput output{keys_[0].data(), values_[0].data(), entry_count_.data()};
  if (scalars.elements != nullptr) {
    check(element_digits<S>(scalars.elements, static_cast<std::uint32_t>(scalars.count), plan, points, output,
                            stream.get()),
          "digits of elements");
  } else {
    check(column_digits<S>(scalars.packed, scalars.tasks, static_cast<std::uint32_t>(scalars.task_count), plan, points,
                           output, stream.get()),
          "digits of columns");
  }
  download(results_.data(), entry_count_.data(), sizeof(std::uint32_t), stream);
  std::uint32_t entries = 0;
  std::memcpy(&entries, results_.data(), sizeof(entries));
  if (entries == 0) return {};

  // Sorted by bucket, they form runs.
  SortBuffers sorted{{keys_[0].data(), keys_[1].data()}, {values_[0].data(), values_[1].data()}};
  const int key_bits = static_cast<int>(std::max(1U, std::bit_width(plan.buckets() - 1)));
  check(sort_pairs(scratch_.data(), scratch_bytes_, sorted, entries, key_bits, stream.get()), "sort of entries");
  const auto runs = static_cast<std::uint32_t>(std::min<std::size_t>(entries, plan.buckets()));
  clear(run_lengths_.data(), (runs + 1) * sizeof(std::uint32_t), stream);
  check(find_runs(scratch_.data(), scratch_bytes_, sorted.keys[sorted.current], entries, run_keys_.data(),
                  run_lengths_.data(), run_count_.data(), stream.get()),
        "runs of entries");
  check(
      exclusive_sum(scratch_.data(), scratch_bytes_, run_lengths_.data(), run_offsets_.data(), runs + 1, stream.get()),
      "sum of runs");

  // Each run is summed up by one or more tasks, whose sums are combined until one is left of each run.
  const std::size_t threads = multiprocessors_ * kThreadsPerMultiprocessor;
  auto task_size =
      static_cast<std::uint32_t>(std::clamp((entries + threads - 1) / threads, kMinTaskSize, kMaxTaskSize));
  unsigned current = 0;
  std::uint32_t tasks = plan_tasks(run_lengths_.data(), runs, task_size, task_offsets_[0], stream);
  check(accumulate<P>(key_.points(), sorted.values[sorted.current],
                      {run_offsets_.data(), task_offsets_[0].data(), runs, tasks, task_size}, sums_[0].data(),
                      stream.get()),
        "sums of buckets");
  // At most this many sums belong to one run.
  for (std::size_t most = (std::size_t{entries} + task_size - 1) / task_size; most > 1;
       most = (most + kCombine - 1) / kCombine) {
    const unsigned next = current ^ 1;
    const std::uint32_t combined =
        plan_tasks(task_counts_[current].data(), runs, kCombine, task_offsets_[next], stream);
    if (combined == tasks) break;  // as many as runs
    check(combine<P>(sums_[current].data(),
                     {task_offsets_[current].data(), task_offsets_[next].data(), runs, combined, kCombine},
                     sums_[next].data(), stream.get()),
          "combination of partial sums");
    tasks = combined;
    current = next;
  }
  clear(buckets_.data(), plan.buckets() * sizeof(Xyzz<P>), stream);
  check(scatter<P>(sums_[current].data(), run_keys_.data(), task_offsets_[current].data(), runs, buckets_.data(),
                   stream.get()),
        "placing of buckets");

  // Σ weight·bucket of each piece.
  std::uint32_t segment_bits = std::min(kMinSegmentBits, plan.bucket_bits);
  while (segment_bits < std::min(kMaxSegmentBits, plan.bucket_bits) &&
         plan.buckets() >> segment_bits > multiprocessors_ * kSegmentsPerMultiprocessor) {
    ++segment_bits;
  }
  const std::uint32_t segments = std::uint32_t{1} << (plan.bucket_bits - segment_bits);
  Xyzz<P>* const segment_sums = piece_sums_.data();
  check(weigh<P>(buckets_.data(), plan.pieces, plan.bucket_bits, segment_bits, segment_sums, stream.get()),
        "weighing of buckets");
  const std::uint32_t blocks = std::clamp(segments / (kSegmentsPerThread * kBlockThreads), 1U, kAddUpBlocks);
  Xyzz<P>* sums = segment_sums + std::size_t{plan.pieces} * segments;
  check(add_up<P>(segment_sums, segments, plan.pieces, blocks, sums, stream.get()), "sums of pieces");
  if (blocks > 1) {
    Xyzz<P>* const last = sums + std::size_t{plan.pieces} * blocks;
    check(add_up<P>(sums, blocks, plan.pieces, 1, last, stream.get()), "sums of pieces");
    sums = last;
  }
  download(results_.data(), sums, plan.pieces * sizeof(Xyzz<P>), stream);
  return sum_pieces(plan, reinterpret_cast<const Xyzz<P>*>(results_.data()));
}

template <class C>
algebra::AffinePoint<C> Msm<C>::sum_pieces(const WindowPlan& plan, const Xyzz<P>* sums) const {
  using Base = typename C::BaseField;
  using Point = algebra::Point<C>;
  struct Coordinates {
    Base x, y, zz, zzz;
  };
  static_assert(sizeof(Coordinates) == sizeof(Xyzz<P>));
  std::vector<Coordinates> pieces(plan.pieces);
  std::memcpy(static_cast<void*>(pieces.data()), sums, pieces.size() * sizeof(Coordinates));
  std::vector<Base> inverses(plan.pieces);
  for (std::size_t i = 0; i < inverses.size(); ++i) inverses[i] = pieces[i].zzz;
  algebra::batch_inverse(std::span(inverses));
  Point result;
  for (std::size_t i = pieces.size(); i-- > 0;) {
    for (unsigned bit = plan.begin[i]; bit < (i + 1 < pieces.size() ? plan.begin[i + 1] : plan.begin[i]); ++bit) {
      result = result.doubled();
    }
    if (pieces[i].zz.is_zero()) continue;
    const Base inverse_z = pieces[i].zz * inverses[i];  // ZZ³ = ZZZ²
    result += algebra::AffinePoint<C>{pieces[i].x * inverse_z.square(), pieces[i].y * inverses[i]};
  }
  return result.to_affine();
}

template class DeviceKey<algebra::Bn254>;
template class DeviceKey<algebra::Grumpkin>;
template class Msm<algebra::Bn254>;
template class Msm<algebra::Grumpkin>;

}  // namespace magnetar::kernels
