#pragma once

namespace magnetar::host {

/// From now on SIGINT and SIGTERM only set a flag, so that the command can stop in good order; a second
/// one ends the process at once.
void catch_interrupts();

/// Whether one has come.
bool interrupted();

}  // namespace magnetar::host
