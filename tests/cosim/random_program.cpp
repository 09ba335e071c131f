#include "random_program.h"

#include <array>
#include <cstddef>

#include "assembler.h"

namespace magnetar::vm::testing {
namespace {

constexpr std::uint32_t kAny = 32;  // no register to keep

class Generator {
 public:
  Generator(Random& random, std::vector<std::uint32_t>& text) : random_(random), text_(text) {}

  void program() {
    const std::uint32_t registers = 4 + random_.below(12);
    for (std::uint32_t i = 0; i < registers; ++i) load_constant(destination(), interesting());
    const std::uint32_t blocks = 6 + random_.below(8);
    for (std::uint32_t i = 0; i < blocks; ++i) block();
  }

  void dump() {
    for (std::uint32_t offset = 0; offset < kScratchBytes; offset += 4) {
      if (offset % 1024 == 0) load_constant(t0, kScratch + offset);
      emit(lw(1 + offset / 4 % 4, t0, static_cast<std::int32_t>(offset % 1024)));
    }
  }

 private:
  void emit(std::uint32_t word) { text_.push_back(word); }
  std::uint32_t source() { return random_.below(32); }
  std::uint32_t destination(std::uint32_t keep = kAny) {
    for (;;) {
      const std::uint32_t reg = random_.below(32);
      if (reg != keep) return reg;
    }
  }
  std::uint32_t nonzero(std::uint32_t keep = kAny) {
    for (;;) {
      const std::uint32_t reg = 1 + random_.below(31);
      if (reg != keep) return reg;
    }
  }
  std::int32_t immediate() {
    constexpr std::array<std::int32_t, 8> kEdges = {0, 1, -1, 2047, -2048, 31, 32, -4};
    if (random_.below(2) == 0) return kEdges[random_.below(kEdges.size())];
    return static_cast<std::int32_t>(random_.below(4096)) - 2048;
  }
  std::uint32_t interesting() {
    constexpr std::array<std::uint32_t, 12> kEdges = {
        0, 1, 2, 0xffffffff, 0x7fffffff, 0x80000000, 0x80000001, 0xffff0000, 0x0000ffff, 0xff, 0x8000, 31};
    switch (random_.below(4)) {
      case 0:
        return static_cast<std::uint32_t>(random_.next());
      case 1:
        return std::uint32_t{1} << random_.below(32);
      case 2:
        return random_.below(64) - 32;
      default:
        return kEdges[random_.below(kEdges.size())];
    }
  }
  void load_constant(std::uint32_t rd, std::uint32_t value) {
    const std::uint32_t upper = (value + 0x800) >> 12;
    emit(lui(rd, upper & 0xfffff));
    emit(addi(rd, rd, static_cast<std::int32_t>(value << 20) >> 20));
  }

  // One instruction that neither jumps nor touches memory, nor writes `keep`.
  void operation(std::uint32_t keep) {
    const std::uint32_t rd = destination(keep);
    const std::uint32_t rs1 = random_.below(4) == 0 ? rd : source();
    const std::uint32_t rs2 = random_.below(4) == 0 ? rs1 : source();
    const std::uint32_t funct3 = random_.below(8);
    switch (random_.below(12)) {
      case 0:
        emit(lui(rd, static_cast<std::uint32_t>(random_.next()) & 0xfffff));
        break;
      case 1:
        emit((static_cast<std::uint32_t>(random_.next()) & 0xfffff000) | rd << 7 | 0x17);  // auipc
        break;
      case 2: {
        constexpr std::array<std::uint32_t, 4> kNothing = {0x0ff0000f, 0x8330000f, 0x0000100f, 0x00100073};
        emit(kNothing[random_.below(kNothing.size())]);  // fence, fence.tso, fence.i, ebreak
        break;
      }
      case 3:
      case 4:
      case 5:
      case 6: {
        std::int32_t value = immediate();
        if (funct3 == 1) value &= 31;
        if (funct3 == 5) value = (value & 31) | (random_.below(2) == 0 ? 0x400 : 0);
        emit(i_type(0x13, funct3, rd, rs1, value));
        break;
      }
      default:
        emit(r_type((funct3 == 0 || funct3 == 5) && random_.below(2) == 0 ? 0x20 : 0, funct3, rd, rs1, rs2));
        break;
    }
  }

