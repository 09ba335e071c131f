#pragma once

#include <string_view>

namespace magnetar::http {

/// The status page, in HTML with its style and script. It reads /status.json every second.
extern const std::string_view kStatusPage;

}  // namespace magnetar::http
