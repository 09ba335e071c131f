"""The bus and the row types as templates (docs/protocol.md, sections 5 and 6)."""

STATE, MEM, PROG, RANGE16, AND8, SIGN16, BYTES, ALIGN, SHPOW, INPUT, OUTPUT = range(1, 12)
GAMMA = 16  # code of the symbol; β^i has code i

TWO16, TWO32 = 1 << 16, 1 << 32

TABLES = (
    (RANGE16, TWO16, lambda i: (i,)),
    (AND8, TWO16, lambda i: (i >> 8, i & 255, (i >> 8) & (i & 255))),
    (SIGN16, TWO16, lambda i: (i, i >> 15)),
    (BYTES, TWO16, lambda i: (i >> 8, i & 255, i >> 15)),
    (
        ALIGN,
        6,
        ((0, 0, 0, 1), (0, 0, 1, 1 << 8), (0, 1, 0, 1 << 16), (0, 1, 1, 1 << 24), (1, 0, 1, 1), (1, 1, 1, 1 << 16)).__getitem__,
    ),
    (SHPOW, TWO16, lambda i: (i, 1 << (i & 31), 1 << 32 - (i & 31))),
)


class Lin:
    """An integer combination of a template's variables; variable 0 is u."""

    __slots__ = ("terms",)

    def __init__(self, terms):
        self.terms = terms

    def __add__(self, other):
        terms = dict(self.terms)
        for variable, c in lin(other).terms.items():
            terms[variable] = terms.get(variable, 0) + c
        return Lin(terms)

    __radd__ = __add__

    def __rmul__(self, factor):
        return Lin({variable: factor * c for variable, c in self.terms.items()})

    def __neg__(self):
        return -1 * self

    def __sub__(self, other):
        return self + -1 * lin(other)

    def __rsub__(self, other):
        return lin(other) - self

    def entries(self):
        return tuple((v, ((0, c),)) for v, c in sorted(self.terms.items()) if c)


def lin(x):
    return x if isinstance(x, Lin) else Lin({0: x})


def val(b):
    return b[0] + 256 * b[1] + TWO16 * b[2] + (1 << 24) * b[3]


