#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "host/command.h"

namespace magnetar::host {

/// Writes the file under another name beside it, flushes it to the disk, and renames it: at any moment there is either
/// the whole file, or what was there before. Errors ("disk-full", "write-failed") say what the system said.
Result<void> write_file(const std::filesystem::path& path, std::span<const std::uint8_t> bytes);

}  // namespace magnetar::host
