#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace magnetar::host {

/// "250ms", "90s", "5m", "24h", "7d": a whole number and a unit, at most ten years. None for anything else.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

}  // namespace magnetar::host
