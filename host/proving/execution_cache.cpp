#include "host/proving/execution_cache.h"

#include <algorithm>
#include <utility>

namespace magnetar::proving {
namespace {

// Some hundredths of a second.
constexpr std::uint64_t kSlice = std::uint64_t{1} << 22;

}  // namespace

vm::Checkpoint Execution::state_at(std::uint64_t cycle, const vm::Limits& limits) const {
  const auto after = std::upper_bound(checkpoints.begin(), checkpoints.end(), cycle,
                                      [](std::uint64_t c, const vm::Checkpoint& point) { return c < point.cycle; });
  vm::Machine machine(subject.program, subject.input, *std::prev(after), limits);
  machine.execute(cycle);
  return machine.checkpoint();
}

std::shared_ptr<const Execution> execute(const zkvm::Subject& subject, const vm::Limits& limits,
                                         const std::function<bool()>& cancelled) {
  auto execution = std::make_shared<Execution>(Execution{.subject = subject});
  vm::Machine machine(subject.program, subject.input, limits);
  execution->checkpoints.push_back(machine.checkpoint());
  // Twice as far apart whenever there are too many of them.
  for (std::uint64_t interval = kSlice; machine.status() == vm::Status::kRunning;) {
    if (cancelled()) return nullptr;
    const std::uint64_t next = execution->checkpoints.back().cycle + interval;
    machine.execute(std::min(machine.cycle() + kSlice, next));
    if (machine.status() != vm::Status::kRunning || machine.cycle() != next) continue;
    auto& points = execution->checkpoints;
    points.push_back(machine.checkpoint());
    const std::size_t most = std::clamp<std::size_t>(
        kMaxCheckpointBytes / std::max<std::uint64_t>(machine.memory_bytes(), 1), 2, kCheckpoints);
    while (points.size() > most) {
      std::size_t kept = 0;
      for (std::size_t i = 0; i < points.size(); i += 2) points[kept++] = std::move(points[i]);
      points.erase(points.begin() + static_cast<std::ptrdiff_t>(kept), points.end());
      interval *= 2;
    }
  }
  execution->cycles = machine.cycle();
  execution->status = machine.status();
  execution->memory_bytes = machine.memory_bytes();
  if (machine.status() == vm::Status::kFaulted) execution->fault = machine.fault();
  return execution;
}

std::shared_ptr<const Execution> ExecutionCache::find(const hash::Sha256::Digest& program,
                                                      const hash::Sha256::Digest& input) {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(executions_.begin(), executions_.end(), [&](const auto& execution) {
    return execution->subject.program_id == program && execution->subject.input_digest == input;
  });
  if (found == executions_.end()) return nullptr;
  executions_.splice(executions_.begin(), executions_, found);
  return executions_.front();
}

void ExecutionCache::keep(std::shared_ptr<const Execution> execution) {
  const std::lock_guard lock(mutex_);
  executions_.push_front(std::move(execution));
  if (executions_.size() > most_) executions_.pop_back();
}

}  // namespace magnetar::proving
