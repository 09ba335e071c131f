#include "host/interrupt.h"

#include <csignal>

namespace magnetar::host {
namespace {

volatile std::sig_atomic_t caught = 0;

extern "C" void on_interrupt(int signal) {
  caught = 1;
  std::signal(signal, SIG_DFL);
}

}  // namespace

void catch_interrupts() {
  std::signal(SIGINT, on_interrupt);
  std::signal(SIGTERM, on_interrupt);
}

bool interrupted() {
  return caught != 0;
}

}  // namespace magnetar::host
