// An honest proof with changes that the input describes: never accepted, unless nothing has changed. The proof is made
// when the program starts, so that no corpus has to hold its megabytes; its program is one instruction. What bytes can
// do to a container, the `proof` fuzzer tries.
//
// The input is a list of changes of 4 bytes: of which part, a place in it (2 bytes), and by what.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <vector>

#include "assembler.h"
#include "engine/zkvm/prover.h"
#include "engine/zkvm/verifier.h"

namespace {

using namespace magnetar;
using algebra::Fq;
using algebra::Fr;

constexpr std::size_t kChangeBytes = 4;
constexpr std::size_t kMaxChanges = 16;

void require(bool condition) {
  if (!condition) std::abort();
}

struct Honest {
  zkvm::ParameterStore store{std::filesystem::temp_directory_path() / "magnetar-fuzz-parameters"};
  zkvm::Subject subject;
  zkvm::Bundle bundle;

  Honest() : subject(load()) {
    const auto plan = zkvm::plan_segment(subject, {}, {zkvm::kMinLogSize, std::nullopt});
    require(plan.has_value());
    const auto parameters = store.parameters(plan->statement.layout);
    auto proved = zkvm::prove(*parameters, *plan, zkvm::cpu_devices(*parameters));
    require(proved.has_value());
    bundle.segments.push_back(std::move(proved->proof));
    require(zkvm::verify(subject, bundle, store).has_value());
  }
  static zkvm::Subject load() {
    using namespace vm::testing;
    return *zkvm::Subject::load(make_elf(0, {{0, bytes_of({addi(a0, zero, 5), kUnimp}), 8, 5}}), make_input("in"));
  }
};

/// A change at `place` by `by`, which is not 0.
using Change = std::function<void(zkvm::SegmentProof& p, std::size_t place, std::uint8_t by)>;

/// Adds `by` to any of a number's bytes.
template <class Number>
void add(Number& number, std::size_t place, std::uint8_t by) {
  number += static_cast<Number>(Number{by} << 8 * (place % sizeof(Number)));
}

template <class C>
void add(algebra::AffinePoint<C>& point, std::uint8_t by) {
  algebra::Point<C> sum(point);
  for (unsigned i = 0; i < by % 4U + 1U; ++i) sum = sum + algebra::AffinePoint<C>::generator();
  point = sum.to_affine();
}

template <class F>
void add(std::vector<F>& vector, std::size_t place, std::uint8_t by) {
  if (by == 255) {
    vector.emplace_back();
  } else if (by == 254 && !vector.empty()) {
    vector.pop_back();
  } else if (!vector.empty()) {
    vector[place % vector.size()] += F::from_u64(by);
  }
}

void change_bytes(std::vector<std::uint8_t>& bytes, std::size_t place, std::uint8_t by) {
  if (by == 255) {
    bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(place % (bytes.size() + 1)), 0);
  } else if (by == 254 && !bytes.empty()) {
    bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(place % bytes.size()));
  } else if (!bytes.empty()) {
    bytes[place % bytes.size()] = static_cast<std::uint8_t>(bytes[place % bytes.size()] ^ by);
  }
}

/// The cheap parts first: half of all changes are of statement and lists.
const std::vector<Change>& changes() {
  using P = zkvm::SegmentProof&;
  using Place = std::size_t;
  using By = std::uint8_t;
  static const std::vector<Change> all{
      [](P p, Place at, By by) { change_bytes(p.lists, at, by); },
      [](P p, Place at, By by) { change_bytes(p.lists, at, by); },
      [](P p, Place at, By by) { change_bytes(p.lists, at, by); },
      [](P p, Place at, By by) { p.statement.program_id[at % 32] ^= by; },
      [](P p, Place at, By by) { p.statement.input_digest[at % 32] ^= by; },
      [](P p, Place at, By by) { add(p.statement.input_bytes, at, by); },
      [](P p, Place at, By by) { add(p.statement.first_step, at, by); },
      [](P p, Place at, By by) { add(p.statement.steps, at, by); },
      [](P p, Place at, By by) { add(p.statement.cycles, at, by); },
      [](P p, Place at, By by) { add(p.statement.start_pc, at, by); },
      [](P p, Place at, By by) { add(p.statement.end_pc, at, by); },
      [](P p, Place at, By by) { add(p.statement.input_start, at, by); },
      [](P p, Place at, By by) { add(p.statement.input_end, at, by); },
      [](P p, Place at, By by) { add(p.statement.output_start, at, by); },
      [](P p, Place at, By by) { add(p.statement.output_end, at, by); },
      [](P p, Place, By) { p.statement.halted = !p.statement.halted; },
      [](P p, Place at, By by) { add(p.statement.exit_code, at, by); },
      [](P p, Place, By by) { p.statement.output.push_back(static_cast<std::byte>(by)); },
      [](P p, Place at, By by) { add(p.fold_steps, at, by); },
      [](P p, Place, By by) { p.sum += Fr::from_u64(by); },
      [](P p, Place, By by) { p.ivc.chain += Fq::from_u64(by); },
      [](P p, Place, By by) { add(p.ivc.primary.c1, by); },
      [](P p, Place, By by) { add(p.ivc.primary.c2, by); },
      [](P p, Place, By by) { add(p.ivc.primary.e, by); },
      [](P p, Place, By by) { p.ivc.primary.u += Fr::from_u64(by); },
      [](P p, Place at, By by) { p.ivc.primary.x[at % 2] += Fr::from_u64(by); },
      [](P p, Place, By by) { add(p.ivc.secondary.c2, by); },
      [](P p, Place, By by) { add(p.ivc.secondary.e, by); },
      [](P p, Place, By by) { p.ivc.secondary.u += Fq::from_u64(by); },
      [](P p, Place at, By by) { p.ivc.secondary.x[at % 2] += Fq::from_u64(by); },
      [](P p, Place, By by) { add(p.ivc.fresh.c2, by); },
      [](P p, Place at, By by) { p.ivc.fresh.x[at % 2] += Fq::from_u64(by); },
      [](P p, Place at, By by) { add(p.ivc.fresh_stage2, at, by); },
      [](P p, Place at, By by) { add(p.ivc.primary_assignment.stage1, at, by); },
      [](P p, Place at, By by) { add(p.ivc.primary_assignment.stage2, at, by); },
      [](P p, Place at, By by) { add(p.ivc.primary_assignment.error, at, by); },
      [](P p, Place at, By by) { add(p.ivc.secondary_assignment.stage2, at, by); },
      [](P p, Place at, By by) { add(p.ivc.secondary_assignment.error, at, by); },
  };
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Honest honest;
  zkvm::Bundle bundle = honest.bundle;
  for (std::size_t i = 0; i < std::min(size / kChangeBytes, kMaxChanges); ++i) {
    const std::uint8_t* change = data + i * kChangeBytes;
    if (change[3] == 0) continue;
    changes()[change[0] % changes().size()](bundle.segments[0], change[1] | std::size_t{change[2]} << 8, change[3]);
  }
  if (bundle == honest.bundle) return 0;  // accepted when the program started
  const auto claim = zkvm::verify(honest.subject, bundle, honest.store);
  require(!claim);
  require(!claim.error().message.empty() && claim.error().segment == 0);
  return 0;
}
