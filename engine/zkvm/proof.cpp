#include "engine/zkvm/proof.h"

#include <fmt/format.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <optional>
#include <string_view>

#include "proof.pb.h"

namespace magnetar::zkvm {
namespace {

using algebra::AffinePoint;
using algebra::Bn254;
using algebra::Fq;
using algebra::Fr;
using algebra::Grumpkin;
using Kind = ContainerError::Kind;

constexpr std::size_t kElementBytes = 32;
constexpr std::size_t kPointBytes = 64;
// The secondary relation has fewer variables and constraints.
constexpr std::size_t kMaxSecondary = std::size_t{1} << 13;

std::span<const std::uint8_t> view(std::string_view bytes) {
  return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

template <std::size_t kSize>
std::string bytes_of(const std::array<std::uint8_t, kSize>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// --- Encoding

template <class F>
std::string encode_elements(std::span<const F> elements) {
  std::string bytes(elements.size() * kElementBytes, '\0');
  tbb::parallel_for(tbb::blocked_range<std::size_t>(0, elements.size(), 4096), [&](const auto& range) {
    for (std::size_t i = range.begin(); i != range.end(); ++i) {
      const auto element = elements[i].to_bytes();
      std::copy(element.begin(), element.end(), bytes.begin() + static_cast<std::ptrdiff_t>(i * kElementBytes));
    }
  });
  return bytes;
}

template <class C>
std::string encode_points(std::span<const AffinePoint<C>> points) {
  std::string bytes;
  bytes.reserve(points.size() * kPointBytes);
  for (const auto& point : points) bytes += bytes_of(point.to_uncompressed());
  return bytes;
}

template <class C>
void encode_running(const fold::RunningInstance<C>& instance,
                    const device::RelaxedAssignment<typename C::ScalarField>& assignment, proof::Running& to) {
  using F = typename C::ScalarField;
  if constexpr (fold::kStaged<C>) to.set_c1(bytes_of(instance.c1.to_uncompressed()));
  to.set_c2(bytes_of(instance.c2.to_uncompressed()));
  to.set_e(bytes_of(instance.e.to_uncompressed()));
  to.set_u(bytes_of(instance.u.to_bytes()));
  to.set_x(encode_elements<F>(instance.x));
  to.set_stage1(encode_elements<F>(assignment.stage1));
  to.set_stage2(encode_elements<F>(assignment.stage2));
  to.set_error(encode_elements<F>(assignment.error));
}

void encode_ivc(const ivc::Proof& ivc, proof::Ivc& to) {
  to.set_chain(bytes_of(ivc.chain.to_bytes()));
  encode_running(ivc.primary, ivc.primary_assignment, *to.mutable_primary());
  encode_running(ivc.secondary, ivc.secondary_assignment, *to.mutable_secondary());
  to.mutable_fresh()->set_c2(bytes_of(ivc.fresh.c2.to_uncompressed()));
  to.mutable_fresh()->set_x(encode_elements<Fq>(ivc.fresh.x));
  to.mutable_fresh()->set_stage2(encode_elements<Fq>(ivc.fresh_stage2));
}

void encode_statement(const Statement& s, proof::Statement& to) {
  to.set_log_size(s.layout.log_size);
  for (const std::uint32_t quota : s.layout.quotas) to.add_quotas(quota);
  to.set_program_id(bytes_of(s.program_id));
  to.set_input_digest(bytes_of(s.input_digest));
  to.set_input_bytes(s.input_bytes);
  to.set_first_step(s.first_step);
  to.set_steps(s.steps);
  to.set_cycles(s.cycles);
  to.set_start_pc(s.start_pc);
  to.set_end_pc(s.end_pc);
  to.set_input_start(s.input_start);
  to.set_input_end(s.input_end);
  to.set_output_start(s.output_start);
  to.set_output_end(s.output_end);
  to.set_halted(s.halted);
  to.set_exit_code(s.exit_code);
  to.set_output(s.output.data(), s.output.size());
}

proof::Bundle message_of(const Bundle& bundle) {
  proof::Bundle message;
  message.set_version(kProtocolVersion);
  for (const SegmentProof& segment : bundle.segments) {
    proof::Segment& to = *message.add_segments();
    encode_statement(segment.statement, *to.mutable_statement());
    to.set_lists(segment.lists.data(), segment.lists.size());
    to.set_fold_steps(segment.fold_steps);
    to.set_sum(bytes_of(segment.sum.to_bytes()));
    encode_ivc(segment.ivc, *to.mutable_ivc());
  }
  return message;
}

std::vector<std::uint8_t> serialize(const google::protobuf::MessageLite& message) {
  std::vector<std::uint8_t> bytes(message.ByteSizeLong());
  assert(bytes.size() <= kMaxBundleBytes);
  message.SerializeWithCachedSizesToArray(bytes.data());
  return bytes;
}

// --- Decoding

// Reads a message's fields; after the first that is wrong, `error` is set and the rest means nothing.
class Decoder {
 public:
  explicit Decoder(std::string context) : context_(std::move(context)) {}

  std::optional<ContainerError> error;

  void fail(Kind kind, std::string_view field, std::string_view why) {
    if (!error) error = ContainerError{kind, fmt::format("{}{}: {}", context_, field, why)};
  }

  template <class F>
  F element(std::string_view field, const std::string& bytes) {
    const auto decoded = F::from_bytes(view(bytes));
    if (!decoded) {
      fail(decoded.error() == algebra::DecodeError::kWrongLength ? Kind::kLength : Kind::kFieldElement, field,
           algebra::describe(decoded.error()));
      return {};
    }
    return *decoded;
  }

  /// At most `most` elements; the length is checked before anything is allocated.
  template <class F>
  std::vector<F> elements(std::string_view field, const std::string& bytes, std::size_t most) {
    if (bytes.size() % kElementBytes != 0 || bytes.size() / kElementBytes > most) {
      fail(Kind::kLength, field, fmt::format("{} bytes are not at most {} elements", bytes.size(), most));
      return {};
    }
    std::vector<F> elements(bytes.size() / kElementBytes);
    std::atomic<bool> good = true;
    tbb::parallel_for(tbb::blocked_range<std::size_t>(0, elements.size(), 4096), [&](const auto& range) {
      for (std::size_t i = range.begin(); i != range.end(); ++i) {
        const auto decoded = F::from_bytes(view(bytes).subspan(i * kElementBytes, kElementBytes));
        if (decoded) {
          elements[i] = *decoded;
        } else {
          good = false;
        }
      }
    });
    if (!good) fail(Kind::kFieldElement, field, algebra::describe(algebra::DecodeError::kNotCanonical));
    return elements;
  }

  template <class F, std::size_t kSize>
  std::array<F, kSize> element_array(std::string_view field, const std::string& bytes) {
    std::array<F, kSize> result;
    const auto decoded = elements<F>(field, bytes, kSize);
    if (decoded.size() != kSize) {
      fail(Kind::kLength, field, fmt::format("not {} elements", kSize));
      return result;
    }
    std::copy(decoded.begin(), decoded.end(), result.begin());
    return result;
  }

  template <class C>
  AffinePoint<C> point(std::string_view field, std::span<const std::uint8_t> bytes) {
    const auto decoded = AffinePoint<C>::from_uncompressed(bytes);
    if (!decoded) {
      fail(decoded.error() == algebra::DecodeError::kWrongLength ? Kind::kLength : Kind::kPoint, field,
           algebra::describe(decoded.error()));
      return {};
    }
    return *decoded;
  }
  template <class C>
  AffinePoint<C> point(std::string_view field, const std::string& bytes) {
    return point<C>(field, view(bytes));
  }

  hash::Sha256::Digest digest(std::string_view field, const std::string& bytes) {
    hash::Sha256::Digest digest{};
    if (bytes.size() != digest.size()) {
      fail(Kind::kLength, field, fmt::format("{} bytes instead of {}", bytes.size(), digest.size()));
    } else {
      std::copy(bytes.begin(), bytes.end(), digest.begin());
    }
    return digest;
  }

  template <class C>
  void running(std::string_view side, const proof::Running& from, std::size_t most, fold::RunningInstance<C>& instance,
               device::RelaxedAssignment<typename C::ScalarField>& assignment) {
    using F = typename C::ScalarField;
    const auto field = [&](std::string_view name) { return fmt::format("{}.{}", side, name); };
    if constexpr (fold::kStaged<C>) {
      instance.c1 = point<C>(field("c1"), from.c1());
    } else if (!from.c1().empty()) {
      fail(Kind::kLength, field("c1"), "must be empty");
    }
    instance.c2 = point<C>(field("c2"), from.c2());
    instance.e = point<C>(field("e"), from.e());
    instance.u = element<F>(field("u"), from.u());
    instance.x = element_array<F, 2>(field("x"), from.x());
    assignment.u = instance.u;
    assignment.publics = instance.x;
    assignment.stage1 = elements<F>(field("stage1"), from.stage1(), fold::kStaged<C> ? most : 0);
    assignment.stage2 = elements<F>(field("stage2"), from.stage2(), most);
    assignment.error = elements<F>(field("error"), from.error(), most);
  }

  ivc::Proof ivc(const proof::Ivc& from, std::size_t most) {
    ivc::Proof result;
    result.chain = element<Fq>("chain", from.chain());
    running<Bn254>("primary", from.primary(), most, result.primary, result.primary_assignment);
    running<Grumpkin>("secondary", from.secondary(), kMaxSecondary, result.secondary, result.secondary_assignment);
    result.fresh.c2 = point<Grumpkin>("fresh.c2", from.fresh().c2());
    result.fresh.x = element_array<Fq, 2>("fresh.x", from.fresh().x());
    result.fresh_stage2 = elements<Fq>("fresh.stage2", from.fresh().stage2(), kMaxSecondary);
    return result;
  }

  Statement statement(const proof::Statement& from) {
    Statement s;
    s.layout.log_size = from.log_size();
    if (s.layout.log_size < kMinLogSize || s.layout.log_size > kMaxLogSize) {
      fail(Kind::kRange, "statement.log_size",
           fmt::format("{} is not in {}..{}", s.layout.log_size, kMinLogSize, kMaxLogSize));
    }
    if (static_cast<std::size_t>(from.quotas_size()) != s.layout.quotas.size()) {
      fail(Kind::kLength, "statement.quotas", fmt::format("not {} numbers", s.layout.quotas.size()));
    } else {
      std::copy(from.quotas().begin(), from.quotas().end(), s.layout.quotas.begin());
    }
    s.program_id = digest("statement.program_id", from.program_id());
    s.input_digest = digest("statement.input_digest", from.input_digest());
    s.input_bytes = from.input_bytes();
    s.first_step = from.first_step();
    s.steps = from.steps();
    s.cycles = from.cycles();
    s.start_pc = from.start_pc();
    s.end_pc = from.end_pc();
    s.input_start = from.input_start();
    s.input_end = from.input_end();
    s.output_start = from.output_start();
    s.output_end = from.output_end();
    s.halted = from.halted();
    s.exit_code = from.exit_code();
    const auto* output = reinterpret_cast<const std::byte*>(from.output().data());
    s.output.assign(output, output + from.output().size());
    return s;
  }

 private:
  std::string context_;
};

// Parses a message of which `bytes` are the one canonical encoding.
template <class Message>
std::optional<ContainerError> parse(std::span<const std::uint8_t> bytes, Message& message) {
  if (bytes.size() > kMaxBundleBytes) {
    return ContainerError{Kind::kLength,
                          fmt::format("{} bytes, more than a proof has ({})", bytes.size(), kMaxBundleBytes)};
  }
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return ContainerError{Kind::kNotAProof, "the bytes are no message of this kind"};
  }
  if (message.version() != kProtocolVersion) {
    return ContainerError{
        Kind::kVersion, fmt::format("version {}; this program knows version {}", message.version(), kProtocolVersion)};
  }
  message.DiscardUnknownFields();
  const std::vector<std::uint8_t> again = serialize(message);
  if (!std::equal(again.begin(), again.end(), bytes.begin(), bytes.end())) {
    return ContainerError{Kind::kNotAProof, "the bytes are not the canonical encoding of their message"};
  }
  return std::nullopt;
}

}  // namespace

std::string_view name(ContainerError::Kind kind) {
  switch (kind) {
    case Kind::kNotAProof:
      return "not-a-proof";
    case Kind::kVersion:
      return "unknown-version";
    case Kind::kNoSegments:
      return "no-segments";
    case Kind::kFieldElement:
      return "not-a-field-element";
    case Kind::kPoint:
      return "not-a-point";
    case Kind::kLength:
      return "wrong-length";
    case Kind::kRange:
      return "out-of-range";
    case Kind::kDamaged:
      break;
  }
  return "damaged";
}

std::uint64_t encoded_size(const Bundle& bundle) {
  return message_of(bundle).ByteSizeLong();
}

std::vector<std::uint8_t> encode(const Bundle& bundle) {
  assert(!bundle.segments.empty() && bundle.segments.size() <= kMaxSegments);
  return serialize(message_of(bundle));
}

tl::expected<Bundle, ContainerError> decode_bundle(std::span<const std::uint8_t> bytes) {
  proof::Bundle message;
  if (auto error = parse(bytes, message)) return tl::unexpected(*std::move(error));
  const auto count = static_cast<std::size_t>(message.segments_size());
  if (count < 1 || count > kMaxSegments) {
    return tl::unexpected(
        ContainerError{Kind::kNoSegments, fmt::format("{} segments instead of 1 to {}", count, kMaxSegments)});
  }
  Bundle bundle;
  for (std::size_t i = 0; i < count; ++i) {
    const proof::Segment& from = message.segments(static_cast<int>(i));
    Decoder decoder(fmt::format("segment {}: ", i));
    SegmentProof segment;
    segment.statement = decoder.statement(from.statement());
    segment.lists.assign(from.lists().begin(), from.lists().end());
    segment.fold_steps = from.fold_steps();
    segment.sum = decoder.element<Fr>("sum", from.sum());
    if (!decoder.error) {
      segment.ivc = decoder.ivc(from.ivc(), std::size_t{1} << segment.statement.layout.log_size);
    }
    if (decoder.error) return tl::unexpected(*std::move(decoder.error));
    bundle.segments.push_back(std::move(segment));
  }
  return bundle;
}

std::vector<std::uint8_t> encode(const ProvingState& state) {
  proof::ProvingState message;
  message.set_version(kProtocolVersion);
  message.set_identity(bytes_of(state.identity));
  message.set_commitments(encode_points<Bn254>(state.commitments));
  message.set_next(state.prover.next);
  if (state.prover.next != 0) {
    message.set_state(encode_elements<Fr>(state.prover.z));
    encode_ivc(state.prover.proof, *message.mutable_ivc());
  }
  std::vector<std::uint8_t> bytes = serialize(message);
  const auto digest = hash::Sha256::digest(bytes);
  bytes.insert(bytes.end(), digest.begin(), digest.end());
  return bytes;
}

tl::expected<ProvingState, ContainerError> decode_proving_state(std::span<const std::uint8_t> bytes) {
  constexpr std::size_t kDigest = hash::Sha256::kDigestBytes;
  if (bytes.size() < kDigest) return tl::unexpected(ContainerError{Kind::kDamaged, "shorter than its digest"});
  const auto content = bytes.first(bytes.size() - kDigest);
  const auto digest = hash::Sha256::digest(content);
  if (!std::equal(digest.begin(), digest.end(), bytes.end() - kDigest)) {
    return tl::unexpected(ContainerError{Kind::kDamaged, "the content does not match its digest"});
  }
  proof::ProvingState message;
  if (auto error = parse(content, message)) return tl::unexpected(*std::move(error));

  Decoder decoder("");
  ProvingState state;
  state.identity = decoder.digest("identity", message.identity());
  const auto points = view(message.commitments());
  if (points.size() % kPointBytes != 0 || points.size() / kPointBytes > ivc::kMaxSteps) {
    decoder.fail(Kind::kLength, "commitments", "not a number of points that there can be");
  } else {
    for (std::size_t at = 0; at < points.size() && !decoder.error; at += kPointBytes) {
      state.commitments.push_back(decoder.point<Bn254>("commitments", points.subspan(at, kPointBytes)));
    }
  }
  state.prover.next = message.next();
  if (state.prover.next > state.commitments.size()) {
    decoder.fail(Kind::kRange, "next", "more steps proved than committed to");
  } else if (state.prover.next == 0) {
    if (!message.state().empty() || message.has_ivc()) decoder.fail(Kind::kLength, "state", "must be empty");
  } else {
    state.prover.z = {decoder.element<Fr>("state", message.state())};
    state.prover.proof = decoder.ivc(message.ivc(), std::size_t{1} << kMaxLogSize);
  }
  if (decoder.error) return tl::unexpected(*std::move(decoder.error));
  return state;
}

}  // namespace magnetar::zkvm
