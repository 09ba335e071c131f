#include "host/duration.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <utility>

namespace magnetar::host {

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  using std::chrono::milliseconds;
  constexpr std::array<std::pair<std::string_view, std::int64_t>, 5> kUnits = {
      {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
  constexpr std::int64_t kMost = 10 * 366 * kUnits[4].second;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0) return std::nullopt;
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  for (const auto& [name, size] : kUnits) {
    if (unit == name) return number <= kMost / size ? std::optional(milliseconds(number * size)) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace magnetar::host
