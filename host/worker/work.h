#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace magnetar::worker {

/// What an orchestrator wants proved: `steps` protocol steps from `first_step` on, or all that follow.
struct Work {
  std::string elf;
  std::string input;
  std::uint64_t first_step = 0;
  std::optional<std::uint64_t> steps{};

  /// SHA-256 of all of it, as 64 hexadecimal digits: the same for the same work, whenever and by whomever it is
  /// assigned.
  std::string key() const;
};

/// How far the proof of some work is.
struct Progress {
  double fraction = 0;               ///< from 0 to 1
  std::uint64_t steps_in_trace = 0;  ///< of the whole execution
  std::uint64_t steps_to_prove = 0;  ///< of this work
  std::uint64_t steps_proven = 0;
};

struct ProveFailure {
  enum class Kind : std::uint8_t {
    kCancelled,    ///< as Watch::progress wished
    kUnprovable,   ///< the program or the range is at fault: no other prover could do it either
    kEnvironment,  ///< memory, device, disk: another try may succeed
  };
  Kind kind;
  std::string message;
};

/// How a prover is watched, interrupted and resumed.
struct Watch {
  /// Cancels by returning false. Asked often enough to stop a proof within some seconds.
  std::function<bool()> go_on;
  /// The same, with how far the proof is; from when the numbers of steps are known.
  std::function<bool(const Progress&)> progress;
  /// What an earlier try had saved. A prover that cannot use it ignores it.
  std::optional<std::string> resume{};
  /// Takes states to resume from, now and then and when cancelled.
  std::function<void(std::string_view state)> save{};
  /// Told why when the prover's device failed, before the CPU goes on.
  std::function<void(std::string_view reason)> device_failed{};
};

/// Proves work. Called from one thread at a time.
class Prover {
 public:
  virtual ~Prover() = default;

  /// What it proves on: "cpu", "cuda:0".
  virtual std::string device() const = 0;

  /// The bytes of `Proof.nova_bytes`.
  virtual tl::expected<std::string, ProveFailure> prove(const Work& work, const Watch& watch) = 0;
};

}  // namespace magnetar::worker
