#include "host/proving_speed.h"

#include <chrono>
#include <cstdlib>

#include "engine/zkvm/subject.h"
#include "host/builtin_programs.h"
#include "host/proving_flags.h"

namespace magnetar::host {

Result<std::vector<ProgramSpeed>> measure_speed(zkvm::ParameterStore& store, const zkvm::Preset& preset,
                                                const DeviceChoice& device, double seconds,
                                                const std::function<bool()>& goes_on) {
  using Clock = std::chrono::steady_clock;
  const std::vector<BuiltinProgram> programs = builtin_programs();
  const double share = seconds / static_cast<double>(programs.size());
  const auto progress = [&](const zkvm::Progress&) { return goes_on(); };
  std::vector<ProgramSpeed> speeds;
  for (const BuiltinProgram& program : programs) {
    const auto subject = zkvm::Subject::load(program.elf, program.input);
    if (!subject) std::abort();  // it is tested that they load
    ProgramSpeed speed;
    // Twice as many steps each time, until one proof takes a good part of the program's share or is of all there is.
    const auto begin = Clock::now();
    double spent = 0;
    for (std::uint64_t steps = 16; spent < share / 2; steps *= 2) {
      const auto start = Clock::now();
      auto plan = zkvm::plan_segment(*subject, {0, steps}, preset, {}, progress);
      const bool is_all = !plan && plan.error().kind == zkvm::ProveError::Kind::kRange;
      if (is_all) plan = zkvm::plan_segment(*subject, {0, {}}, preset, {}, progress);
      if (!plan) return tl::unexpected(command_error(plan.error()));
      const auto parameters = store.parameters(plan->statement.layout);
      const auto proved = zkvm::prove(*parameters, *plan, device.make(*parameters), {.progress = progress});
      if (!proved) return tl::unexpected(command_error(proved.error()));
      speed = {std::string(program.name), plan->statement.cycles, plan->fold_steps,
               std::chrono::duration<double>(Clock::now() - start).count(), proved->phases};
      if (is_all) break;
      spent = std::chrono::duration<double>(Clock::now() - begin).count();
    }
    speeds.push_back(std::move(speed));
  }
  return speeds;
}

}  // namespace magnetar::host
