#include "host/dispatch/material_cache.h"

#include <algorithm>
#include <utility>

namespace magnetar::dispatch {

store::Result<Material> MaterialCache::load(const store::JobKey& key) {
  auto elf = load_blob(key.program);
  if (!elf) return tl::unexpected(elf.error());
  auto input = load_blob(key.input);
  if (!input) return tl::unexpected(input.error());
  return Material{*std::move(elf), key.program, *std::move(input), key.input};
}

void MaterialCache::keep(const Material& material) {
  keep_blob(material.program, material.elf);
  keep_blob(material.input_digest, material.input);
}

store::Result<MaterialCache::Content> MaterialCache::load_blob(const Digest& digest) {
  Content content;
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = known_.find(digest); known != known_.end()) content = known->second.lock();
  }
  if (!content) {
    auto bytes = blobs_.get(digest);
    if (!bytes) return tl::unexpected(bytes.error());
    content = std::make_shared<const Bytes>(*std::move(bytes));
  }
  keep_blob(digest, content);
  return content;
}

void MaterialCache::keep_blob(const Digest& digest, const Content& content) {
  const std::lock_guard lock(mutex_);
  known_[digest] = content;
  const auto used = std::find(last_used_.begin(), last_used_.end(), content);
  if (used != last_used_.end()) {
    last_used_.splice(last_used_.begin(), last_used_, used);
    return;
  }
  last_used_.push_front(content);
  bytes_ += content->size();
  while (bytes_ > kept_bytes_ && last_used_.size() > 1) {
    bytes_ -= last_used_.back()->size();
    last_used_.pop_back();
  }
  std::erase_if(known_, [](const auto& each) { return each.second.expired(); });
}

}  // namespace magnetar::dispatch
