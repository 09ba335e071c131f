#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

namespace spdlog {
class logger;
}

namespace magnetar::log {

enum class Level : std::uint8_t { kDebug, kInfo, kWarning, kError };

/// "debug", "info", "warning" or "error"; anything else is kInfo.
Level parse_level(std::string_view name);

enum class Format : std::uint8_t {
  kText,  ///< time, level, message, key=value ...
  kJson,  ///< one object a line: "time", "level", "message" and the fields
};

/// What a line is about, as "job", "segment" or "prover".
struct Field {
  std::string_view key;
  std::variant<std::string_view, std::int64_t, double, bool> value;

  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const std::string& v) : key(k), value(std::string_view(v)) {}
  Field(std::string_view k, const char* v) : key(k), value(std::string_view(v)) {}
  Field(std::string_view k, bool v) : key(k), value(v) {}
  template <typename T>
  requires std::is_integral_v<T> Field(std::string_view k, T v) : key(k), value(static_cast<std::int64_t>(v)) {}
  template <typename T>
  requires std::is_floating_point_v<T> Field(std::string_view k, T v) : key(k), value(static_cast<double>(v)) {}
};

/// A structured log on standard error, for use by several threads. What a peer sent cannot forge a line: control
/// characters are escaped in both formats.
class Log {
 public:
  explicit Log(Format format, Level least = Level::kInfo);
  /// Writes through `logger`, whose pattern must be "%v".
  Log(std::shared_ptr<spdlog::logger> logger, Format format, Level least);
  ~Log();

  void debug(std::string_view message, std::initializer_list<Field> fields = {}) const;
  void info(std::string_view message, std::initializer_list<Field> fields = {}) const;
  void warning(std::string_view message, std::initializer_list<Field> fields = {}) const;
  void error(std::string_view message, std::initializer_list<Field> fields = {}) const;
  void write(Level level, std::string_view message, std::span<const Field> fields) const;

 private:
  std::shared_ptr<spdlog::logger> logger_;
  Format format_;
  Level least_;
};

}  // namespace magnetar::log
