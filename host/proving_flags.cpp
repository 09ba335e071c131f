#include "host/proving_flags.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace magnetar::host {
namespace {

CommandError usage(std::string message) {
  return {kUnusableInput, "usage", std::move(message)};
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

void CacheFlag::add_to(CLI::App& command) {
  command.add_option("--cache", folder, "folder of cached parameters (default: magnetar in the user's cache folder)")
      ->type_name("DIR")
      ->envname("MAGNETAR_CACHE");
}

std::filesystem::path CacheFlag::path() const {
  if (!folder.empty()) return folder;
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache != '\0') {
    return std::filesystem::path(cache) / "magnetar";
  }
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') {
    return std::filesystem::path(home) / ".cache" / "magnetar";
  }
  return std::filesystem::temp_directory_path() / "magnetar-cache";
}

std::unique_ptr<zkvm::ParameterStore> CacheFlag::open() const {
  return std::make_unique<zkvm::ParameterStore>(path(), [](const commit::GeneratorCacheWarning& warning) {
    fmt::print(stderr, "magnetar: {}\n", warning.message);
  });
}

void ProvingFlags::add_to(CLI::App& command) {
  command.add_option("--params", params, "parameters, as `magnetar params list` names them")
      ->type_name("NAME")
      ->envname("MAGNETAR_PARAMS")
      ->capture_default_str();
  command.add_option("--threads", threads, "threads to use (0: one for each processor)")
      ->type_name("N")
      ->envname("MAGNETAR_THREADS")
      ->capture_default_str();
  command.add_option("--device", device, "what to prove on: cpu, cuda, cuda:N, or auto")
      ->type_name("NAME")
      ->envname("MAGNETAR_DEVICE")
      ->capture_default_str();
}

Result<zkvm::Preset> ProvingFlags::preset() const {
  const auto preset = zkvm::Preset::parse(params);
  if (!preset) return tl::unexpected(usage(fmt::format("no parameters '{}' (see `magnetar params list`)", params)));
  return *preset;
}

Result<DeviceChoice> ProvingFlags::choose_device() const {
  return DeviceChoice::parse(device);
}

std::unique_ptr<tbb::global_control> ProvingFlags::limit_threads() const {
  if (threads == 0) return nullptr;
  return std::make_unique<tbb::global_control>(tbb::global_control::max_allowed_parallelism, threads);
}

void StepsFlag::add_to(CLI::App& command, const std::string& description) {
  command.add_option("--steps", text, description)->type_name("FROM:COUNT");
}

Result<std::optional<zkvm::StepRange>> StepsFlag::range() const {
  if (text.empty()) return std::nullopt;
  const std::size_t colon = text.find(':');
  const auto first = parse_number(std::string_view(text).substr(0, colon));
  zkvm::StepRange range{first.value_or(0), {}};
  bool good = first.has_value() && colon != std::string::npos;
  if (good && colon + 1 != text.size()) {
    range.count = parse_number(std::string_view(text).substr(colon + 1));
    good = range.count.has_value();
  }
  if (!good) return tl::unexpected(usage(fmt::format("--steps {}: not FROM:COUNT or FROM:", text)));
  return range;
}

Result<zkvm::Subject> load_subject(const std::string& elf, const InputFlags& input) {
  const auto bytes = read_file(elf, vm::kDefaultMaxElfBytes + 1);
  if (!bytes) return tl::unexpected(bytes.error());
  auto data = input.read();
  if (!data) return tl::unexpected(data.error());
  auto subject = zkvm::Subject::load(*bytes, *std::move(data));
  if (!subject) {
    return tl::unexpected(CommandError{kUnusableInput, std::string(name(subject.error().kind)),
                                       fmt::format("{}: {}", elf, subject.error().message)});
  }
  return *std::move(subject);
}

CommandError command_error(const zkvm::ProveError& error) {
  switch (error.kind) {
    case zkvm::ProveError::Kind::kFault:
      return {kGuestFaulted, std::string(error.fault ? name(error.fault->kind) : name(error.kind)), error.message};
    case zkvm::ProveError::Kind::kCancelled:
      return {kInterrupted, "interrupted", "interrupted"};
    case zkvm::ProveError::Kind::kRange:
    case zkvm::ProveError::Kind::kTooManySteps:
      return {kUnusableInput, std::string(name(error.kind)), error.message};
    case zkvm::ProveError::Kind::kZeroDenominator:
      break;
  }
  return {kEnvironment, std::string(name(error.kind)), error.message};
}

std::uint64_t peak_rss_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace magnetar::host
