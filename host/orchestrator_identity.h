#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "host/store/store.h"

namespace magnetar::host {

/// By what name a store knows the orchestrator that runs from a state folder, and the one that ran from it before.
/// While this lives, the folder is locked: whoever ran from it before is dead.
class OrchestratorIdentity {
 public:
  /// A new id, which is kept in the folder. Where another process runs from it too, both ids are that process's
  /// business: the new one is not kept, and there is no former one. The error is a sentence.
  static tl::expected<OrchestratorIdentity, std::string> open(const std::filesystem::path& folder);

  const store::OrchestratorId& self() const { return self_; }
  const std::optional<store::OrchestratorId>& former() const { return former_; }

 private:
  struct CloseFile {
    void operator()(const int* file) const;
  };

  std::unique_ptr<int, CloseFile> lock_;
  store::OrchestratorId self_ = store::new_orchestrator_id();
  std::optional<store::OrchestratorId> former_;
};

}  // namespace magnetar::host
