#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "vm/address.h"
#include "vm/paged_store.h"
#include "vm/program.h"
#include "vm/trace.h"

namespace magnetar::vm {

/// Rows in a protocol step, the unit in which the orchestrator protocol counts.
inline constexpr std::uint64_t kCyclesPerStep = 1024;

/// Rows in a segment at most, so that times (four ticks a row) are u32.
inline constexpr std::uint64_t kMaxSegmentCycles = (std::uint64_t{1} << 30) - 1;

/// Bytes of input at most: indices are u32, and the exhausted one must exist.
inline constexpr std::uint64_t kMaxInputBytes = (std::uint64_t{1} << 32) - 1;

/// Bytes of output at most: indices are u32, and that of the next byte must exist.
inline constexpr std::uint64_t kMaxOutputBytes = (std::uint64_t{1} << 32) - 1;

enum class FaultKind : std::uint8_t {
  kIllegalInstruction,
  kMisalignedAccess,
  kMisalignedJump,
  kPcOutsideText,
  kStoreIntoText,
  kUnknownSystemCall,
  kCycleLimit,
  kMemoryLimit,
  kOutputLimit,
};

/// "illegal-instruction" and so on: the `kind` of JSON errors.
std::string_view name(FaultKind kind);

/// Why a program cannot go on.
struct Fault {
  FaultKind kind;
  std::uint64_t cycle;                ///< rows executed before
  std::uint32_t pc;                   ///< of the instruction that could not be executed
  std::optional<std::uint32_t> word;  ///< the instruction, where there is one
  std::string reason;                 ///< a sentence

  /// One line with pc, word, disassembly and reason.
  std::string message() const;
};

struct Limits {
  std::uint64_t max_cycles = UINT64_MAX;
  std::uint64_t max_memory_bytes = std::uint64_t{1} << 30;  ///< in touched pages of 4 KiB
  /// From the start of the execution. A larger one than kMaxOutputBytes is taken as that.
  std::uint64_t max_output_bytes = std::uint64_t{1} << 30;
};

/// Where the bytes go that a guest logs or labels: they are no part of the statement. Called during
/// execution; a machine made from a checkpoint calls its own.
struct Hooks {
  /// At most kMaxLogBytes a call; `dropped` bytes more were asked for.
  std::function<void(std::string_view bytes, std::uint64_t dropped)> log{};
  std::function<void(std::string_view label, std::uint64_t cycle)> label{};
};
inline constexpr std::uint32_t kMaxLogBytes = std::uint32_t{1} << 20;

enum class Status : std::uint8_t { kRunning, kHalted, kFaulted };

/// A machine's whole state between two rows, immutable and cheap to copy: it shares the pages that did not
/// change with the checkpoints before it. Machines may be made from one in several threads at once.
struct Checkpoint {
  std::uint64_t cycle;          ///< rows executed before
  std::uint64_t segment_start;  ///< cycle at which times were last 0
  std::uint64_t instructions;   ///< guest instructions executed before
  std::uint64_t pc;             ///< may lie in microcode
  std::array<std::uint32_t, kRegisterCount> registers;
  std::array<std::uint32_t, kRegisterCount> register_times;
  PageTree memory;
  PageTree times;  ///< last access times of memory words in the segment; 0: none

  std::uint32_t word(std::uint32_t index) const;
};

/// Executes a program. A *segment* is what was traced since the start or since the last execute(): its first
/// row has clock 1, the access in slot j of the row with clock c has time 4c + j, and all addresses start
/// with time 0.
///
/// At the end of the input a read gives 0xffffffff. After a fault the machine stays as it was before the
/// faulting instruction but for access times.
class Machine {
 public:
  /// At the program's entry, all registers zero. `input` is at most kMaxInputBytes long.
  Machine(std::shared_ptr<const Program> program, std::shared_ptr<const std::vector<std::byte>> input,
          Limits limits = {}, Hooks hooks = {});

  /// Goes on from a checkpoint of a machine with the same program and input. output() starts empty. Another checkpoint
  /// is a bug, asserted as far as it shows in x0 and the registers of the input; without assertions execution makes
  /// no sense then, but stays within its own memory.
  Machine(std::shared_ptr<const Program> program, std::shared_ptr<const std::vector<std::byte>> input,
          const Checkpoint& checkpoint, Limits limits = {}, Hooks hooks = {});

  /// Executes until `until` rows have been executed in all, or the program halts or faults. Starts a new
  /// segment at the row where it stops.
  Status execute(std::uint64_t until);

  /// The same, filling `trace` with the rows (its former content is dropped), until it is full. kRunning
  /// with an empty trace: `until` was reached before, or the segment holds kMaxSegmentCycles rows.
  Status trace(std::uint64_t until, Trace& trace);

  Checkpoint checkpoint();

  Status status() const { return status_; }
  const Program& program() const { return *program_; }
  std::uint64_t cycle() const { return cycle_; }
  std::uint64_t segment_start() const { return segment_start_; }
  /// Guest instructions executed: rows of microcode do not count, the halt word, which needs no row, does.
  std::uint64_t instructions() const { return instructions_ + (status_ == Status::kHalted ? 1 : 0); }
  std::uint64_t pc() const;
  std::uint32_t reg(std::uint8_t index) const { return registers_[index]; }
  std::uint32_t register_time(std::uint8_t index) const { return register_times_[index]; }
  std::uint32_t word(std::uint32_t index) const;

  /// a0 at the halt word. Only when halted.
  std::uint32_t exit_code() const { return registers_[kReturnValue]; }
  /// Only when faulted.
  const Fault& fault() const { return *fault_; }
  /// The bytes appended to the output by this machine.
  const std::vector<std::byte>& output() const { return output_; }

  /// Pages of memory that were loaded or touched, in bytes.
  std::uint64_t memory_bytes() const { return memory_.pages() * sizeof(Page); }

  /// Calls f(Address, value, time) for every word and register accessed in this segment, by increasing
  /// address.
  void for_each_touched(const std::function<void(Address, std::uint32_t value, std::uint32_t time)>& f) const;

 private:
  enum class Mode { kExecute, kTrace };
  template <Mode mode>
  std::optional<FaultKind> interpret(std::uint64_t until, Trace* trace);
  Status run_to(std::uint64_t until, Trace* trace);
  Page* new_page(std::uint32_t number, PagedStore& store);
  void stop_at(FaultKind kind);
  std::string guest_bytes(std::uint32_t address, std::uint32_t size) const;
  void log_bytes();

  std::shared_ptr<const Program> program_;
  std::shared_ptr<const std::vector<std::byte>> input_;
  Limits limits_;
  Hooks hooks_;

  std::array<std::uint32_t, kRegisterCount> registers_{};
  std::array<std::uint32_t, kRegisterCount> register_times_{};
  PagedStore memory_;
  PagedStore times_;
  std::uint32_t op_ = 0;
  std::uint32_t outside_pc_ = 0;     // where a JALR led that no op stands for
  std::uint32_t fault_address_ = 0;  // what a misaligned or forbidden access or jump aimed at
  std::uint64_t cycle_ = 0;
  std::uint64_t segment_start_ = 0;
  std::uint64_t instructions_ = 0;
  std::vector<std::byte> output_;
  Status status_ = Status::kRunning;
  std::optional<Fault> fault_;
};

}  // namespace magnetar::vm
