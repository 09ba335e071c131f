#include "text_engine.h"

#include <fmt/format.h>

#include <optional>
#include <sstream>
#include <vector>

namespace magnetar::dispatch {
namespace {

struct Sentence {
  std::string program, input;
  store::SegmentRange range;
  std::string verdict;
};

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::optional<Sentence> parse(const std::string& line) {
  std::istringstream in(line);
  std::string word;
  Sentence sentence;
  in >> word >> sentence.program >> sentence.input >> sentence.range.first_step >> sentence.range.steps >>
      sentence.verdict;
  if (!in || word != "proof" || sentence.program.size() != 64 || sentence.input.size() != 64) return std::nullopt;
  return sentence;
}

Digest parse_digest(const std::string& hex) {
  Digest digest{};
  for (std::size_t i = 0; i < digest.size(); ++i) {
    digest[i] = static_cast<std::uint8_t>(std::stoul(hex.substr(2 * i, 2), nullptr, 16));
  }
  return digest;
}

}  // namespace

Bytes bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

Bytes TextEngine::program(std::uint64_t steps, std::string_view name) {
  return bytes_of(fmt::format("steps {} {}", steps, name));
}

Bytes TextEngine::prove(const Digest& program, const Digest& input, const store::SegmentRange& range, bool valid) {
  return bytes_of(fmt::format("proof {} {} {} {} {}\n", store::to_hex(program), store::to_hex(input), range.first_step,
                              range.steps, valid ? "valid" : "false"));
}

Expected<std::uint64_t> TextEngine::execute(const Material& material, const std::function<bool()>& /*cancelled*/) {
  ++executions;
  std::istringstream in(text_of(*material.elf));
  std::string word;
  std::uint64_t steps = 0;
  in >> word;
  if (word == "fault") {
    return tl::unexpected(Status{Code::kFailedPrecondition, "the program faults at pc 0x10: illegal instruction"});
  }
  in >> steps;
  if (!in || word != "steps") return tl::unexpected(Status{Code::kInvalidArgument, "not an RV32I executable"});
  return steps;
}

tl::expected<ProofClaim, std::string> TextEngine::identify(std::span<const std::byte> proof) {
  const auto sentence = parse(text_of(proof));
  if (!sentence) return tl::unexpected(std::string("not a sentence"));
  return ProofClaim{parse_digest(sentence->program), parse_digest(sentence->input), sentence->range};
}

tl::expected<void, ProofEngine::Refusal> TextEngine::verify(const Material& material, const store::SegmentRange& range,
                                                            std::span<const std::byte> proof) {
  ++verifications;
  if (failures_to_verify > 0) {
    --failures_to_verify;
    return tl::unexpected(Refusal{false, "out of memory"});
  }
  const auto sentence = parse(text_of(proof));
  if (!sentence || sentence->range != range || parse_digest(sentence->program) != material.program ||
      parse_digest(sentence->input) != material.input_digest || store::digest_of(*material.elf) != material.program) {
    return tl::unexpected(Refusal{true, "wrong-range"});
  }
  if (sentence->verdict != "valid") return tl::unexpected(Refusal{true, "bus"});
  return {};
}

tl::expected<Bytes, std::string> TextEngine::assemble(std::span<const Bytes> proofs) {
  Bytes bundle;
  for (const Bytes& proof : proofs) bundle.insert(bundle.end(), proof.begin(), proof.end());
  return bundle;
}

bool TextEngine::is_proof_of(const Bytes& bundle, const Bytes& program, const Bytes& input,
                             const store::SegmentRange& range) {
  std::istringstream lines(text_of(bundle));
  std::string line;
  std::uint64_t next = range.first_step;
  while (std::getline(lines, line)) {
    const auto sentence = parse(line);
    if (!sentence || sentence->verdict != "valid" || sentence->range.first_step != next ||
        parse_digest(sentence->program) != store::digest_of(program) ||
        parse_digest(sentence->input) != store::digest_of(input)) {
      return false;
    }
    next += sentence->range.steps;
  }
  return next == range.first_step + range.steps;
}

}  // namespace magnetar::dispatch
