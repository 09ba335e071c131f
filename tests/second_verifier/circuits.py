"""The circuits of the recursion (docs/protocol.md, section 8)."""

import functools

from algebra import BN254, GRUMPKIN
from sponge import SQUEEZE_CHALLENGE, SQUEEZE_DIGEST, SQUEEZE_ELEMENT, capacity, poseidon

PUBLIC, STAGE1, STAGE2 = 1 << 32, 2 << 32, 3 << 32  # parts, above an index; u is 0

U = {0: 1}


class Builder:
    """Records constraints; combinations are dicts from variable to a nonzero element."""

    def __init__(self, p, before=0):
        self.p = p
        self.before = before  # stage-2 variables of the blocks
        self.publics = self.variables = 0
        self.constraints = []

    def var(self):
        self.variables += 1
        return {STAGE2 + self.before + self.variables - 1: 1}

    def constrain(self, a, b, c):
        self.constraints.append((a, b, c))

    def sum(self, *parts):
        """Combinations, or pairs of a factor and a combination, added up; factors alone are constants."""
        p, total = self.p, {}
        for part in parts:
            factor, combination = (1, part) if isinstance(part, dict) else (part, U) if isinstance(part, int) else part
            for variable, c in combination.items():
                total[variable] = total.get(variable, 0) + factor * c
        return {variable: c % p for variable, c in total.items() if c % p}

    def product(self, a, b):
        v = self.var()
        self.constrain(a, b, v)
        return v

    def equal(self, a, b):
        self.constrain(self.sum(a, (-1, b)), U, {})

    def bit(self):
        v = self.var()
        self.constrain(v, self.sum(v, -1), {})
        return v

    def bits(self, count):
        return [self.bit() for _ in range(count)]

    def select(self, condition, a, b):
        return self.sum(self.product(condition, self.sum(a, (-1, b))), b)

    def is_zero(self, x):
        inverse, zero = self.var(), self.var()
        self.constrain(x, inverse, self.sum(1, (-1, zero)))
        self.constrain(x, zero, {})
        return zero

    def publish(self, a):
        self.publics += 1
        self.equal(a, {PUBLIC + self.publics - 1: 1})

    def packed(self, bits):
        return self.sum(*((1 << i, bit) for i, bit in enumerate(bits)))

    def limbs(self, bits):
        return [self.packed(bits[64 * i : 64 * i + 64]) for i in range(4)]

    def element(self, limbs):
        return self.sum(*((1 << 64 * i, limb) for i, limb in enumerate(limbs)))

    def strict_bits(self, x):
        largest = self.p - 1
        bits, equal = [None] * 254, None
        for i in reversed(range(254)):
            if largest >> i & 1:
                bits[i] = self.bit()
                if largest & ((1 << i) - 1) != (1 << i) - 1:
                    equal = bits[i] if equal is None else self.product(equal, bits[i])
            else:
                bits[i] = self.var()
                self.constrain(bits[i], self.sum(1, (-1, bits[i]), (-1, equal)), {})
        self.equal(self.packed(bits), x)
        return bits

    def sbox(self, x):
        square = self.product(x, x)
        return self.product(self.product(square, square), x)

    def hash(self, width, tag, elements, squeeze):
        """The squeezed element, or its lower bits."""
        state = [self.sum(capacity(tag, len(elements), squeeze))] + [{}] * (width - 1)
        for at in range(0, len(elements), width - 1):
            absorbed = elements[at : at + width - 1]
            state = [state[0]] + [self.sum(s, e) for s, e in zip(state[1:], absorbed)] + state[1 + len(absorbed) :]
            state = self._permute(width, state)
        if squeeze == SQUEEZE_ELEMENT:
            return state[1]
        return self.strict_bits(state[1])[: 250 if squeeze == SQUEEZE_DIGEST else 128]

    def _permute(self, width, state):
        inputs, outputs = _linear_layers(self.p, width)
        constants = poseidon(self.p, width).constants[0]
        boxes = []  # the variables that S-boxes put out
        for element, constant in zip(state, constants):
            (variable,) = self.sbox(self.sum(element, constant))
            boxes.append(variable)
        combine = lambda layer: {(0 if at is None else boxes[at]): c for at, c in layer}
        for layer in inputs:
            (variable,) = self.sbox(combine(layer))
            boxes.append(variable)
        return [combine(layer) for layer in outputs]

    # Points are (x, y, infinite).

    def trusted(self):
        x, y = self.var(), self.var()
        return x, y, self.is_zero(x)

    def on_curve(self, curve):
        x, y, infinite = self.trusted()
        xx, yy = self.product(x, x), self.product(y, y)
        self.constrain(xx, x, self.sum(yy, -curve.b, (curve.b, infinite)))
        return x, y, infinite

    def choose(self, condition, a, b):
        return tuple(self.select(condition, s, t) for s, t in zip(a, b))

    def add(self, a, b):
        (xa, ya, ia), (xb, yb, ib) = a, b
        dx, dy = self.sum(xb, (-1, xa)), self.sum(yb, (-1, ya))
        same = self.is_zero(dx)
        denominator = self.select(same, self.sum(ya, yb), dx)
        opposite = self.is_zero(denominator)
        square = self.product(xa, xa)
        numerator = self.select(same, self.sum((3, square)), dy)
        slope = self.var()
        self.constrain(slope, self.sum(denominator, opposite), numerator)
        x = self.sum(self.product(slope, slope), (-1, xa), (-1, xb))
        y = self.sum(self.product(slope, self.sum(xa, (-1, x))), (-1, ya))
        both = self.product(ia, ib)
        some = self.sum(ia, ib, (-1, both))
        regular = self.product(self.sum(1, (-1, some)), self.sum(1, (-1, opposite)))
        other_x = self.product(some, self.sum(xa, xb))
        sum_x = self.sum(other_x, self.product(regular, x))
        other_y = self.product(some, self.sum(ya, yb))
        sum_y = self.sum(other_y, self.product(regular, y))
        return sum_x, sum_y, self.sum(both, 1, (-1, some), (-1, regular))

    def line(self, rise, run):
        slope = self.var()
        self.constrain(slope, run, rise)
        return slope

    def third(self, slope, x1, x2):
        return self.sum(self.product(slope, slope), (-1, x1), (-1, x2))

    def ordinate(self, slope, x1, y1, x3):
        return self.sum(self.product(slope, self.sum(x1, (-1, x3))), (-1, y1))

    def multiply(self, curve, bits, point):
        minus = lambda a, b: self.sum(a, (-1, b))
        infinite = point[2]
        sx = self.select(infinite, self.sum(curve.generator[0]), point[0])
        sy = self.select(infinite, self.sum(curve.generator[1]), point[1])
        tangent = self.line(self.sum((3, self.product(sx, sx))), self.sum((2, sy)))
        double_x = self.third(tangent, sx, sx)
        double_y = self.ordinate(tangent, sx, sy, double_x)
        chord = self.line(minus(double_y, sy), minus(double_x, sx))
        x = self.third(chord, sx, double_x)
        y = self.ordinate(chord, sx, sy, x)
        for i in reversed(range(1, len(bits))):
            signed = self.product(self.sum((2, bits[i]), -1), sy)
            first = self.line(minus(y, signed), minus(x, sx))
            middle = self.third(first, x, sx)
            second = minus(self.line(self.sum((2, y)), minus(x, middle)), first)
            next_x = self.third(second, x, middle)
            y = self.ordinate(second, x, y, next_x)
            x = next_x
        last = self.line(self.sum(y, sy), minus(x, sx))
        less_x = self.third(last, x, sx)
        less_y = self.ordinate(last, x, y, less_x)
        rx = self.select(bits[0], x, less_x)
        ry = self.select(bits[0], y, less_y)
        finite = self.sum(1, (-1, infinite))
        return self.product(finite, rx), self.product(finite, ry), infinite

    def foreign(self, running, c, fresh, modulus):
        m = [modulus >> 64 * i & (1 << 64) - 1 for i in range(4)]
        result = self.limbs(self.bits(254))
        q = self.limbs(self.bits(126))
        self.constrain(
            self.sum(c[0], (1 << 64, c[1]), 1 << 128),
            self.element(fresh),
            self.sum(self.element(result), (modulus, q[0]), (modulus << 64, q[1]), (-1, self.element(running))),
        )
        low = self.sum(running[0], self.product(c[0], fresh[0]), (-m[0], q[0]), (-1, result[0]))
        carry = self.sum(self.packed(self.bits(65)), -(1 << 64))
        self.equal(low, self.sum((1 << 64, carry)))
        s = self.product(c[0], fresh[1])
        t = self.product(c[1], fresh[0])
        high = self.sum(running[1], s, t, (-m[1], q[0]), (-m[0], q[1]), (-1, result[1]), carry)
        carry = self.sum(self.packed(self.bits(66)), -(1 << 65))
        self.equal(high, self.sum((1 << 64, carry)))
        return result