class Template:
    """n1, n2, and constraints: three tuples of (variable, ((symbol code, integer), ..))."""

    def __init__(self, number, fields, describe):
        self.number = number
        self.n1 = 0
        self.constraints = []
        self.terms = []
        self.field = {}
        if fields is None:
            describe(self)
        else:
            self.e, self.pc, self.clk = self.var(), self.var(), self.var()
            self.bool(self.e)
            self.term(-self.e, STATE, self.pc, self.clk)
            for name in fields.split():
                self.field[name] = self.var()
            describe(self)
        self.n2 = len(self.terms)
        for j, (multiplicity, tag, elements) in enumerate(self.terms):
            denominator = {0: {GAMMA: 1, 15: -tag}}
            for power, element in enumerate(elements):
                for variable, c in element.terms.items():
                    coefficient = denominator.setdefault(variable, {})
                    coefficient[power] = coefficient.get(power, 0) - c
            entries = []
            for variable, coefficient in sorted(denominator.items()):
                terms = tuple((code, c) for code, c in sorted(coefficient.items()) if c)
                if terms:
                    entries.append((variable, terms))
            h = ((1 + self.n1 + j, ((0, 1),)),)
            self.constraints.append((h, tuple(entries), multiplicity.entries()))

    def __getattr__(self, name):
        # A field that the type does not declare is 0.
        return self.__dict__.get("field", {}).get(name, lin(0))

    def var(self):
        self.n1 += 1
        return Lin({self.n1: 1})

    def constrain(self, a, b, c):
        self.constraints.append((lin(a).entries(), lin(b).entries(), lin(c).entries()))

    def product(self, a, b):
        v = self.var()
        self.constrain(a, b, v)
        return v

    def bool(self, x, m=1):
        self.constrain(x, x - m, 0)

    def term(self, multiplicity, tag, *elements):
        self.terms.append((multiplicity, tag, [lin(t) for t in elements]))

    # Units.

    def access(self, slot, address, old, new):
        gap = self.var()
        time = 4 * self.clk + slot
        self.term(-self.e, MEM, address, old, time - 1 - gap)
        self.term(self.e, MEM, address, new, time)
        self.r(gap)

    def rs1_(self, value=None, increment=0):
        value = self.var() if value is None else value
        self.access(0, TWO32 + self.rs1, value, value + increment)
        return value

    def rs2_(self, value=None):
        value = self.var() if value is None else value
        self.access(1, TWO32 + self.rs2, value, value)
        return value

    def rd_(self, value):
        old = self.var()
        self.access(3, TWO32 + self.rd, old, value)

    def r(self, y):
        self.term(-self.e, RANGE16, y)

    def reduce(self, x):
        carry, high = self.var(), self.var()
        y = x - TWO32 * carry
        self.bool(carry)
        self.r(y - TWO16 * high)
        self.r(high)
        return y

    def less(self, x, y):
        less, high = self.var(), self.var()
        self.bool(less)
        self.r(x - y + TWO32 * less - TWO16 * high)
        self.r(high)
        return less

    def sign(self, x):
        high, sign = self.var(), self.var()
        self.term(-self.e, SIGN16, high, sign)
        self.r(x - TWO16 * high)
        return sign

    def four(self):
        return [self.var() for _ in range(4)]

    def index(self, a, immediate, offset):
        index = self.var()
        self.bool(a + immediate - 4 * index - offset, TWO32)
        return index

    def pc_(self, bit):
        return self.immediate + self.product(bit, self.target - self.immediate)

    def combine(self, x, y):
        z = self.four()
        for i in range(4):
            self.term(-self.e, AND8, x[i], y[i], z[i])
        sum_ = self.product(self.f1, val(x) + val(y))
        return sum_ + self.product(self.f2, val(z))

    def digits(self, a):
        q, p, place = self.var(), self.var(), self.var()
        index = self.index(a, self.immediate, 2 * q + p - self.f1)
        self.term(-self.e, ALIGN, self.f1, q, p, place)
        byte, other, sign = self.var(), self.var(), self.var()
        self.term(-self.e, BYTES, byte, other, sign)
        rest = self.var()
        self.r(rest)
        x = byte + 256 * other + 255 * self.product(p, byte - other)
        word = x + TWO16 * rest + 65535 * self.product(q, x - rest)
        return index, word, byte, other, sign, place

    def shift(self, a, factor):
        l = self.four()
        for limb in l:
            self.r(limb)
        lo, hi = l[0] + TWO16 * l[1], l[2] + TWO16 * l[3]
        self.constrain(a, factor, lo + TWO32 * hi)
        sign = self.sign(a)
        return lo + self.product(self.f1, hi - lo), sign

    def end(self, next_, immediate=None):
        self.term(self.e, STATE, next_, self.clk + 1)
        immediate = self.immediate if immediate is None else immediate
        self.term(
            -self.e, PROG, self.pc, self.number, self.rd, self.rs1, self.rs2, immediate, self.target, self.f1, self.f2
        )


def _add_i(t):
    a = t.rs1_()
    t.rd_(t.reduce(a + t.immediate))
    t.end(t.target)


def _add_r(t):
    a = t.rs1_()
    b = t.rs2_()
    g = t.product(t.f1, b)
    t.rd_(t.reduce(a + b - 2 * g + TWO32 * t.f1))
    t.end(t.target)


def _jalr(t):
    a = t.rs1_()
    bit, next_ = t.var(), t.var()
    t.bool(bit)
    t.bool(a + t.immediate - next_ - bit, TWO32)
    t.rd_(t.target)
    t.end(next_)


def _logic_r(t):
    x, y = t.four(), t.four()
    t.rs1_(val(x))
    t.rs2_(val(y))
    t.rd_(t.combine(x, y))
    t.end(t.target)


def _logic_i(t):
    x, y = t.four(), t.four()
    t.rs1_(val(x))
    t.rd_(t.combine(x, y))
    t.end(t.target, val(y))


def _beq(t):
    a = t.rs1_()
    b = t.rs2_()
    inverse, differ = t.var(), t.var()
    t.constrain(a - b, inverse, differ)
    t.constrain(1 - differ, a - b, 0)
    t.end(t.pc_(differ))


def _bltu(t):
    a = t.rs1_()
    b = t.rs2_()
    t.end(t.pc_(t.less(a, b)))


def _signed_operands(t):
    a = t.rs1_()
    a = a - TWO32 * t.sign(a)
    b = t.rs2_()
    return a, b - TWO32 * t.sign(b)


def _blt(t):
    a, b = _signed_operands(t)
    t.end(t.pc_(t.less(a, b)))


def _sltu_r(t):
    a = t.rs1_()
    b = t.rs2_()
    t.rd_(t.less(a, b))
    t.end(t.target)


def _sltu_i(t):
    a = t.rs1_()
    t.rd_(t.less(a, t.immediate))
    t.end(t.target)


def _slt_r(t):
    a, b = _signed_operands(t)
    t.rd_(t.less(a, b))
    t.end(t.target)


