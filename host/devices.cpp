#include "host/devices.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <string_view>
#include <utility>

#ifdef MAGNETAR_HAVE_CUDA
#include "kernels/cuda_device.h"
#endif

namespace magnetar::host {
namespace {

CommandError no_device(std::string message) {
  return {kEnvironment, "no-device", std::move(message)};
}

#ifdef MAGNETAR_HAVE_CUDA
tl::expected<zkvm::Devices, device::DeviceError> gpu_devices(const zkvm::Parameters& parameters, std::string name,
                                                             int ordinal) {
  const ivc::Circuits& circuits = parameters.circuits();
  const ivc::Keys& keys = parameters.keys();
  auto secondary = kernels::make_cuda_device<algebra::Grumpkin>(circuits.secondary(), keys.secondary, {ordinal, {}});
  if (!secondary) return tl::unexpected(secondary.error());
  auto primary = kernels::make_cuda_device<algebra::Bn254>(circuits.primary(), keys.primary, {ordinal, {}});
  if (!primary) return tl::unexpected(primary.error());
  return zkvm::Devices{std::move(name), *std::move(primary), *std::move(secondary), true};
}
#endif

}  // namespace

Result<DeviceChoice> DeviceChoice::parse(const std::string& text) {
  if (text == "cpu") return DeviceChoice(kCpu);
  int ordinal = 0;
  if (text != "auto" && text != "cuda") {
    constexpr std::string_view kPrefix = "cuda:";
    const char* const end = text.data() + text.size();
    const auto parsed = text.starts_with(kPrefix) ? std::from_chars(text.data() + kPrefix.size(), end, ordinal)
                                                  : std::from_chars_result{nullptr, std::errc::invalid_argument};
    if (parsed.ec != std::errc() || parsed.ptr != end || ordinal < 0) {
      return tl::unexpected(no_device(fmt::format("no device '{}': there are cpu, cuda, cuda:N and auto", text)));
    }
  }
#ifdef MAGNETAR_HAVE_CUDA
  const auto gpus = kernels::list_gpus();
  if (gpus && static_cast<std::size_t>(ordinal) < gpus->size()) return DeviceChoice(ordinal);
  if (text == "auto") return DeviceChoice(kCpu);
  return tl::unexpected(no_device(fmt::format(
      "no device '{}': {}", text, gpus ? fmt::format("there are {} GPUs", gpus->size()) : gpus.error().what())));
#else
  if (text == "auto") return DeviceChoice(kCpu);
  return tl::unexpected(no_device(fmt::format("no device '{}': this program was built without CUDA", text)));
#endif
}

std::string DeviceChoice::name() const {
  return gpu_ == kCpu ? "cpu" : fmt::format("cuda:{}", gpu_);
}

Result<std::vector<DeviceChoice>> DeviceChoice::parse_all(const std::string& text) {
  const auto first = parse(text);
  if (!first) return tl::unexpected(first.error());
  std::vector<DeviceChoice> choices{*first};
#ifdef MAGNETAR_HAVE_CUDA
  if (text == "auto" && first->gpu_ != kCpu) {
    if (const auto gpus = kernels::list_gpus()) {
      for (int gpu = 1; static_cast<std::size_t>(gpu) < gpus->size(); ++gpu) choices.push_back(DeviceChoice(gpu));
    }
  }
#endif
  return choices;
}

zkvm::Devices DeviceChoice::make(const zkvm::Parameters& parameters) const {
  auto devices = try_make(parameters);
  if (devices) return *std::move(devices);
  fmt::print(stderr, "magnetar: {}; proving on the CPU\n", devices.error().what());
  return zkvm::cpu_devices(parameters);
}

tl::expected<zkvm::Devices, device::DeviceError> DeviceChoice::try_make(const zkvm::Parameters& parameters) const {
#ifdef MAGNETAR_HAVE_CUDA
  if (gpu_ != kCpu) return gpu_devices(parameters, name(), gpu_);
#endif
  return zkvm::cpu_devices(parameters);
}

}  // namespace magnetar::host
