// The bytes of proofs and of lists: one encoding of each, everything else refused.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "assembler.h"
#include "engine/zkvm/list_codec.h"
#include "proving.h"

namespace magnetar::zkvm {
namespace {

using namespace testing;
using namespace vm::testing;
using Bytes = std::vector<std::uint8_t>;
using Kind = ContainerError::Kind;

struct Honest {
  Subject subject = subject_of({addi(s2, zero, 2), kEcallWord, sw(a0, zero, 0x400), kUnimp}, "x");
  Plan plan = plan_of(subject);
  Bundle bundle{{prove_honestly(plan)}};
  Bytes bytes = encode(bundle);
  static const Honest& get() {
    static const Honest honest;
    return honest;
  }
};

// --- Just enough of protobuf's wire format to take messages apart.

void put_varint(Bytes& to, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) to.push_back(static_cast<std::uint8_t>(value | 0x80));
  to.push_back(static_cast<std::uint8_t>(value));
}

std::uint64_t read_varint(const Bytes& from, std::size_t& at) {
  std::uint64_t value = 0;
  for (unsigned shift = 0;; shift += 7) {
    value |= std::uint64_t{from.at(at) & 0x7fU} << shift;
    if ((from.at(at++) & 0x80U) == 0) return value;
  }
}

struct Field {
  std::uint64_t number;
  Bytes content;  ///< of length-delimited fields
  Bytes varint;   ///< of others, as encoded
  std::size_t start, content_start;
};

std::vector<Field> fields_of(const Bytes& message) {
  std::vector<Field> fields;
  for (std::size_t at = 0; at < message.size();) {
    Field field{0, {}, {}, at, 0};
    const std::uint64_t key = read_varint(message, at);
    field.number = key >> 3;
    const std::size_t value = at;
    const std::uint64_t number = read_varint(message, at);
    field.content_start = at;
    if ((key & 7) == 2) {
      const auto begin = message.begin() + static_cast<std::ptrdiff_t>(at);
      field.content.assign(begin, begin + static_cast<std::ptrdiff_t>(number));
      at += number;
    } else {
      field.varint.assign(message.begin() + static_cast<std::ptrdiff_t>(value),
                          message.begin() + static_cast<std::ptrdiff_t>(at));
      field.content_start = value;
    }
    fields.push_back(std::move(field));
  }
  return fields;
}

Bytes message_of(const std::vector<Field>& fields) {
  Bytes message;
  for (const Field& field : fields) {
    const bool is_varint = !field.varint.empty();
    put_varint(message, field.number << 3 | (is_varint ? 0U : 2U));
    if (!is_varint) put_varint(message, field.content.size());
    const Bytes& value = is_varint ? field.varint : field.content;
    message.insert(message.end(), value.begin(), value.end());
  }
  return message;
}

/// Changes the fields of the message at `path` within `message`.
Bytes change(const Bytes& message, std::span<const std::uint64_t> path,
             const std::function<void(std::vector<Field>&)>& apply) {
  std::vector<Field> fields = fields_of(message);
  if (path.empty()) {
    apply(fields);
  } else {
    const auto at = std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.number == path[0]; });
    if (at == fields.end()) throw std::out_of_range("no such field");
    at->content = change(at->content, path.subspan(1), apply);
  }
  return message_of(fields);
}

Field& find(std::vector<Field>& fields, std::uint64_t number) {
  return *std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.number == number; });
}

// Paths of proto/proof.proto.
const std::vector<std::vector<std::uint64_t>> kMessages = {{}, {2}, {2, 1}, {2, 5}, {2, 5, 2}, {2, 5, 3}, {2, 5, 4}};

TEST(Container, IsTakenApartAndPutTogetherAgain) {
  const Bytes& bytes = Honest::get().bytes;
  for (const auto& path : kMessages) EXPECT_EQ(change(bytes, path, [](auto& f) { EXPECT_GE(f.size(), 2U); }), bytes);
}

