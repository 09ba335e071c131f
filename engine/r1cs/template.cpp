#include "engine/r1cs/template.h"

#include <cassert>
#include <utility>

namespace magnetar::r1cs {

Linear Linear::times(Symbol symbol) const {
  Linear result;
  for (const auto& [variable, coefficient] : terms_) result.terms_.emplace(variable, coefficient.times(symbol));
  return result;
}

Linear& Linear::operator+=(const Linear& other) {
  for (const auto& [variable, coefficient] : other.terms_) {
    const auto [term, fresh] = terms_.try_emplace(variable, coefficient);
    if (fresh) continue;
    term->second += coefficient;
    if (term->second.is_zero()) terms_.erase(term);
  }
  return *this;
}

Linear operator*(std::int64_t factor, const Linear& a) {
  Linear result;
  if (factor == 0) return result;
  for (const auto& [variable, coefficient] : a.terms()) result.terms_.emplace(variable, coefficient.scaled(factor));
  return result;
}

const std::string& Template::variable_name(VariableIndex index) const {
  static const std::string kOne = "1";
  if (index == 0) return kOne;
  if (index <= stage1.size()) return stage1[index - 1].name;
  return stage2[index - 1 - stage1.size()].name;
}

TemplateBuilder::Scope::Scope(TemplateBuilder& builder, std::string_view name)
    : builder_(builder), length_(builder.prefix_.size()) {
  builder_.prefix_.append(name).append("/");
}

TemplateBuilder::Scope::~Scope() {
  builder_.prefix_.resize(length_);
}

Linear TemplateBuilder::add_variable(std::string_view name, Width width) {
  template_.stage1.push_back({prefix_ + std::string(name), width});
  return {Coefficient(1), template_.stage1_index(template_.stage1.size() - 1)};
}

Linear TemplateBuilder::product(std::string_view name, Width width, const Linear& a, const Linear& b) {
  Linear result = add_variable(name, width);
  constrain(name, a, b, result);
  return result;
}

Linear TemplateBuilder::inverse(std::string_view name, const Linear&) {
  return add_variable(name, Width::kField);
}

void TemplateBuilder::constrain(std::string_view name, const Linear& a, const Linear& b, const Linear& c) {
  template_.constraints.push_back({prefix_ + std::string(name), entries(a), entries(b), entries(c)});
}

void TemplateBuilder::quotient(std::string_view name, const Linear& numerator, const Linear& denominator) {
  quotients_.push_back({prefix_ + std::string(name), numerator, denominator});
}

std::vector<Entry> TemplateBuilder::entries(const Linear& combination) {
  std::vector<Entry> entries;
  entries.reserve(combination.terms().size());
  for (const auto& [variable, coefficient] : combination.terms())
    entries.push_back({variable, palette_.intern(coefficient)});
  return entries;
}

Template TemplateBuilder::build() && {
  for (const Quotient& quotient : std::exchange(quotients_, {})) {
    template_.solving.push_back(template_.constraints.size());
    template_.stage2.push_back({quotient.name, Width::kField});
    const Linear h(Coefficient(1), template_.stage2_index(template_.stage2.size() - 1));
    template_.constraints.push_back(
        {quotient.name, entries(h), entries(quotient.denominator), entries(quotient.numerator)});
  }
  return std::move(template_);
}

}  // namespace magnetar::r1cs
