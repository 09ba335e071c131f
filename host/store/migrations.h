#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "host/store/database.h"

namespace magnetar::store {

/// The statements that lead from one version of the schema to the next, with Database::translate()'s words. What was
/// released never changes: later versions are further migrations.
using Migration = std::vector<std::string_view>;

/// The i-th leads from version i to version i + 1; a new database has version 0.
std::span<const Migration> migrations();

/// Brings a database to the last version, each migration in a transaction of its own; several processes may try at the
/// same time. kConfiguration, and nothing done, if its version is later than the last one.
Result<void> migrate(Database& database, std::span<const Migration> steps);

}  // namespace magnetar::store
