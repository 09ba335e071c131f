#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "engine/algebra/curve.h"
#include "engine/hash/hash_to_field.h"

namespace magnetar::commit {

// Generators kept in a file, one for each curve and tag. All integers are little-endian:
//
//   bytes      content
//   8          "MGNTRGEN"
//   4          format version, 1
//   4          length t of the tag
//   16         name of the curve, padded with zeros
//   8          number n of generators
//   32         SHA-256 of all other bytes of the file
//   t          the tag
//   64·n       generators 0..n-1: x and y in Montgomery form with R = 2^256, as in memory; zeros for infinity
//
// The digest guards against accidents, and a sample of the points that is derived again against files of a program that
// derives others. All other points are taken from the file: whoever can write the folder can choose them, with
// relations that break the binding of commitments, and what a verifier with them accepts proves nothing. The folder
// must be as safe as the program itself.

enum class GeneratorCacheFault : std::uint8_t {
  kUnreadable,     // the operating system says why
  kTruncated,      // ends within the header or the points
  kTrailingBytes,  // goes on after the points
  kWrongMagic,     // no generator file
  kWrongVersion,   // of another version of this format
  kWrongCurve,     // generators of another curve
  kWrongTag,       // generators under another tag
  kWrongDigest,    // content does not match its digest
  kWrongPoint,     // a generator is not the one that its index and tag give
  kUnwritable,     // what was derived could not be stored; the operating system says why
};

/// "truncated", "wrong-digest" and so on: stable names.
std::string_view name(GeneratorCacheFault fault);

/// Something that cost time but not the result; for the log.
struct GeneratorCacheWarning {
  GeneratorCacheFault fault;
  std::string message;  // which file, what is wrong with it, and what was done
};

template <class C>
struct CachedGenerators {
  std::vector<algebra::AffinePoint<C>> points;
  /// How many of them came from the file; the others were derived.
  std::size_t loaded = 0;
  std::vector<GeneratorCacheWarning> warnings;
};

/// The file of the generators of `C` under `tag` in `folder`.
template <class C>
std::filesystem::path generator_file(const std::filesystem::path& folder, std::string_view tag);

/// The points of a generator file, at most `limit` of them, after all checks of the whole file; of the points
/// themselves the first, the last and two that the digest chooses are derived again and compared, some milliseconds of
/// work. An existing file that does not pass gives a warning; one that does not exist gives no points. `tag` is not
/// empty.
template <class C>
tl::expected<std::vector<algebra::AffinePoint<C>>, GeneratorCacheWarning> read_generators(
    const std::filesystem::path& file, std::string_view tag, std::size_t limit);

/// The first `count` generators of `C` under `tag`, from the file in `folder` as far as it holds them, else derived.
/// Then the file is replaced by one that holds them all: written beside it under another name and renamed, so that
/// other threads and processes see either file whole. A file that fails a check is rebuilt, and a folder (created if
/// need be) that cannot be written is left alone, each with a warning. The one error is an empty tag.
template <class C>
tl::expected<CachedGenerators<C>, hash::ExpandMessageError> load_generators(const std::filesystem::path& folder,
                                                                            std::string_view tag, std::size_t count);

#define MAGNETAR_DECLARE(Curve)                                                                                \
  extern template std::filesystem::path generator_file<Curve>(const std::filesystem::path&, std::string_view); \
  extern template tl::expected<std::vector<algebra::AffinePoint<Curve>>, GeneratorCacheWarning>                \
  read_generators<Curve>(const std::filesystem::path&, std::string_view, std::size_t);                         \
  extern template tl::expected<CachedGenerators<Curve>, hash::ExpandMessageError> load_generators<Curve>(      \
      const std::filesystem::path&, std::string_view, std::size_t)

MAGNETAR_DECLARE(algebra::Bn254);
MAGNETAR_DECLARE(algebra::Grumpkin);

#undef MAGNETAR_DECLARE

}  // namespace magnetar::commit