  void load_or_store(std::uint32_t keep) {
    const std::uint32_t base = nonzero(keep);
    const bool is_store = random_.below(2) == 0;
    constexpr std::array<std::uint32_t, 5> kLoads = {0, 1, 2, 4, 5};
    const std::uint32_t funct3 = is_store ? random_.below(3) : kLoads[random_.below(kLoads.size())];
    const std::uint32_t size = 1U << (funct3 & 3);
    const std::int32_t offset = immediate();
    // A load may also take from text, by an address that wraps around zero.
    const bool wraps = !is_store && offset > 16 && random_.below(8) == 0;
    const std::uint32_t address = wraps ? static_cast<std::uint32_t>(offset) / 2 / size * size
                                        : kScratch + random_.below(kScratchBytes / size) * size;
    load_constant(base, address - static_cast<std::uint32_t>(offset));
    if (is_store) {
      emit(s_type(funct3, source(), base, offset));
    } else {
      emit(i_type(0x03, funct3, destination(keep), base, offset));
    }
  }

  void straight(std::uint32_t count, std::uint32_t keep) {
    for (std::uint32_t i = 0; i < count; ++i) {
      if (random_.below(5) == 0) {
        load_or_store(keep);
      } else {
        operation(keep);
      }
    }
  }

  void branch_over(std::uint32_t keep) {
    constexpr std::array<std::uint32_t, 6> kKinds = {0, 1, 4, 5, 6, 7};
    const std::uint32_t kind = kKinds[random_.below(kKinds.size())];
    const std::uint32_t rs1 = source();
    const std::uint32_t rs2 = random_.below(4) == 0 ? rs1 : source();
    const std::size_t at = text_.size();
    emit(0);
    straight(random_.below(4), keep);
    text_[at] = b_type(kind, rs1, rs2, static_cast<std::int32_t>(4 * (text_.size() - at)));
  }

  void block() {
    switch (random_.below(6)) {
      case 0:
        branch_over(kAny);
        break;
      case 1: {  // a loop of some rounds
        const std::uint32_t counter = nonzero();
        emit(addi(counter, zero, static_cast<std::int32_t>(1 + random_.below(5))));
        const std::size_t start = text_.size();
        straight(1 + random_.below(3), counter);
        if (random_.below(2) == 0) branch_over(counter);
        emit(addi(counter, counter, -1));
        emit(bne(counter, zero, -static_cast<std::int32_t>(4 * (text_.size() - start))));
        break;
      }
      case 2: {  // jal forward
        const std::size_t at = text_.size();
        const std::uint32_t rd = destination();
        emit(0);
        straight(random_.below(3), kAny);
        text_[at] = jal(rd, static_cast<std::int32_t>(4 * (text_.size() - at)));
        break;
      }
      case 3: {  // jalr forward, to an odd address at times: bit 0 is cleared
        const std::uint32_t base = nonzero();
        const std::uint32_t rd = random_.below(3) == 0 ? base : destination();
        emit(base << 7 | 0x17);  // auipc base, 0
        const std::size_t at = text_.size();
        emit(0);
        straight(random_.below(3), kAny);
        text_[at] = jalr(rd, base, static_cast<std::int32_t>(4 * (text_.size() - at + 1) + random_.below(2)));
        break;
      }
      default:
        straight(2 + random_.below(5), kAny);
        break;
    }
  }

  Random& random_;
  std::vector<std::uint32_t>& text_;
};

}  // namespace

std::uint64_t Random::next() {
  std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

void append_random_program(Random& random, std::vector<std::uint32_t>& text) {
  Generator(random, text).program();
}

void append_scratch_dump(std::vector<std::uint32_t>& text) {
  Random unused(0);
  Generator(unused, text).dump();
}

}  // namespace magnetar::vm::testing