@functools.lru_cache(maxsize=None)
def _linear_layers(p, width):
    """The inputs of all S-boxes behind the first round, and the last state, as combinations of S-box outputs: lists of
    (number of the S-box, or None for u; coefficient)."""
    permutation = poseidon(p, width)
    count = width * 8 + permutation.rounds - 8
    unit = lambda at: [int(i == at) for i in range(count + 1)]  # u comes last
    made = width
    inputs = []
    state = [unit(i) for i in range(width)]
    for round_ in range(permutation.rounds):
        if round_:
            for i in range(width):
                state[i][count] += permutation.constants[round_][i]
            for i in range(width if permutation.is_full(round_) else 1):
                inputs.append(state[i])
                state[i] = unit(made)
                made += 1
        columns = list(zip(*state))
        state = [[sum(m * s for m, s in zip(row, column)) % p for column in columns] for row in permutation.matrix]
    sparse = lambda layer: [(None if at == count else at, c % p) for at, c in enumerate(layer) if c % p]
    return [sparse(layer) for layer in inputs], [sparse(layer) for layer in state]


def _absorbed(instance):
    points, u, x = instance
    elements = [coordinate for point in points for coordinate in point[:2]]
    return elements + [u] + x[0] + x[1]


def _instance_hash(b, curve, digest, steps, state, instance):
    elements = [digest, steps] + state + _absorbed(instance)
    return b.hash(10, b"magnetar-v1 instance " + curve.name.encode(), elements, SQUEEZE_DIGEST)


