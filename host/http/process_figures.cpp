#include "host/http/process_figures.h"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace magnetar::http {
namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

// When the process was started, but for the milliseconds until its statics are made.
const double kStarted = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();

}  // namespace

ProcessFigures process_figures() {
  ProcessFigures figures{.started = kStarted};
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0) figures.cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  std::ifstream pages("/proc/self/statm");
  double total = 0, resident = 0;
  if (pages >> total >> resident) figures.resident_bytes = resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
  std::error_code error;
  const std::filesystem::directory_iterator files("/proc/self/fd", error);
  if (!error) {
    for (auto each = begin(files); each != end(files); each.increment(error)) ++figures.open_files;
    // The one that lists them is no longer there.
    if (figures.open_files != 0) --figures.open_files;
  }
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) figures.max_files = limit.rlim_cur;
  return figures;
}

}  // namespace magnetar::http
