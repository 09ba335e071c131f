#pragma once

#include "engine/zkvm/units.h"

namespace magnetar::zkvm {

/// REFRESH: an address keeps its value and gets a later time, by 1 to 2^32 ticks. Not on the path: no frame but the
/// enable bit. Enable 1 / 0, MEM 2 / 2, gap 2 / 2.
inline constexpr Counts kRefreshCounts = {.constraints = 5, .stage1 = 6, .stage2 = 4};

template <class B>
void describe_refresh(B& b) {
  using Value = typename B::Value;
  using vm::Refresh;
  const Value enable = b.variable("enable", r1cs::Width::kBit, [](const Refresh&) { return 1; });
  b.two_valued("enable", enable);
  const Value address = b.variable("address", r1cs::Width::kSigned64, [](const Refresh& r) { return r.address.bus(); });
  const Value value = b.variable("value", r1cs::Width::k32, [](const Refresh& r) { return r.value; });
  const Value time = b.variable("time", r1cs::Width::k32, [](const Refresh& r) { return r.old_time; });
  const auto gap = [](const Refresh& r) { return r.new_time - r.old_time - 1; };
  const Value low = b.variable("gap low", r1cs::Width::k16, [=](const Refresh& r) { return gap(r) & 0xffff; });
  const Value high = b.variable("gap high", r1cs::Width::k16, [=](const Refresh& r) { return gap(r) >> 16; });
  add_term(b, "remove", -1 * enable, Tag::kMemory, {address, value, time});
  add_term(b, "add", enable, Tag::kMemory, {address, value, time + 1 + low + kTwo16 * high});
  range16(b, "gap low", enable, low);
  range16(b, "gap high", enable, high);
}

}  // namespace magnetar::zkvm