TEST(Container, EveryTruncationIsRefused) {
  const Bytes& bytes = Honest::get().bytes;
  std::vector<std::size_t> ends;
  const std::function<void(const Bytes&, std::size_t, std::span<const std::uint64_t>)> collect =
      [&](const Bytes& message, std::size_t offset, std::span<const std::uint64_t> path) {
        for (const Field& field : fields_of(message)) {
          for (const std::size_t at : {field.start, field.start + 1, field.content_start, field.content_start + 1}) {
            ends.push_back(offset + at);
          }
          if (!path.empty() && field.number == path[0]) {
            collect(field.content, offset + field.content_start, path.subspan(1));
          }
        }
      };
  for (const auto& path : kMessages) collect(bytes, 0, path);
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  EXPECT_GT(ends.size(), 100U);
  for (const std::size_t end : ends) {
    if (end >= bytes.size()) continue;
    EXPECT_FALSE(decode_bundle(std::span(bytes).first(end))) << end;
  }
  EXPECT_FALSE(decode_bundle(std::span(bytes).first(bytes.size() - 1)));
  Bytes longer = bytes;
  longer.push_back(0);
  EXPECT_FALSE(decode_bundle(longer));
}

TEST(Container, OtherEncodingsOfTheSameMessageAreRefused) {
  const Bytes& bytes = Honest::get().bytes;
  const auto expect_refused = [&](const char* what, const Bytes& changed) {
    ASSERT_NE(changed, bytes) << what;
    const auto bundle = decode_bundle(changed);
    ASSERT_FALSE(bundle) << what;
    EXPECT_EQ(bundle.error().kind, Kind::kNotAProof) << what;
  };
  for (const auto& path : kMessages) {
    SCOPED_TRACE(::testing::PrintToString(path));
    expect_refused("an unknown field", change(bytes, path, [](auto& f) { f.push_back({99, {}, {1}, 0, 0}); }));
    expect_refused("an unknown field of bytes", change(bytes, path, [](auto& f) { f.push_back({99, {1}, {}, 0, 0}); }));
    expect_refused("another order", change(bytes, path, [](auto& f) { std::swap(f.front(), f.back()); }));
    if (!path.empty()) {
      expect_refused("a field twice", change(bytes, path, [](auto& f) { f.push_back(f.front()); }));
    }
  }
  const std::vector<std::uint64_t> statement{2, 1};
  expect_refused("a varint that is too long", change(bytes, statement, [](auto& f) {
                   find(f, 1).varint = {0x90, 0x00};
                 }));
  expect_refused("a default value", change(bytes, statement, [](auto& f) {
                   const auto at = std::find_if(f.begin(), f.end(), [](const Field& x) { return x.number > 6; });
                   f.insert(at, Field{6, {}, {0}, 0, 0});
                 }));
  expect_refused("true as 2", change(bytes, statement, [](auto& f) { find(f, 15).varint = {2}; }));
  expect_refused("a number with more bits than its type", change(bytes, statement, [](auto& f) {
                   find(f, 1).varint = {0x90, 0x80, 0x80, 0x80, 0x10};
                 }));
  expect_refused("quotas that are not packed", change(bytes, statement, [](auto& f) {
                   const auto at = std::find_if(f.begin(), f.end(), [](const Field& x) { return x.number == 2; });
                   std::vector<Field> loose;
                   for (std::size_t i = 0; i < at->content.size();) {
                     Bytes one;
                     put_varint(one, read_varint(at->content, i));
                     loose.push_back({2, {}, one, 0, 0});
                   }
                   const auto behind = f.erase(at);
                   f.insert(behind, loose.begin(), loose.end());
                 }));
  expect_refused("an empty field", change(bytes, std::vector<std::uint64_t>{2, 5, 3}, [](auto& f) {
                   f.insert(f.begin(), Field{1, {}, {}, 0, 0});
                 }));
}

// Adds a field's modulus to the little-endian integer at `at`.
template <class F>
void add_modulus(Bytes& bytes, std::size_t at) {
  const auto modulus = F::kModulus.to_le_bytes();
  unsigned carry = 0;
  for (std::size_t i = 0; i < modulus.size(); ++i) {
    carry += static_cast<unsigned>(bytes[at + i]) + modulus[i];
    bytes[at + i] = static_cast<std::uint8_t>(carry);
    carry >>= 8;
  }
  EXPECT_EQ(carry, 0U);
}

