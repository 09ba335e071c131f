#pragma once

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace magnetar::http {

/// Metrics on their way to Prometheus' text format. All names start with "magnetar_".
class Families {
 public:
  using Labels = std::vector<prometheus::ClientMetric::Label>;

  void counter(std::string name, std::string help, double value) {
    auto& metric = add(prometheus::MetricType::Counter, std::move(name), std::move(help)).metric.emplace_back();
    metric.counter.value = value;
  }
  void counter(std::string name, std::string help, std::uint64_t value) {
    counter(std::move(name), std::move(help), static_cast<double>(value));
  }
  void gauge(std::string name, std::string help, double value) {
    auto& metric = add(prometheus::MetricType::Gauge, std::move(name), std::move(help)).metric.emplace_back();
    metric.gauge.value = value;
  }
  prometheus::MetricFamily& add(prometheus::MetricType type, std::string name, std::string help) {
    auto& family = families_.emplace_back();
    family.name = "magnetar_" + std::move(name);
    family.help = std::move(help);
    family.type = type;
    return family;
  }
  std::string text() const { return prometheus::TextSerializer().Serialize(families_); }

 private:
  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace magnetar::http
