#pragma once

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/dispatch/duration_histogram.h"

namespace magnetar::http {

/// Metrics on their way to Prometheus' text format. Names start with "magnetar_", but for those of processes.
class Families {
 public:
  using Labels = std::vector<prometheus::ClientMetric::Label>;

  void counter(std::string name, std::string help, std::uint64_t value) {
    auto& metric = add(prometheus::MetricType::Counter, std::move(name), std::move(help)).metric.emplace_back();
    metric.counter.value = static_cast<double>(value);
  }
  void gauge(std::string name, std::string help, double value) {
    auto& metric = add(prometheus::MetricType::Gauge, std::move(name), std::move(help)).metric.emplace_back();
    metric.gauge.value = value;
  }
  void histogram(std::string name, std::string help, const dispatch::DurationHistogram& durations) {
    auto& histogram =
        add(prometheus::MetricType::Histogram, std::move(name), std::move(help)).metric.emplace_back().histogram;
    histogram.sample_sum = durations.sum;
    for (std::size_t i = 0; i < durations.counts.size(); ++i) {
      histogram.sample_count += durations.counts[i];
      const bool bounded = i < dispatch::DurationHistogram::kBounds.size();
      histogram.bucket.push_back({histogram.sample_count, bounded ? dispatch::DurationHistogram::kBounds[i]
                                                                  : std::numeric_limits<double>::infinity()});
    }
  }
  /// One metric for each state.
  void states(std::string name, std::string help,
              const std::vector<std::pair<std::string_view, std::uint64_t>>& counts) {
    auto& family = add(prometheus::MetricType::Gauge, std::move(name), std::move(help));
    for (const auto& [state, count] : counts) {
      auto& metric = family.metric.emplace_back();
      metric.label.push_back({"state", std::string(state)});
      metric.gauge.value = static_cast<double>(count);
    }
  }
  /// Names that other programs use too have no prefix.
  prometheus::MetricFamily& add(prometheus::MetricType type, std::string name, std::string help,
                                std::string_view prefix = "magnetar_") {
    auto& family = families_.emplace_back();
    family.name = std::move(name.insert(0, prefix));
    family.help = std::move(help);
    family.type = type;
    return family;
  }
  std::string text() const { return prometheus::TextSerializer().Serialize(families_); }

 private:
  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace magnetar::http
