#include "host/log/log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

namespace magnetar::log {
namespace {

constexpr std::array<std::string_view, 4> kNames = {"debug", "info", "warning", "error"};

std::string_view name(Level level) {
  return kNames[static_cast<std::size_t>(level)];
}

// RFC 3339, in UTC, with milliseconds.
std::string timestamp() {
  const auto now = std::chrono::system_clock::now();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(now - seconds).count();
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)),
                     milliseconds);
}

void append_escaped(std::string& line, std::string_view text) {
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      line += '\\';
      line += c;
    } else if (code < 0x20 || code == 0x7f) {
      fmt::format_to(std::back_inserter(line), "\\x{:02x}", code);
    } else {
      line += c;
    }
  }
}

bool is_plain(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](char c) { return c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '='; });
}

std::string text_line(Level level, std::string_view message, std::span<const Field> fields) {
  std::string line = fmt::format("{} {:<7} ", timestamp(), name(level));
  append_escaped(line, message);
  for (const Field& field : fields) {
    fmt::format_to(std::back_inserter(line), " {}=", field.key);
    if (const auto* text = std::get_if<std::string_view>(&field.value); text == nullptr) {
      std::visit(
          [&](const auto& value) {
            if constexpr (!std::is_same_v<std::decay_t<decltype(value)>, std::string_view>) {
              fmt::format_to(std::back_inserter(line), "{}", value);
            }
          },
          field.value);
    } else if (is_plain(*text)) {
      line += *text;
    } else {
      line += '"';
      append_escaped(line, *text);
      line += '"';
    }
  }
  return line;
}

std::string json_line(Level level, std::string_view message, std::span<const Field> fields) {
  nlohmann::ordered_json object = {{"time", timestamp()}, {"level", name(level)}, {"message", message}};
  for (const Field& field : fields) {
    std::visit([&](const auto& value) { object[std::string(field.key)] = value; }, field.value);
  }
  return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::shared_ptr<spdlog::logger> stderr_logger() {
  auto logger = std::make_shared<spdlog::logger>("magnetar", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern("%v");
  logger->set_level(spdlog::level::trace);
  return logger;
}

}  // namespace

Level parse_level(std::string_view text) {
  const auto* found = std::find(kNames.begin(), kNames.end(), text);
  return found == kNames.end() ? Level::kInfo : static_cast<Level>(found - kNames.begin());
}

Log::Log(Format format, Level least) : Log(stderr_logger(), format, least) {}

Log::Log(std::shared_ptr<spdlog::logger> logger, Format format, Level least)
    : logger_(std::move(logger)), format_(format), least_(least) {}

Log::~Log() = default;

void Log::debug(std::string_view message, std::initializer_list<Field> fields) const {
  write(Level::kDebug, message, {fields.begin(), fields.size()});
}
void Log::info(std::string_view message, std::initializer_list<Field> fields) const {
  write(Level::kInfo, message, {fields.begin(), fields.size()});
}
void Log::warning(std::string_view message, std::initializer_list<Field> fields) const {
  write(Level::kWarning, message, {fields.begin(), fields.size()});
}
void Log::error(std::string_view message, std::initializer_list<Field> fields) const {
  write(Level::kError, message, {fields.begin(), fields.size()});
}

void Log::write(Level level, std::string_view message, std::span<const Field> fields) const {
  if (level < least_) return;
  const std::string line =
      format_ == Format::kJson ? json_line(level, message, fields) : text_line(level, message, fields);
  constexpr std::array kLevels = {spdlog::level::debug, spdlog::level::info, spdlog::level::warn, spdlog::level::err};
  logger_->log(kLevels[static_cast<std::size_t>(level)], spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace magnetar::log