def _slt_i(t):
    a = t.rs1_()
    s = t.sign(a)
    t.rd_(t.less(a - TWO32 * s + (1 << 31) * t.e, t.immediate))
    t.end(t.target)


def _lw(t):
    a = t.rs1_()
    i = t.index(a, t.immediate, 0)
    word = t.var()
    t.access(2, i, word, word)
    t.rd_(word)
    t.end(t.target)


def _sw(t):
    a = t.rs1_()
    i = t.index(a, t.immediate, 0)
    b = t.rs2_()
    t.access(2, i, t.var(), b)
    t.end(t.target)


def _subword_l(t):
    index, word, byte, other, sign, _ = t.digits(t.rs1_())
    t.access(2, index, word, word)
    second = t.product(t.f1, 255 * byte + other)
    extension = t.product(t.f2, sign)
    t.rd_(byte + second + extension)
    t.end(t.target)


def _subword_s(t):
    index, word, byte, other, _, place = t.digits(t.rs1_())
    k0, k1, ks, k2 = t.four()
    t.term(-t.e, BYTES, k0, k1, ks)
    t.r(k2)
    t.rs2_(k0 + 256 * k1 + TWO16 * k2)
    second = t.product(t.f1, 256 * k1 - 255 * byte - other)
    change = t.product(place, k0 - byte + second)
    t.access(2, index, word, word + change)
    t.end(t.target)


def _shift_i(t):
    a = t.rs1_()
    half, sign = t.shift(a, t.immediate)
    t.rd_(half + t.product(t.f2, sign))
    t.end(t.target)


def _shift_r(t):
    a = t.rs1_()
    x, y, left, right = t.four()
    t.term(-t.e, SHPOW, x, left, right)
    t.r(y)
    t.rs2_(x + TWO16 * y)
    factor = left + t.product(t.f1, right - left)
    half, sign = t.shift(a, factor)
    fill = t.product(t.f2, TWO32 * t.e - factor)
    t.rd_(half + t.product(sign, fill))
    t.end(t.target)


def _in(t):
    i = t.rs1_(increment=1)
    byte = t.var()
    t.term(-t.e, INPUT, i, byte)
    t.rd_(byte)
    t.end(t.target)


def _out(t):
    j = t.rs1_(increment=1)
    b = t.rs2_()
    t.term(t.e, OUTPUT, j, b)
    t.end(t.target)


def _refresh(t):
    t.e = t.var()
    t.bool(t.e)
    address, value, time, low, high = (t.var() for _ in range(5))
    t.term(-t.e, MEM, address, value, time)
    t.term(t.e, MEM, address, value, time + 1 + low + TWO16 * high)
    t.r(low)
    t.r(high)


# Fields, description, and the counts m, n1, n2.
_TYPES = (
    ("rd rs1 immediate target", _add_i, (13, 13, 11)),
    ("rd rs1 rs2 target f1", _add_r, (17, 17, 14)),
    ("rd rs1 immediate target", _jalr, (12, 13, 9)),
    ("rd rs1 rs2 target f1 f2", _logic_r, (19, 27, 16)),
    ("rd rs1 target f1 f2", _logic_i, (16, 25, 13)),
    ("rs1 rs2 immediate target", _beq, (13, 14, 9)),
    ("rs1 rs2 immediate target", _bltu, (14, 14, 11)),
    ("rs1 rs2 immediate target", _blt, (18, 18, 15)),
    ("rd rs1 rs2 target", _sltu_r, (16, 15, 14)),
    ("rd rs1 immediate target", _sltu_i, (13, 13, 11)),
    ("rd rs1 rs2 target", _slt_r, (20, 19, 18)),
    ("rd rs1 immediate target", _slt_i, (15, 15, 13)),
    ("rd rs1 immediate target", _lw, (14, 14, 12)),
    ("rs1 rs2 immediate target", _sw, (14, 14, 12)),
    ("rd rs1 immediate target f1 f2", _subword_l, (21, 26, 15)),
    ("rs1 rs2 immediate target f1", _subword_s, (23, 28, 17)),
    ("rd rs1 immediate target f1 f2", _shift_i, (19, 21, 15)),
    ("rd rs1 rs2 target f1 f2", _shift_r, (26, 28, 20)),
    ("rd rs1 target", _in, (11, 11, 10)),
    ("rs1 rs2 target", _out, (11, 10, 10)),
    (None, _refresh, (5, 6, 4)),
)

TEMPLATES = [Template(number, fields, describe) for number, (fields, describe, _) in enumerate(_TYPES)]
for _template, (_, _, _counts) in zip(TEMPLATES, _TYPES):
    assert (len(_template.constraints), _template.n1, _template.n2) == _counts
