#pragma once

#include <string>

#include "host/command.h"
#include "host/network_flags.h"
#include "host/rpc/requester.h"

namespace magnetar::host {

/// The token that a file holds, without the white space after it; "" for no file.
Result<std::string> read_token(const std::string& file);

/// How the flags say that an orchestrator is reached. Nothing is sent yet.
Result<rpc::Requester> connect(const OrchestratorFlags& flags, std::string token);

/// The error of a command whose call ended so.
CommandError to_command_error(const rpc::CallError& error, const std::string& address);

}  // namespace magnetar::host
