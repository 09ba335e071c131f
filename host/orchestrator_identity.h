#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "host/compile/descriptor.h"
#include "host/store/store.h"

namespace magnetar::host {

/// By what name a store knows the orchestrators that run from a state folder, one after the other. While this lives,
/// the folder is locked: whoever ran from it before is dead.
class OrchestratorIdentity {
 public:
  /// The folder's id, made once. The error is a sentence.
  static tl::expected<OrchestratorIdentity, std::string> open(const std::filesystem::path& folder);

  /// None while another process runs from the folder.
  const std::optional<store::OrchestratorId>& id() const { return id_; }

 private:
  compile::Descriptor lock_;
  std::optional<store::OrchestratorId> id_;
};

}  // namespace magnetar::host
