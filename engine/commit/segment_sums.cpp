#include "engine/commit/segment_sums.h"

#include <tbb/blocked_range.h>
#include <tbb/enumerable_thread_specific.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <numeric>

namespace magnetar::commit {

namespace {

using algebra::BatchAddition;
using algebra::PackedPoint;
using algebra::PointReference;

/// Entries a thread treats to the end: enough pairs for full batches in the first rounds, sums that stay in the cache.
constexpr std::size_t kChunkEntries = 16384;

/// A run of entries that are added into one point.
struct Piece {
  std::uint32_t begin;
  std::uint32_t end;
};

/// Consecutive pieces.
struct Chunk {
  std::size_t first_piece;
  std::size_t last_piece;
};

/// Memory that one thread reuses from chunk to chunk.
template <class C>
struct Workspace {
  explicit Workspace(algebra::InstructionSet set) : addition(set) {}

  BatchAddition<C> addition;
  std::vector<PointReference> left;
  std::vector<PointReference> right;
  std::vector<PointReference> references;  // of this round, piece after piece
  std::vector<PointReference> next_references;
  std::vector<PointReference> odd;
  std::vector<std::uint32_t> lengths;  // of the pieces still open
  std::vector<std::uint32_t> owners;   // which pieces those are
  std::vector<PackedPoint> sums[2];    // of the last round and of this one
};

/// Adds up each piece of a chunk into out[piece].
template <class C>
void sum_chunk(Workspace<C>& workspace, const PackedPoint* table, std::span<const PointReference> references,
               std::span<const Piece> pieces, PackedPoint* out, bool& may_be_infinite) {
  auto& [addition, left, right, current, next, odd, lengths, owners, sums] = workspace;
  lengths.clear();
  owners.clear();
  std::span<const PointReference> entries =
      references.subspan(pieces.front().begin, pieces.back().end - pieces.front().begin);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    lengths.push_back(pieces[i].end - pieces[i].begin);
    owners.push_back(static_cast<std::uint32_t>(i));
  }
  for (int round = 0; !lengths.empty(); ++round) {
    left.clear();
    right.clear();
    odd.clear();
    next.clear();
    // The sums of this round: those of all pairs, then the odd points, copied.
    std::uint32_t pairs = 0;
    for (const std::uint32_t length : lengths) pairs += length / 2;
    std::size_t position = 0;
    std::size_t open = 0;
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      const std::uint32_t length = lengths[i];
      if (length == 1) {
        out[owners[i]] = addition.resolve(table, entries[position++]);
        continue;
      }
      for (std::uint32_t pair = 0; pair < length / 2; ++pair) {
        next.emplace_back(static_cast<std::uint32_t>(left.size()), false);
        left.push_back(entries[position]);
        right.push_back(entries[position + 1]);
        position += 2;
      }
      if (length % 2 != 0) {
        next.emplace_back(pairs + static_cast<std::uint32_t>(odd.size()), false);
        odd.push_back(entries[position++]);
      }
      lengths[open] = (length + 1) / 2;
      owners[open++] = owners[i];
    }
    lengths.resize(open);
    owners.resize(open);
    auto& target = sums[round % 2];
    if (target.size() < pairs + odd.size()) target.resize(pairs + odd.size());
    addition.add(table, left, right, target.data(), may_be_infinite);
    for (std::size_t i = 0; i < odd.size(); ++i) target[pairs + i] = addition.resolve(table, odd[i]);
    table = target.data();
    std::swap(current, next);
    entries = current;
  }
}

template <class C>
Workspace<C>& thread_workspace(algebra::InstructionSet set) {
  thread_local std::map<algebra::InstructionSet, Workspace<C>> workspaces;
  return workspaces.try_emplace(set, set).first->second;
}

}  // namespace

template <class C>
void SegmentSums<C>::compute(const PackedPoint* table, std::span<const PointReference> references,
                             std::span<const std::uint32_t> starts, std::span<PackedPoint> out,
                             bool& may_be_infinite) const {
  // Segments become pieces, long ones several; pieces become chunks.
  std::vector<Piece> pieces;
  std::vector<Chunk> chunks;
  std::vector<std::uint32_t> piece_starts{0};
  pieces.reserve(out.size());
  std::size_t chunk_entries = 0;
  std::size_t chunk_begin = 0;
  const auto close_chunk = [&] {
    if (chunk_begin < pieces.size()) chunks.push_back({chunk_begin, pieces.size()});
    chunk_begin = pieces.size();
    chunk_entries = 0;
  };
  for (std::size_t segment = 0; segment < out.size(); ++segment) {
    for (std::uint32_t begin = starts[segment]; begin < starts[segment + 1];) {
      const auto length = std::min<std::uint32_t>(kChunkEntries, starts[segment + 1] - begin);
      if (chunk_entries + length > kChunkEntries) close_chunk();
      pieces.push_back({begin, begin + length});
      chunk_entries += length;
      begin += length;
    }
    piece_starts.push_back(static_cast<std::uint32_t>(pieces.size()));
  }
  close_chunk();

  const bool direct = pieces.size() == out.size();
  std::vector<PackedPoint> partial(direct ? 0 : pieces.size());
  PackedPoint* const target = direct ? out.data() : partial.data();
  std::atomic<bool> any_infinite = false;
  tbb::parallel_for(std::size_t{0}, chunks.size(), [&](std::size_t c) {
    const auto [first, last] = chunks[c];
    bool infinite = may_be_infinite;
    sum_chunk(thread_workspace<C>(set_), table, references, std::span(pieces).subspan(first, last - first),
              target + first, infinite);
    if (infinite) any_infinite = true;
  });
  may_be_infinite = any_infinite;
  if (direct) return;
  std::vector<PointReference> piece_references;
  piece_references.reserve(pieces.size());
  for (std::size_t i = 0; i < pieces.size(); ++i) piece_references.emplace_back(static_cast<std::uint32_t>(i), false);
  compute(partial.data(), piece_references, piece_starts, out, may_be_infinite);
}

template class SegmentSums<algebra::Bn254>;
template class SegmentSums<algebra::Grumpkin>;

}  // namespace magnetar::commit
