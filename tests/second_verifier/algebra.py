"""Fields, curves, hashing to them, generators, commitments (docs/protocol.md, section 2)."""

import hashlib

R = 0x30644E72E131A029B85045B68181585D2833E84879B9709143E1F593F0000001
Q = 0x30644E72E131A029B85045B68181585D97816A916871CA8D3C208C16D87CFD47

INFINITY = (0, 0)


def batch_inverse(values, p):
    """The inverses of nonzero elements, with one inversion in all."""
    prefix, product = [], 1
    for value in values:
        prefix.append(product)
        product = product * value % p
    inverse = pow(product, -1, p)
    result = [0] * len(values)
    for i in range(len(values) - 1, -1, -1):
        result[i] = inverse * prefix[i] % p
        inverse = inverse * values[i] % p
    return result


class SquareRoots:
    """Square roots modulo an odd prime (Tonelli and Shanks)."""

    def __init__(self, p):
        self.p = p
        self.odd, self.twos = p - 1, 0
        while self.odd % 2 == 0:
            self.odd //= 2
            self.twos += 1
        non_residue = next(n for n in range(2, p) if pow(n, (p - 1) // 2, p) == p - 1)
        self.root_of_unity = pow(non_residue, self.odd, p)

    def sqrt(self, a):
        """A square root of `a`, or None."""
        p = self.p
        if a == 0:
            return 0
        if self.twos > 1 and pow(a, (p - 1) // 2, p) != 1:
            return None
        power = pow(a, (self.odd - 1) // 2, p)
        root = a * power % p
        rest = root * power % p  # a^odd
        if self.twos == 1:
            return root if rest == 1 else None
        unit, order = self.root_of_unity, self.twos
        while rest != 1:
            square, i = rest, 0
            while square != 1:
                square = square * square % p
                i += 1
            for _ in range(order - i - 1):
                unit = unit * unit % p
            order = i
            root = root * unit % p
            unit = unit * unit % p
            rest = rest * unit % p
        return root


def expand_message(message, tag, length):
    """expand_message_xmd with SHA-256 (RFC 9380, section 5.3.1), for tags of at most 255 bytes."""
    dst = tag + bytes([len(tag)])
    first = hashlib.sha256(bytes(64) + message + length.to_bytes(2, "big") + b"\0" + dst).digest()
    block, result = bytes(32), b""
    for i in range(1, (length + 31) // 32 + 1):
        mixed = (int.from_bytes(first, "big") ^ int.from_bytes(block, "big")).to_bytes(32, "big")
        block = hashlib.sha256(mixed + bytes([i]) + dst).digest()
        result += block
    return result[:length]


def hash_to_field(message, tag, count, p):
    data = expand_message(message, tag, 48 * count)
    return [int.from_bytes(data[48 * i : 48 * i + 48], "big") % p for i in range(count)]


class Curve:
    """y^2 = x^3 + b over the integers modulo p, of prime order."""

    def __init__(self, name, p, order, b, generator, tag):
        self.name, self.p, self.order, self.b = name, p, order, b % p
        self.generator, self.tag = generator, tag
        self._generators = []
        self._roots = SquareRoots(p)
        g = 1 + self.b
        self._c1 = g % p
        self._c2 = -pow(2, -1, p) % p
        c3 = self._roots.sqrt(-3 * g % p)
        self._c3 = c3 if c3 % 2 == 0 else p - c3
        self._c4 = -4 * g * pow(3, -1, p) % p

    def is_point(self, point):
        x, y = point
        return point == INFINITY or (y * y - x * x * x - self.b) % self.p == 0

    def add(self, a, b):
        if a == INFINITY:
            return b
        if b == INFINITY:
            return a
        p = self.p
        if a[0] == b[0]:
            if (a[1] + b[1]) % p == 0:
                return INFINITY
            slope = 3 * a[0] * a[0] * pow(2 * a[1], -1, p) % p
        else:
            slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, p) % p
        x = (slope * slope - a[0] - b[0]) % p
        return x, (slope * (a[0] - x) - a[1]) % p

    def times(self, scalar, point):
        result = INFINITY
        for bit in bin(scalar % self.order)[2:]:
            result = self.add(result, result)
            if bit == "1":
                result = self.add(result, point)
        return result

    def _map_all(self, us):
        """map_to_curve of many elements."""
        p, c1, c2, c3, c4, b = self.p, self._c1, self._c2, self._c3, self._c4, self.b
        sqrt = self._roots.sqrt
        t = [u * u * c1 % p for u in us]
        products = [(1 - a) * (1 + a) % p for a in t]
        inverses = batch_inverse([a or 1 for a in products], p)
        points = []
        for u, a, product, inverse in zip(us, t, products, inverses):
            t3 = inverse if product else 0
            t4 = u * (1 - a) * t3 % p * c3 % p
            for candidate in range(3):
                if candidate == 0:
                    x = (c2 - t4) % p
                elif candidate == 1:
                    x = (c2 + t4) % p
                else:
                    x = (1 + c4 * pow((1 + a) * (1 + a) * t3, 2, p)) % p
                y = sqrt((x * x * x + b) % p)
                if y is not None:
                    break
            points.append((x, y if y % 2 == u % 2 else p - y))
        return points

    def generators(self, count):
        """The first `count` generators; kept."""
        have = len(self._generators)
        if have < count:
            us = []
            for i in range(have, count):
                us += hash_to_field(i.to_bytes(8, "big"), self.tag, 2, self.p)
            points = self._map_all(us)
            self._generators += add_pairs(points[0::2], points[1::2], self)
        return self._generators[:count]

    def combine(self, scalars, points):
        """The sum of scalar times point (Pippenger, signed digits, affine additions with shared inversions)."""
        p = self.p
        pairs = [(s, pt) for s, pt in ((s % self.order, pt) for s, pt in zip(scalars, points)) if s and pt != INFINITY]
        width = max(3, min(13, len(pairs).bit_length() - 3))
        half, full = 1 << (width - 1), 1 << width
        windows = 254 // width + 2
        buckets = [[[] for _ in range(half)] for _ in range(windows)]
        for scalar, point in pairs:
            negative = (point[0], p - point[1])
            window = 0
            while scalar:
                digit = scalar % full
                scalar //= full
                if digit > half:
                    digit -= full
                    scalar += 1
                    buckets[window][-digit - 1].append(negative)
                elif digit:
                    buckets[window][digit - 1].append(point)
                window += 1
        result = INFINITY
        for window in reversed(range(windows)):
            for _ in range(width):
                result = self.add(result, result)
            result = self.add(result, self._window_sum(buckets[window]))
        return result

    def _window_sum(self, buckets):
        # Each bucket's points are added in pairs, all buckets at once, until one is left.
        while True:
            left, right, places = [], [], []
            for place, bucket in enumerate(buckets):
                for i in range(0, len(bucket) - 1, 2):
                    left.append(bucket[i])
                    right.append(bucket[i + 1])
                    places.append(place)
                if len(bucket) > 1:
                    buckets[place] = bucket[-1:] if len(bucket) % 2 else []
            if not left:
                break
            for place, point in zip(places, add_pairs(left, right, self)):
                buckets[place].append(point)
        # Sum of number times bucket, by blocks whose running sums go on together.
        size = 64 if len(buckets) >= 4096 else max(1, len(buckets) // 64)
        blocks = [range(at, min(at + size, len(buckets))) for at in range(0, len(buckets), size)]
        running, weighted = [INFINITY] * len(blocks), [INFINITY] * len(blocks)
        for step in range(size):
            tops = []
            for block in blocks:
                at = block.stop - 1 - step
                tops.append(buckets[at][0] if at >= block.start and buckets[at] else INFINITY)
            running = add_pairs(running, tops, self)
            weighted = add_pairs(weighted, running, self)
        # Numbers in block b are size·b + 1, ..; `weighted` counts them from 1.
        total, above, blocks_below = INFINITY, INFINITY, INFINITY
        for b in reversed(range(len(blocks))):
            total = self.add(total, weighted[b])
            if b:
                above = self.add(above, running[b])
                blocks_below = self.add(blocks_below, above)
        return self.add(total, self.times(size, blocks_below))


def add_pairs(left, right, curve):
    """left[i] + right[i] for all i."""
    p = curve.p
    denominators = []
    for a, b in zip(left, right):
        d = b[0] - a[0]
        if a == INFINITY or b == INFINITY or d == 0:
            d = 1
        denominators.append(d)
    sums = []
    for a, b, inverse in zip(left, right, batch_inverse(denominators, p)):
        x1, y1 = a
        x2, y2 = b
        if x1 == x2 or a == INFINITY or b == INFINITY:
            sums.append(curve.add(a, b))
            continue
        slope = (y2 - y1) * inverse % p
        x = (slope * slope - x1 - x2) % p
        sums.append((x, (slope * (x1 - x) - y1) % p))
    return sums


BN254 = Curve("bn254", Q, R, 3, (1, 2), b"MAGNETAR-V01-CS01-generators-with-BN254G1_XMD:SHA-256_SVDW_RO_")
GRUMPKIN = Curve(
    "grumpkin",
    R,
    Q,
    -17,
    (1, 0x2CF135E7506A45D632D270D45F1181294833FC48D823F272C),
    b"MAGNETAR-V01-CS01-generators-with-GRUMPKIN_XMD:SHA-256_SVDW_RO_",
)
