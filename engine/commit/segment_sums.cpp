#include "engine/commit/segment_sums.h"

#include <tbb/blocked_range.h>
#include <tbb/enumerable_thread_specific.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
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

/// Memory that one thread reuses from chunk to chunk; a chunk has at most kChunkEntries entries.
template <class C>
struct Workspace {
  explicit Workspace(algebra::InstructionSet set) : addition(set) {}

  template <class T>
  using Array = std::unique_ptr<T[]>;
  template <class T>
  static Array<T> array(std::size_t size) {
    return std::make_unique_for_overwrite<T[]>(size);
  }

  BatchAddition<C> addition;
  Array<PointReference> left = array<PointReference>(kChunkEntries / 2);
  Array<PointReference> right = array<PointReference>(kChunkEntries / 2);
  Array<PointReference> references = array<PointReference>(kChunkEntries);   // of this round, piece after piece
  Array<std::uint32_t> lengths = array<std::uint32_t>(kChunkEntries);        // of the pieces still open
  Array<std::uint32_t> owners = array<std::uint32_t>(kChunkEntries);         // which pieces those are
  Array<PointReference> odd = array<PointReference>(kChunkEntries / 2 + 1);  // left over from pairs
  Array<PackedPoint> sums[2] = {array<PackedPoint>(kChunkEntries), array<PackedPoint>(kChunkEntries)};
};

/// Adds up each piece of a chunk into out[piece].
template <class C>
void sum_chunk(Workspace<C>& workspace, const PackedPoint* table, const PointReference* references,
               std::span<const Piece> pieces, PackedPoint* out, bool& may_be_infinite) {
  auto& addition = workspace.addition;
  std::uint32_t* const lengths = workspace.lengths.get();
  std::uint32_t* const owners = workspace.owners.get();
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    lengths[i] = pieces[i].end - pieces[i].begin;
    owners[i] = static_cast<std::uint32_t>(i);
  }
  const PointReference* entries = references + pieces.front().begin;
  std::size_t open = pieces.size();
  for (int round = 0; open != 0; ++round) {
    // The sums of this round: those of all pairs, then the odd points, copied. Both go to one table for the next round.
    PackedPoint* const target = workspace.sums[round % 2].get();
    std::uint32_t all_pairs = 0;
    for (std::size_t i = 0; i < open; ++i) all_pairs += lengths[i] / 2;
    PointReference* left = workspace.left.get();
    PointReference* right = workspace.right.get();
    PointReference* next = workspace.references.get();
    std::uint32_t pair = 0;
    std::uint32_t odd = 0;
    std::size_t still_open = 0;
    for (std::size_t i = 0; i < open; ++i) {
      const std::uint32_t length = lengths[i];
      if (length == 1) {
        out[owners[i]] = addition.resolve(table, *entries++);
        continue;
      }
      // `next` may be the array of `entries`: it is written at half the pace, behind what was read.
      for (const std::uint32_t end = pair + length / 2; pair < end; ++pair, entries += 2) {
        *left++ = entries[0];
        *right++ = entries[1];
        *next++ = PointReference(pair, false);
      }
      if (length % 2 != 0) {
        __builtin_prefetch(table + entries->index());
        *next++ = PointReference(all_pairs + odd, false);
        workspace.odd[odd++] = *entries++;
      }
      lengths[still_open] = (length + 1) / 2;
      owners[still_open++] = owners[i];
    }
    open = still_open;
    addition.add(table, {workspace.left.get(), all_pairs}, {workspace.right.get(), all_pairs}, target, may_be_infinite);
    for (std::uint32_t i = 0; i < odd; ++i) target[all_pairs + i] = addition.resolve(table, workspace.odd[i]);
    table = target;
    entries = workspace.references.get();
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
  const auto partial = std::make_unique_for_overwrite<PackedPoint[]>(direct ? 0 : pieces.size());
  PackedPoint* const target = direct ? out.data() : partial.get();
  std::atomic<bool> any_infinite = false;
  tbb::parallel_for(std::size_t{0}, chunks.size(), [&](std::size_t c) {
    const auto [first, last] = chunks[c];
    bool infinite = may_be_infinite;
    sum_chunk(thread_workspace<C>(set_), table, references.data(), std::span(pieces).subspan(first, last - first),
              target + first, infinite);
    if (infinite) any_infinite = true;
  });
  may_be_infinite = any_infinite;
  if (direct) return;
  std::vector<PointReference> piece_references;
  piece_references.reserve(pieces.size());
  for (std::size_t i = 0; i < pieces.size(); ++i) piece_references.emplace_back(static_cast<std::uint32_t>(i), false);
  compute(partial.get(), piece_references, piece_starts, out, may_be_infinite);
}

template class SegmentSums<algebra::Bn254>;
template class SegmentSums<algebra::Grumpkin>;

}  // namespace magnetar::commit
