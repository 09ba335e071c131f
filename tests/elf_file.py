"""32-bit little-endian ELF files, as far as the tests look into them."""

import struct
from collections import namedtuple

PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
PF_X = 1
SHT_SYMTAB = 2
SHF_EXECINSTR = 4
STT_FUNC = 2

Segment = namedtuple("Segment", "type offset address physical_address file_size memory_size flags align")
Section = namedtuple("Section", "name type flags address offset size link info align entry_size")
Symbol = namedtuple("Symbol", "name value size type")


class ElfFile:
    def __init__(self, data):
        self.data = data
        self.entry, program_headers, section_headers, self.flags = struct.unpack_from("<IIII", data, 24)
        segment_count, _, section_count = struct.unpack_from("<HHH", data, 44)
        self.segments = [Segment._make(struct.unpack_from("<8I", data, program_headers + 32 * i))
                         for i in range(segment_count)]
        self.sections = [Section._make(struct.unpack_from("<10I", data, section_headers + 40 * i))
                         for i in range(section_count)]

    def symbols(self):
        for table in self.sections:
            if table.type != SHT_SYMTAB:
                continue
            strings = self.sections[table.link].offset
            for at in range(table.offset, table.offset + table.size, 16):
                name, value, size, info = struct.unpack_from("<IIIB", self.data, at)
                start = strings + name
                yield Symbol(self.data[start : self.data.index(b"\0", start)].decode(), value, size, info & 15)
