#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "engine/zkvm/subject.h"
#include "vm/machine.h"

namespace magnetar::proving {

/// An execution that ended, with some of its states.
struct Execution {
  zkvm::Subject subject;
  std::uint64_t cycles = 0;
  vm::Status status = vm::Status::kHalted;  ///< or kFaulted, with `fault`
  std::optional<vm::Fault> fault{};
  std::vector<vm::Checkpoint> checkpoints{};  ///< by increasing cycle, the start among them
  std::uint64_t memory_bytes = 0;             ///< that its machine held

  /// The state after `cycle` rows, at most `cycles`.
  vm::Checkpoint state_at(std::uint64_t cycle, const vm::Limits& limits) const;
};

/// Executes `subject` until it ends, and keeps `kCheckpoints` states at most, evenly spaced; fewer of a program that
/// touches much memory, so that they hold no more than `kMaxCheckpointBytes`. None: cancelled.
inline constexpr std::size_t kCheckpoints = 64;
inline constexpr std::uint64_t kMaxCheckpointBytes = std::uint64_t{256} << 20;
std::shared_ptr<const Execution> execute(const zkvm::Subject& subject, const vm::Limits& limits,
                                         const std::function<bool()>& cancelled);

/// The executions that were used last. For use by several threads.
class ExecutionCache {
 public:
  explicit ExecutionCache(std::size_t most) : most_(most) {}

  /// Null if it is not there.
  std::shared_ptr<const Execution> find(const hash::Sha256::Digest& program, const hash::Sha256::Digest& input);
  void keep(std::shared_ptr<const Execution> execution);

 private:
  const std::size_t most_;
  std::mutex mutex_;
  std::list<std::shared_ptr<const Execution>> executions_;  // the last used first
};

}  // namespace magnetar::proving
