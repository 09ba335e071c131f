#pragma once

#include <cstddef>

namespace magnetar::http {

/// What the system says of this process; 0 where it does not.
struct ProcessFigures {
  double cpu_seconds = 0;
  double resident_bytes = 0;
  std::size_t open_files = 0;
  std::size_t max_files = 0;
  double started = 0;  ///< seconds since 1970
};

ProcessFigures process_figures();

}  // namespace magnetar::http
