#pragma once

#include <span>
#include <string_view>

namespace magnetar::compile {

struct RuntimeSource {
  std::string_view path;  ///< below vm/guest/rust
  std::string_view content;
};

/// The files of vm/guest/rust that make the SDK, as they were when this program was built.
std::span<const RuntimeSource> runtime_sources();

}  // namespace magnetar::compile
