"""ELF files and program entries (docs/protocol.md, section 7)."""

import struct

HALT = 0xC0001073
MICROCODE = 1 << 33
TWO32 = 1 << 32

TYPES = (
    "ADD-I ADD-R JALR LOGIC-R LOGIC-I BEQ BLTU BLT SLTU-R SLTU-I SLT-R SLT-I LW SW SUBWORD-L SUBWORD-S SHIFT-I SHIFT-R"
    " IN OUT REFRESH"
).split()
TYPE = {name: number for number, name in enumerate(TYPES)}


class ElfError(Exception):
    pass


def _need(condition, why):
    if not condition:
        raise ElfError(why)


def read_elf(data):
    """The entry and the load segments, as (address, memory size, executable, bytes) by address."""
    _need(52 <= len(data) <= 1 << 26, "size")
    _need(data[:4] == b"\x7fELF" and data[4] == 1 and data[5] == 1 and data[6] == 1, "no 32-bit little-endian ELF")
    kind, machine, _, entry, table, sections, flags, _, size, count, _, _, _ = struct.unpack_from("<HHIIIIIHHHHHH", data, 16)
    _need(machine == 243 and kind == 2 and flags == 0, "no plain RISC-V executable")
    if count == 0xFFFF:
        _need(0 < sections <= len(data) - 40, "program headers")
        count = struct.unpack_from("<I", data, sections + 28)[0]
    _need(count <= 1024 and (count == 0 or (size == 32 and table + 32 * count <= len(data))), "program headers")
    segments, parts = [], []
    for i in range(count):
        kind, offset, address, _, file_size, memory_size, flags, _ = struct.unpack_from("<8I", data, table + 32 * i)
        _need(kind not in (2, 3), "dynamically linked")
        if kind != 1 or memory_size == 0:
            continue
        _need(offset + file_size <= len(data) and file_size <= memory_size, "segment")
        _need(address + memory_size <= TWO32, "segment beyond memory")
        if file_size:
            parts.append((offset, offset + file_size))
        segments.append((address, memory_size, flags & 1 == 1, data[offset : offset + file_size]))
    parts.sort()
    _need(all(one[1] <= two[0] for one, two in zip(parts, parts[1:])), "segments share bytes of the file")
    segments.sort(key=lambda s: s[0])
    for one, two in zip(segments, segments[1:]):
        _need(one[0] + one[1] <= two[0], "overlapping segments")
    _need(
        entry % 4 == 0 and entry < TWO32 - 4 and any(x and a <= entry and entry + 4 <= a + len(b) for a, _, x, b in segments),
        "entry outside text",
    )
    return entry, segments


def _signed(value, bits):
    return (value ^ 1 << bits - 1) - (1 << bits - 1)


