#include "engine/zkvm/list_codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "engine/zkvm/machine_state.h"

namespace magnetar::zkvm {
namespace {

// Touched addresses as numbers: memory words, then registers.
constexpr std::uint64_t kMemoryWords = std::uint64_t{1} << 30;

std::uint64_t key(vm::Address address) {
  return address.is_register() ? kMemoryWords + address.index() : address.index();
}

void put(std::vector<std::uint8_t>& bytes, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<std::uint8_t>(value | 0x80));
  bytes.push_back(static_cast<std::uint8_t>(value));
}

// The indices of nonzero multiplicities, as distances, each with its multiplicity.
void put_multiplicities(std::vector<std::uint8_t>& bytes, std::span<const std::uint64_t> multiplicities) {
  const auto zeros = std::count(multiplicities.begin(), multiplicities.end(), 0U);
  put(bytes, multiplicities.size() - static_cast<std::size_t>(zeros));
  std::uint64_t next = 0;
  for (std::uint64_t i = 0; i < multiplicities.size(); ++i) {
    if (multiplicities[i] == 0) continue;
    put(bytes, i - next);
    put(bytes, multiplicities[i]);
    next = i + 1;
  }
}

class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  /// A varint of the least number of bytes, at most `most`.
  std::optional<std::uint64_t> number(std::uint64_t most) {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (at_ == bytes_.size()) return std::nullopt;
      const std::uint8_t byte = bytes_[at_++];
      const std::uint64_t digit = byte & 0x7fU;
      if (shift == 63 && digit > 1) return std::nullopt;
      value |= digit << shift;
      if ((byte & 0x80U) != 0) continue;
      if (byte == 0 && shift != 0) return std::nullopt;
      if (value > most) return std::nullopt;
      return value;
    }
    return std::nullopt;
  }
  /// A number of items of at least `item_bytes` bytes each.
  std::optional<std::uint64_t> count(std::size_t item_bytes) { return number((bytes_.size() - at_) / item_bytes); }
  /// The next index behind `next`, below `end`.
  std::optional<std::uint64_t> index(std::uint64_t& next, std::uint64_t end) {
    if (next >= end) return std::nullopt;
    const auto distance = number(end - 1 - next);
    if (!distance) return std::nullopt;
    const std::uint64_t index = next + *distance;
    next = index + 1;
    return index;
  }
  bool at_end() const { return at_ == bytes_.size(); }

 private:
  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 0;
};

bool read_multiplicities(Reader& from, std::vector<std::uint64_t>& multiplicities) {
  const auto count = from.count(2);
  if (!count) return false;
  std::uint64_t next = 0;
  for (std::uint64_t i = 0; i < *count; ++i) {
    const auto index = from.index(next, multiplicities.size());
    if (!index) return false;
    const auto multiplicity = from.number(UINT64_MAX);
    if (!multiplicity || *multiplicity == 0) return false;
    multiplicities[*index] = *multiplicity;
  }
  return true;
}

}  // namespace

std::vector<std::uint8_t> encode_lists(const Lists& lists, bool with_first_values) {
  std::vector<std::uint8_t> bytes;
  put_multiplicities(bytes, lists.program);
  for (const auto& table : lists.tables) put_multiplicities(bytes, table);
  put(bytes, lists.touched.size());
  std::uint64_t next = 0;
  for (const Touched& touched : lists.touched) {
    put(bytes, key(touched.address) - next);
    next = key(touched.address) + 1;
    if (with_first_values) put(bytes, touched.first_value);
    put(bytes, touched.last_value);
    put(bytes, touched.last_time);
  }
  return bytes;
}

tl::expected<Lists, std::string> decode_lists(std::span<const std::uint8_t> bytes, const Subject& subject,
                                              const Statement& statement) {
  const vm::Program& program = *subject.program;
  const auto refuse = [](std::string why) { return tl::unexpected(std::move(why)); };
  Reader from(bytes);
  Lists lists(program);
  if (!read_multiplicities(from, lists.program)) return refuse("the multiplicities of program words are malformed");
  for (std::uint32_t op = 0; op < lists.program.size(); ++op) {
    if (lists.program[op] != 0 && !program.entry_of(op)) {
      return refuse(fmt::format("program word {} has a multiplicity but no entry", op));
    }
  }
  for (auto& table : lists.tables) {
    if (!read_multiplicities(from, table)) return refuse("the multiplicities of a table are malformed");
  }

  const bool with_first_values = statement.first_step != 0;
  // The program's start, of which only words are asked.
  const MachineState start = MachineState::initial(subject);
  const std::uint64_t last_time = statement.cycles == 0 ? 0 : 4 * statement.cycles + 3;
  const auto count = from.count(with_first_values ? 4 : 3);
  if (!count) return refuse("the number of touched addresses is malformed");
  lists.touched.reserve(*count);
  std::uint64_t next = 0;
  for (std::uint64_t i = 0; i < *count; ++i) {
    const auto at = from.index(next, kMemoryWords + vm::kRegisterCount);
    if (!at) return refuse(fmt::format("touched address {} is malformed or no address", i));
    const vm::Address address = *at < kMemoryWords
                                    ? vm::Address::memory(static_cast<std::uint32_t>(*at))
                                    : vm::Address::of_register(static_cast<std::uint8_t>(*at - kMemoryWords));
    std::optional<std::uint64_t> first = start.value(address);
    if (with_first_values) first = from.number(UINT32_MAX);
    const auto last = from.number(UINT32_MAX);
    const auto time = from.number(last_time);
    if (!first || !last || !time || *time < 4) {
      return refuse(fmt::format("a value or time of touched address {} is out of range", i));
    }
    if (address == vm::Address::of_register(vm::kZero) && (*first != 0 || *last != 0)) {
      return refuse("x0 has a value other than 0");
    }
    lists.touched.push_back({address, static_cast<std::uint32_t>(*first), static_cast<std::uint32_t>(*last),
                             static_cast<std::uint32_t>(*time)});
  }
  if (!from.at_end()) return refuse("bytes follow the lists");
  return lists;
}

}  // namespace magnetar::zkvm
