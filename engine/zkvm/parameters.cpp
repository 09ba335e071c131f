#include "engine/zkvm/parameters.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

#include "engine/commit/generators.h"

namespace magnetar::zkvm {
namespace {

// The secondary circuit is the same for every layout, and smaller.
constexpr std::size_t kSecondaryGenerators = std::size_t{1} << 13;

constexpr std::array<std::optional<Profile>, 4> kMixes = {std::nullopt, Profile::kGeneral, Profile::kMemory,
                                                          Profile::kHash};

}  // namespace

const RowTypes& shared_row_types() {
  static const RowTypes types = make_row_types();
  return types;
}

bool is_valid(const Layout& layout) {
  if (layout.log_size < kMinLogSize || layout.log_size > kMaxLogSize) return false;
  const std::uint32_t most = std::uint32_t{1} << layout.log_size;
  return std::all_of(layout.quotas.begin(), layout.quotas.end(), [&](std::uint32_t quota) { return quota <= most; }) &&
         fits(shared_row_types(), layout.quotas, layout.log_size);
}

std::string Preset::name() const {
  return fmt::format("{}-{}", profile ? zkvm::name(*profile) : "fit", log_size);
}

std::optional<Preset> Preset::parse(std::string_view name) {
  for (const Preset& preset : list()) {
    if (preset.name() == name) return preset;
  }
  return std::nullopt;
}

std::vector<Preset> Preset::list() {
  std::vector<Preset> presets;
  for (const auto& mix : kMixes) {
    for (unsigned log_size = kMinLogSize; log_size <= kMaxLogSize; ++log_size) presets.push_back({log_size, mix});
  }
  return presets;
}

Parameters::Parameters(const Layout& layout, std::function<Keys()> load_keys)
    : layout_(layout), step_(shared_row_types(), layout.quotas), circuits_(step_), load_keys_(std::move(load_keys)) {
  assert(is_valid(layout));
}

const ivc::Keys& Parameters::keys() const {
  std::call_once(loaded_, [this] {
    keys_ = load_keys_();
    assert(circuits_.primary_generators() <= keys_->primary.size());
    assert(circuits_.secondary_generators() <= keys_->secondary.size());
  });
  return *keys_;
}

ParameterStore::ParameterStore(std::filesystem::path folder,
                               std::function<void(const commit::GeneratorCacheWarning&)> warn)
    : folder_(std::move(folder)), warn_(std::move(warn)) {}

std::shared_ptr<const ivc::Keys> ParameterStore::keys(unsigned log_size) {
  assert(log_size >= kMinLogSize && log_size <= kMaxLogSize);
  auto& [mutex, kept] = keys_[log_size];
  const std::lock_guard lock(mutex);
  if (kept) return kept;
  const auto load = [this]<class C>(std::size_t count) {
    auto loaded = commit::load_generators<C>(folder_, commit::generator_tag<C>(), count);
    assert(loaded);  // the tag is not empty
    if (warn_) {
      for (const auto& warning : loaded->warnings) warn_(warning);
    }
    return commit::CommitmentKey<C>(loaded->points);
  };
  kept =
      std::make_shared<const ivc::Keys>(ivc::Keys{load.template operator()<algebra::Bn254>(std::size_t{1} << log_size),
                                                  load.template operator()<algebra::Grumpkin>(kSecondaryGenerators)});
  return kept;
}

std::shared_ptr<const Parameters> ParameterStore::parameters(const Layout& layout) {
  const auto find = [&]() -> std::shared_ptr<const Parameters> {
    const std::lock_guard lock(mutex_);
    const auto at =
        std::find_if(parameters_.begin(), parameters_.end(), [&](const auto& one) { return one->layout() == layout; });
    if (at == parameters_.end()) return nullptr;
    parameters_.splice(parameters_.begin(), parameters_, at);
    return parameters_.front();
  };
  if (auto kept = find()) return kept;
  // Made without the lock: two threads that want the same at once both make it.
  auto made = std::make_shared<const Parameters>(layout, [this, size = layout.log_size] { return keys(size); });
  const std::lock_guard lock(mutex_);
  parameters_.push_front(made);
  if (parameters_.size() > kKept) parameters_.pop_back();
  return made;
}

}  // namespace magnetar::zkvm
