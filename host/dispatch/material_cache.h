#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <memory>
#include <mutex>

#include "host/dispatch/proof_engine.h"
#include "host/store/store.h"

namespace magnetar::dispatch {

/// Programs and inputs from the store: each one in memory once, however many provers are sent it, and the last used
/// ones for some time after. Thread-safe.
class MaterialCache {
 public:
  MaterialCache(store::Blobs& blobs, std::size_t kept_bytes) : blobs_(blobs), kept_bytes_(kept_bytes) {}

  /// The blobs of a job's key; reads what is not in memory.
  store::Result<Material> load(const store::JobKey& key);
  /// What was just put.
  void keep(const Material& material);

 private:
  using Content = std::shared_ptr<const Bytes>;
  store::Result<Content> load_blob(const Digest& digest);
  void keep_blob(const Digest& digest, const Content& content);

  store::Blobs& blobs_;
  std::size_t kept_bytes_;
  std::mutex mutex_;
  std::map<Digest, std::weak_ptr<const Bytes>> known_;
  std::list<Content> last_used_;  // the latest first
  std::size_t bytes_ = 0;         // of last_used_
};

}  // namespace magnetar::dispatch
