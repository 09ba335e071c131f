#pragma once

#include <string>

#include "host/dispatch/dispatcher.h"
#include "host/rpc/server.h"

namespace magnetar::http {

/// All metrics in Prometheus' text format; their names start with "magnetar_", those of the process with "process_".
std::string metrics(const dispatch::Snapshot& snapshot, const rpc::RpcCounts& calls);

}  // namespace magnetar::http