def entry_of_word(pc, word):
    """The PROG tuple of a word, or None."""
    opcode, rd, funct3, rs1, rs2, funct7 = (
        word & 127,
        word >> 7 & 31,
        word >> 12 & 7,
        word >> 15 & 31,
        word >> 20 & 31,
        word >> 25,
    )
    imm_i = _signed(word >> 20, 12) % TWO32
    imm_s = _signed(funct7 << 5 | rd, 12) % TWO32
    imm_b = _signed(word >> 31 << 12 | (word >> 7 & 1) << 11 | (word >> 25 & 63) << 5 | (word >> 8 & 15) << 1, 13)
    imm_u = word & 0xFFFFF000
    imm_j = _signed(word >> 31 << 20 | (word >> 12 & 255) << 12 | (word >> 20 & 1) << 11 | (word >> 21 & 1023) << 1, 21)
    next_ = (pc + 4) % TWO32
    rd = rd or 32

    def make(kind, rd=0, rs1=0, rs2=0, immediate=0, target=next_, f1=0, f2=0):
        return pc, TYPE[kind], rd, rs1, rs2, immediate, target, f1, f2

    if opcode == 0x37:
        return make("ADD-I", rd=rd, immediate=imm_u)
    if opcode == 0x17:
        return make("ADD-I", rd=rd, immediate=(pc + imm_u) % TWO32)
    if opcode == 0x6F:
        return make("ADD-I", rd=rd, immediate=next_, target=(pc + imm_j) % TWO32)
    if opcode == 0x67 and funct3 == 0:
        return make("JALR", rd=rd, rs1=rs1, immediate=imm_i)
    if opcode == 0x63 and funct3 not in (2, 3):
        kind = ("BEQ", None, "BLT", "BLTU")[funct3 >> 1]
        to = (pc + imm_b) % TWO32
        # Which of beq, bgeu, bge.
        swapped = funct3 in (0, 7, 5)
        return make(
            kind, rs1=rs1, rs2=rs2, immediate=to if swapped else next_, target=next_ if swapped else to
        )
    if opcode == 0x03:
        if funct3 == 2:
            return make("LW", rd=rd, rs1=rs1, immediate=imm_i)
        if funct3 in (0, 1, 4, 5):
            f2 = {0: TWO32 - 256, 1: TWO32 - 65536}.get(funct3, 0)
            return make("SUBWORD-L", rd=rd, rs1=rs1, immediate=imm_i, f1=funct3 & 1, f2=f2)
    if opcode == 0x23:
        if funct3 == 2:
            return make("SW", rs1=rs1, rs2=rs2, immediate=imm_s)
        if funct3 in (0, 1):
            return make("SUBWORD-S", rs1=rs1, rs2=rs2, immediate=imm_s, f1=funct3)
    logic = {7: (0, 1), 6: (1, -1), 4: (1, -2)}
    if opcode == 0x13:
        if funct3 == 0:
            return make("ADD-I", rd=rd, rs1=rs1, immediate=imm_i)
        if funct3 == 2:
            return make("SLT-I", rd=rd, rs1=rs1, immediate=imm_i ^ 1 << 31)
        if funct3 == 3:
            return make("SLTU-I", rd=rd, rs1=rs1, immediate=imm_i)
        if funct3 in logic:
            f1, f2 = logic[funct3]
            return make("LOGIC-I", rd=rd, rs1=rs1, immediate=imm_i, f1=f1, f2=f2)
        if funct7 == 0 and funct3 == 1 or funct7 in (0, 32) and funct3 == 5 and rs2 == 0:
            return make("SHIFT-I", rd=rd, rs1=rs1, immediate=1 << rs2)
        if funct7 in (0, 32) and funct3 == 5:
            factor = 1 << 32 - rs2
            return make("SHIFT-I", rd=rd, rs1=rs1, immediate=factor, f1=1, f2=TWO32 - factor if funct7 else 0)
    if opcode == 0x33:
        if funct3 == 0 and funct7 in (0, 32):
            return make("ADD-R", rd=rd, rs1=rs1, rs2=rs2, f1=funct7 >> 5)
        if funct3 == 5 and funct7 in (0, 32):
            return make("SHIFT-R", rd=rd, rs1=rs1, rs2=rs2, f1=1, f2=funct7 >> 5)
        if funct7 == 0 and funct3 == 1:
            return make("SHIFT-R", rd=rd, rs1=rs1, rs2=rs2)
        if funct7 == 0 and funct3 in (2, 3):
            return make("SLT-R" if funct3 == 2 else "SLTU-R", rd=rd, rs1=rs1, rs2=rs2)
        if funct7 == 0 and funct3 in logic:
            f1, f2 = logic[funct3]
            return make("LOGIC-R", rd=rd, rs1=rs1, rs2=rs2, f1=f1, f2=f2)
    if opcode == 0x0F and funct3 in (0, 1) or word == 0x00100073:
        return make("ADD-I", rd=32)
    if word == 0x00000073:
        return make("ADD-I", rd=33, immediate=next_, target=MICROCODE)
    return None


def _microcode():
    row = lambda i: MICROCODE + 4 * i
    add = lambda d, s, n, to: ("ADD-I", d, s, 0, n % TWO32, row(to), 0, 0)
    equal = lambda s, t, i, j: ("BEQ", 0, s, t, row(i), row(j), 0, 0)
    back = lambda d, n: ("JALR", d, 33, 0, 0, n, 0, 0)
    rows = [
        add(37, 18, -2, 1),
        equal(37, 0, 8, 2),
        add(37, 37, -1, 3),
        equal(37, 0, 12, 4),
        add(37, 37, -2, 5),
        equal(37, 0, 19, 6),
        add(37, 37, 4, 7),
        equal(37, 0, 20, 21),
        ("BLTU", 0, 34, 36, row(11), row(9), 0, 0),
        ("IN", 10, 34, 0, 0, row(10), 0, 0),
        back(32, 0),
        back(10, 0xFFFFFFFF),
        add(38, 11, 0, 13),
        ("ADD-R", 39, 11, 12, 0, row(14), 0, 0),
        equal(38, 39, 18, 15),
        ("SUBWORD-L", 40, 38, 0, 0, row(16), 0, 0),
        ("OUT", 0, 35, 40, 0, row(17), 0, 0),
        add(38, 38, 1, 14),
        back(10, 0),
        back(10, 5),
        back(10, 0),
    ]
    return [(row(i), TYPE[kind], *rest) for i, (kind, *rest) in enumerate(rows)]


class Program:
    def __init__(self, elf):
        self.entry, segments = read_elf(elf)
        self.memory = {}
        self.entries = dict(enumerate(_microcode()))  # by op
        self.pcs = {e[0] for e in self.entries.values()}  # those with an entry
        self.halts = set()
        self.ops = 23
        run_end = None
        for address, _, executable, data in segments:
            for i, byte in enumerate(data):
                word, shift = divmod(address + i, 4)
                if byte:
                    self.memory[word] = self.memory.get(word, 0) | byte << 8 * shift
            if not executable:
                continue
            first = address + 3 & ~3
            end = min(address + len(data) & ~3, TWO32 - 4)
            if first >= end:
                continue
            if run_end not in (None, first):
                self.ops += 1
            run_end = end
            for pc in range(first, end, 4):
                word = int.from_bytes(data[pc - address : pc - address + 4], "little")
                entry = entry_of_word(pc, word)
                if entry:
                    self.entries[self.ops] = entry
                    self.pcs.add(pc)
                elif word == HALT:
                    self.halts.add(pc)
                self.ops += 1
        self.ops += 1