TEST(Container, FieldsThatAreWrongInThemselvesAreNamed) {
  using algebra::Fq;
  using algebra::Fr;
  const Bytes& bytes = Honest::get().bytes;
  const auto expect_refused = [&](Kind kind, std::string_view field, std::vector<std::uint64_t> path,
                                  const std::function<void(Bytes&)>& apply) {
    const std::uint64_t number = path.back();
    path.pop_back();
    const auto bundle = decode_bundle(change(bytes, path, [&](auto& f) {
      const auto at = std::find_if(f.begin(), f.end(), [&](const Field& x) { return x.number >= number; });
      const bool missing = at == f.end() || at->number != number;
      Field& one = missing ? *f.insert(at, Field{number, {}, {}, 0, 0}) : *at;
      apply(one.varint.empty() ? one.content : one.varint);
      if (one.content.empty() && one.varint.empty())
        std::erase_if(f, [&](const Field& x) { return x.number == number; });
    }));
    ASSERT_FALSE(bundle) << field;
    EXPECT_EQ(bundle.error().kind, kind) << field << ": " << bundle.error().message;
    EXPECT_NE(bundle.error().message.find(field), std::string::npos) << bundle.error().message;
  };
  const auto shorter = [](Bytes& b) { b.pop_back(); };
  const auto element_longer = [](Bytes& b) { b.resize(b.size() + 32); };
  // Elements: not canonical, of another length.
  expect_refused(Kind::kFieldElement, "sum", {2, 4}, [](Bytes& b) { add_modulus<Fr>(b, 0); });
  expect_refused(Kind::kFieldElement, "chain", {2, 5, 1}, [](Bytes& b) { add_modulus<Fq>(b, 0); });
  expect_refused(Kind::kFieldElement, "primary.u", {2, 5, 2, 4}, [](Bytes& b) { add_modulus<Fr>(b, 0); });
  expect_refused(Kind::kFieldElement, "secondary.u", {2, 5, 3, 4}, [](Bytes& b) { add_modulus<Fq>(b, 0); });
  expect_refused(Kind::kFieldElement, "fresh.x", {2, 5, 4, 2}, [](Bytes& b) { add_modulus<Fq>(b, 32); });
  expect_refused(Kind::kFieldElement, "primary.stage1", {2, 5, 2, 6}, [](Bytes& b) { add_modulus<Fr>(b, 64); });
  expect_refused(Kind::kFieldElement, "primary.error", {2, 5, 2, 8},
                 [](Bytes& b) { add_modulus<Fr>(b, b.size() - 32); });
  for (const std::vector<std::uint64_t>& path : std::vector<std::vector<std::uint64_t>>{{2, 4}, {2, 5, 1}}) {
    expect_refused(Kind::kLength, "", path, shorter);
    expect_refused(Kind::kLength, "", path, element_longer);
    expect_refused(Kind::kLength, "", path, [](Bytes& b) { b.clear(); });
  }
  // Points.
  const auto off_curve = [](Bytes& b) { b[0] ^= 1; };
  expect_refused(Kind::kPoint, "primary.c1", {2, 5, 2, 1}, off_curve);
  expect_refused(Kind::kPoint, "primary.c2", {2, 5, 2, 2}, off_curve);
  expect_refused(Kind::kPoint, "secondary.c2", {2, 5, 3, 2}, [](Bytes& b) {
    // At infinity with one step of folding: any other point with x = 0 is none.
    b.assign(64, 0);
    b[32] = 1;
  });
  expect_refused(Kind::kPoint, "fresh.c2", {2, 5, 4, 1}, off_curve);
  expect_refused(Kind::kPoint, "primary.c1", {2, 5, 2, 1}, [](Bytes& b) { add_modulus<Fq>(b, 0); });
  expect_refused(Kind::kLength, "primary.e", {2, 5, 2, 3}, shorter);
  expect_refused(Kind::kLength, "secondary.c1", {2, 5, 3, 1}, [](Bytes& b) { b.assign(64, 0); });
  // Vectors.
  expect_refused(Kind::kLength, "primary.stage1", {2, 5, 2, 6}, shorter);
  expect_refused(Kind::kLength, "primary.stage2", {2, 5, 2, 7}, [](Bytes& b) { b.resize(32 * ((1U << 16) + 1U)); });
  expect_refused(Kind::kLength, "secondary.stage1", {2, 5, 3, 6}, [](Bytes& b) { b.assign(32, 0); });
  expect_refused(Kind::kLength, "secondary.error", {2, 5, 3, 8}, [](Bytes& b) { b.resize(32 * ((1U << 13) + 1U)); });
  expect_refused(Kind::kLength, "primary.x", {2, 5, 2, 5}, element_longer);
  expect_refused(Kind::kLength, "fresh.x", {2, 5, 4, 2}, [](Bytes& b) { b.resize(32); });
  // The statement.
  expect_refused(Kind::kLength, "statement.program_id", {2, 1, 3}, shorter);
  expect_refused(Kind::kLength, "statement.input_digest", {2, 1, 4}, shorter);
  expect_refused(Kind::kLength, "statement.quotas", {2, 1, 2}, [](Bytes& b) { b.push_back(1); });
  expect_refused(Kind::kRange, "statement.log_size", {2, 1, 1}, [](Bytes& b) { b = {15}; });
  expect_refused(Kind::kRange, "statement.log_size", {2, 1, 1}, [](Bytes& b) { b = {21}; });
}

