#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/commit/generator_cache.h"
#include "engine/ivc/circuits.h"
#include "engine/zkvm/fold_step.h"
#include "engine/zkvm/layout.h"

namespace magnetar::zkvm {

/// The shape of a segment's fold steps: at most 2^log_size constraints and variables of either stage, and how many rows
/// of each type.
struct Layout {
  unsigned log_size = 0;
  Quotas quotas{};

  friend auto operator<=>(const Layout&, const Layout&) = default;
};

/// Whether verifiers accept it: a known size which the quotas fit.
bool is_valid(const Layout& layout);

/// How a prover chooses a layout: a size, and quotas from the trace's own mix or from a profile. Named as in "fit-17",
/// "hash-18".
struct Preset {
  unsigned log_size = 0;
  std::optional<Profile> profile;  ///< none: fit

  std::string name() const;
  /// None for an unknown name.
  static std::optional<Preset> parse(std::string_view name);
  /// All of them.
  static std::vector<Preset> list();

  friend bool operator==(const Preset&, const Preset&) = default;
};

/// The preset for programs of which nothing is known: the one that proves most cycles a second (docs/performance.md).
inline constexpr Preset kDefaultPreset{17, std::nullopt};

/// Everything that provers and verifiers of one layout share, made from the layout alone.
class Parameters {
 public:
  using Keys = std::shared_ptr<const ivc::Keys>;

  /// The layout must be valid; `load_keys` gives the keys for its size, and is called at most once.
  Parameters(const Layout& layout, std::function<Keys()> load_keys);

  const Layout& layout() const { return layout_; }
  const ivc::Circuits& circuits() const { return circuits_; }
  /// Loaded when first asked for: what can be refused without them costs no derivation of generators.
  const ivc::Keys& keys() const;
  std::size_t constraints() const { return circuits_.primary().constraints(); }

 private:
  Layout layout_;
  FoldStep step_;
  ivc::Circuits circuits_;
  std::function<Keys()> load_keys_;
  mutable std::once_flag loaded_;
  mutable Keys keys_;
};

/// The row types' circuits, made once.
const RowTypes& shared_row_types();

/// Makes parameters on first use, and keeps some; must outlive them. Generators come from files in a cache folder, and
/// are derived and stored where those lack them or are damaged. For use by several threads.
class ParameterStore {
 public:
  /// `warn` is told of damaged files and folders that cannot be written; neither is an error.
  explicit ParameterStore(std::filesystem::path folder,
                          std::function<void(const commit::GeneratorCacheWarning&)> warn = {});

  /// Keys for a size in kMinLogSize..kMaxLogSize, without tables of multiples. Kept until the store ends.
  std::shared_ptr<const ivc::Keys> keys(unsigned log_size);

  /// Parameters for a valid layout. The last kKept ones are kept.
  std::shared_ptr<const Parameters> parameters(const Layout& layout);

  const std::filesystem::path& folder() const { return folder_; }

  static constexpr std::size_t kKept = 8;

 private:
  std::filesystem::path folder_;
  std::function<void(const commit::GeneratorCacheWarning&)> warn_;
  struct SizeKeys {
    std::mutex mutex;  // held while they are made, so that they are made once
    std::shared_ptr<const ivc::Keys> keys;
  };

  std::array<SizeKeys, kMaxLogSize + 1> keys_;               // by size
  std::mutex mutex_;                                         // of what follows
  std::list<std::shared_ptr<const Parameters>> parameters_;  // the last used first
};

}  // namespace magnetar::zkvm