def _choose(b, condition, one, other):
    points = [b.choose(condition, s, t) for s, t in zip(one[0], other[0])]
    u = b.select(condition, one[1], other[1])
    return points, u, [[b.select(condition, s, t) for s, t in zip(v, w)] for v, w in zip(one[2], other[2])]


def _verified_fold(b, curve, state):
    """digest, step, is base, the fresh commitments and public elements, the folded instance."""
    commitments = 2 if curve is BN254 else 1
    digest, step = b.var(), b.var()
    base = b.is_zero(step)
    points = [b.trusted() for _ in range(commitments + 1)]
    u = b.var()
    x = [[b.var() for _ in range(4)] for _ in range(2)]
    fresh = [b.on_curve(curve) for _ in range(commitments)]
    before = _instance_hash(b, curve, digest, step, state, (points, u, x))
    fresh_x = [b.limbs(before), b.limbs(b.bits(250))]
    cross = b.on_curve(curve)
    absorbed = [digest] + [c for point in fresh for c in point[:2]] + [b.element(l) for l in fresh_x] + list(cross[:2])
    rho = b.hash(10, b"magnetar-v1 fold " + curve.name.encode(), absorbed, SQUEEZE_CHALLENGE)
    folded = []
    for running, point in zip(points, fresh + [cross]):
        multiple = b.multiply(curve, rho, point)
        folded.append(b.add(running, multiple))
    c = b.limbs(rho)
    u = b.sum(u, b.packed(rho), 1 << 128)
    folded_x = [b.foreign(x[i], c, fresh_x[i], curve.order) for i in range(2)]
    return digest, step, base, fresh, fresh_x, (folded, u, folded_x)


INFINITE = ({}, {}, U)
ZERO_LIMBS = [[{}] * 4, [{}] * 4]


def primary(block_stage2):
    """The primary relation's own circuit, behind so many stage-2 variables of blocks."""
    curve = GRUMPKIN
    b = Builder(curve.p, block_stage2)
    z0, z = b.var(), b.var()
    digest, step, base, _, fresh_x, folded = _verified_fold(b, curve, [z0, z])
    b.constrain(base, b.sum(z, (-1, z0)), {})
    running = _choose(b, base, ([INFINITE, INFINITE], {}, ZERO_LIMBS), folded)
    after = dict.fromkeys((STAGE2 + i for i in range(block_stage2)), 1)
    after.update(z)
    next_ = b.var()
    b.equal(next_, after)
    b.publish(b.element(fresh_x[1]))
    b.publish(b.packed(_instance_hash(b, curve, digest, b.sum(step, 1), [z0, next_], running)))
    return b


def secondary():
    curve = BN254
    b = Builder(curve.p)
    chain = b.var()
    digest, step, base, fresh, fresh_x, folded = _verified_fold(b, curve, [chain])
    b.constrain(base, chain, {})
    running = _choose(b, base, (fresh + [INFINITE], U, fresh_x), folded)
    chain = b.hash(5, b"magnetar-v1 chain", [chain, *fresh[0][:2]], SQUEEZE_ELEMENT)
    b.publish(b.element(fresh_x[1]))
    b.publish(b.packed(_instance_hash(b, curve, digest, b.sum(step, 1), [chain], running)))
    return b