TEST(Container, VersionsAndNumbersOfSegments) {
  const Bytes& bytes = Honest::get().bytes;
  const auto kind = [](const Bytes& changed) -> std::optional<Kind> {
    const auto bundle = decode_bundle(changed);
    if (bundle) return std::nullopt;
    return bundle.error().kind;
  };
  EXPECT_EQ(kind(change(bytes, {}, [](auto& f) { f[0].varint = {2}; })), Kind::kVersion);
  EXPECT_EQ(kind(change(bytes, {}, [](auto& f) { f.erase(f.begin()); })), Kind::kVersion);
  EXPECT_EQ(kind({}), Kind::kVersion);
  EXPECT_EQ(kind({8, 1}), Kind::kNoSegments);
  Bytes many{8, 1};
  for (std::size_t i = 0; i <= kMaxSegments; ++i) many.insert(many.end(), {0x12, 0});
  EXPECT_EQ(kind(many), Kind::kNoSegments);
  EXPECT_EQ(kind({0x12, 0x7f}), Kind::kNotAProof);
  EXPECT_EQ(kind(change(bytes, {}, [](auto& f) { f.push_back(f[1]); })), std::nullopt) << "a segment twice is a bundle";
}

TEST(Container, NoFlippedBitIsAccepted) {
  const Honest& honest = Honest::get();
  ASSERT_TRUE(verify(honest.subject, honest.bundle, store()));
  // Closely over statement and lists, and over the whole at equal distances.
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < 600; i += 9) places.push_back(i);
  for (std::size_t i = 0; i < 30; ++i) places.push_back(i * (honest.bytes.size() - 1) / 29);
  std::size_t verified = 0;
  for (const std::size_t at : places) {
    Bytes changed = honest.bytes;
    changed[at] ^= static_cast<std::uint8_t>(1U << (at * 7 % 8));
    const auto bundle = decode_bundle(changed);
    if (!bundle) continue;
    ASSERT_NE(*bundle, honest.bundle) << at;
    ASSERT_EQ(encode(*bundle), changed) << at;
    // Another layout's parameters take as long as a proof; that they are refused is tested elsewhere.
    if (bundle->segments[0].statement.layout != honest.plan.statement.layout) continue;
    const auto claim = verify(honest.subject, *bundle, store());
    ASSERT_FALSE(claim) << at;
    ++verified;
  }
  EXPECT_GT(verified, 20U);
}

