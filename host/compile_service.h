#pragma once

#include <filesystem>

#include "host/rpc/server.h"

namespace magnetar::host {

/// Compiles for an orchestrator, as `magnetar compile --local` does with this cache folder. The toolchain is looked
/// for, and the runtime built, when the first program comes; until that works programs are refused with UNAVAILABLE and
/// the reason.
rpc::Compile compile_in_sandbox(const std::filesystem::path& cache);

}  // namespace magnetar::host