TEST(Container, AProvingStateHoldsAProofOnlyIfStepsWereProved) {
  const auto with_digest = [](Bytes bytes) {
    const auto digest = hash::Sha256::digest(bytes);
    bytes.insert(bytes.end(), digest.begin(), digest.end());
    return bytes;
  };
  ProvingState state{};
  const Bytes bytes = encode(state);
  const Bytes content(bytes.begin(), bytes.end() - hash::Sha256::kDigestBytes);
  ASSERT_EQ(with_digest(content), bytes);
  ASSERT_TRUE(decode_proving_state(bytes));
  for (const std::uint64_t number : {5U, 6U}) {
    const auto refused = decode_proving_state(with_digest(change(content, {}, [&](auto& f) {
      f.push_back({number, {1}, {}, 0, 0});
    })));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, number == 5 ? Kind::kLength : Kind::kNotAProof);
  }
  const auto empty = decode_proving_state(with_digest(change(content, {}, [](auto& f) {
    f.push_back({6, {}, {}, 0, 0});
  })));
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().kind, Kind::kLength);
  const auto more = decode_proving_state(with_digest(change(content, {}, [](auto& f) {
    f.push_back({4, {}, {1}, 0, 0});
  })));
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().kind, Kind::kRange);
}

// --- Lists

TEST(ListCodec, RoundTrips) {
  const Honest& honest = Honest::get();
  const auto lists = decode_lists(honest.plan.lists, honest.subject, honest.plan.statement);
  ASSERT_TRUE(lists) << lists.error();
  EXPECT_EQ(encode_lists(*lists, false), honest.plan.lists);
  // A segment from the middle has first values too.
  const Subject loop = subject_of({addi(t0, t0, 1), sw(t0, zero, 0x400), jal(zero, -8)});
  const Plan middle = plan_of(loop, {1, 1});
  const auto with_first = decode_lists(middle.lists, loop, middle.statement);
  ASSERT_TRUE(with_first) << with_first.error();
  EXPECT_EQ(encode_lists(*with_first, true), middle.lists);
  EXPECT_NE(encode_lists(*with_first, false), middle.lists);
}

TEST(ListCodec, EveryOtherStringIsRefusedOrAnotherLists) {
  const Honest& honest = Honest::get();
  const Bytes& bytes = honest.plan.lists;
  const auto honest_lists = decode_lists(bytes, honest.subject, honest.plan.statement);
  std::size_t accepted = 0;
  const auto check = [&](const Bytes& changed) {
    const auto lists = decode_lists(changed, honest.subject, honest.plan.statement);
    if (!lists) {
      ASSERT_FALSE(lists.error().empty());
      return;
    }
    ++accepted;
    ASSERT_NE(*lists, *honest_lists);
    ASSERT_EQ(encode_lists(*lists, false), changed);
  };
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    ASSERT_FALSE(decode_lists(std::span(bytes).first(at), honest.subject, honest.plan.statement)) << at;
    Bytes changed = bytes;
    changed[at] ^= 0x80;  // a varint that goes on, or ends early
    check(changed);
    changed = bytes;
    ++changed[at];
    check(changed);
    changed = bytes;
    changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(at));
    check(changed);
    // The same varint with a byte too many.
    if ((bytes[at] & 0x80U) == 0) {
      changed = bytes;
      changed[at] |= 0x80U;
      changed.insert(changed.begin() + static_cast<std::ptrdiff_t>(at) + 1, 0);
      ASSERT_FALSE(decode_lists(changed, honest.subject, honest.plan.statement)) << at;
    }
  }
  EXPECT_GT(accepted, 0U);
  Bytes longer = bytes;
  longer.push_back(0);
  EXPECT_FALSE(decode_lists(longer, honest.subject, honest.plan.statement));
}

TEST(ListCodec, CountsAreCheckedBeforeAnythingIsAllocated) {
  const Honest& honest = Honest::get();
  // No multiplicities at all, then 2^60 touched addresses.
  Bytes bytes(1 + kTables.size(), 0);
  put_varint(bytes, std::uint64_t{1} << 60);
  EXPECT_FALSE(decode_lists(bytes, honest.subject, honest.plan.statement));
  bytes.assign(9, 0xff);
  EXPECT_FALSE(decode_lists(bytes, honest.subject, honest.plan.statement));
  bytes.assign(1 + kTables.size() + 1, 0);
  EXPECT_TRUE(decode_lists(bytes, honest.subject, honest.plan.statement)) << "well-formed, if never true";
}

}  // namespace
}  // namespace magnetar::zkvm
