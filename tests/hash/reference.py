#!/usr/bin/env python3
"""Poseidon, RFC 9380 hashing and the sponge's tags over BN254's fields, written apart from the engine with Python's
integers. Prints the known answers that the tests quote where nobody has published any; with --check FILE... says which
of them none of the files quotes."""

import argparse
import hashlib
import sys

R = 0x30644E72E131A029B85045B68181585D2833E84879B9709143E1F593F0000001
Q = 0x30644E72E131A029B85045B68181585D97816A916871CA8D3C208C16D87CFD47


def grain_bits(width, full_rounds, partial_rounds):
    text = f"{1:02b}{0:04b}{254:012b}{width:012b}{full_rounds:010b}{partial_rounds:010b}" + "1" * 30
    state = [int(c) for c in text]

    def clock():
        bit = state[62] ^ state[51] ^ state[38] ^ state[23] ^ state[13] ^ state[0]
        state.pop(0)
        state.append(bit)
        return bit

    for _ in range(160):
        clock()
    while True:
        first, second = clock(), clock()
        if first:
            yield second


def poseidon_parameters(p, width, full_rounds, partial_rounds):
    bits = grain_bits(width, full_rounds, partial_rounds)

    def draw():
        return int("".join(str(next(bits)) for _ in range(254)), 2)

    constants = []
    while len(constants) < (full_rounds + partial_rounds) * width:
        value = draw()
        if value < p:
            constants.append(value)
    values = [draw() % p for _ in range(2 * width)]
    return constants, [[pow(x + y, -1, p) for y in values[width:]] for x in values[:width]]


def poseidon(p, state, partial_rounds, full_rounds=8):
    width = len(state)
    constants, matrix = poseidon_parameters(p, width, full_rounds, partial_rounds)
    for number in range(full_rounds + partial_rounds):
        state = [(x + c) % p for x, c in zip(state, constants[number * width:])]
        full = not full_rounds // 2 <= number < full_rounds // 2 + partial_rounds
        state = [pow(x, 5, p) if full or i == 0 else x for i, x in enumerate(state)]
        state = [sum(m * x for m, x in zip(row, state)) % p for row in matrix]
    return state


def sha256(data):
    return hashlib.sha256(data).digest()


def expand_message(message, tag, length):
    tag_prime = tag + bytes([len(tag)])
    b0 = sha256(bytes(64) + message + length.to_bytes(2, "big") + b"\0" + tag_prime)
    block, out = bytes(32), b""
    for i in range(1, -(-length // 32) + 1):
        block = sha256(bytes(x ^ y for x, y in zip(b0, block)) + bytes([i]) + tag_prime)
        out += block
    return out[:length]


def hash_to_field(p, message, tag, count):
    data = expand_message(message, tag, 48 * count)
    return [int.from_bytes(data[48 * i:48 * i + 48], "big") % p for i in range(count)]


def is_square(p, a):
    return a % p == 0 or pow(a, (p - 1) // 2, p) == 1


def square_root(p, a):
    """Cipolla's method: the engine uses Tonelli's."""
    a %= p
    if a == 0:
        return 0
    t = 0
    while is_square(p, t * t - a):
        t += 1
    w = (t * t - a) % p
    result, base, exponent = (1, 0), (t, 1), (p + 1) // 2
    while exponent:
        if exponent & 1:
            result = ((result[0] * base[0] + result[1] * base[1] * w) % p,
                      (result[0] * base[1] + result[1] * base[0]) % p)
        base = ((base[0] * base[0] + base[1] * base[1] * w) % p, 2 * base[0] * base[1] % p)
        exponent >>= 1
    assert result[1] == 0 and result[0] * result[0] % p == a
    return result[0]


def map_to_curve(p, b, u):
    """RFC 9380, section 6.6.1, with Z = 1 and the even square root c3."""
    g = lambda x: (x**3 + b) % p
    inverse0 = lambda x: pow(x, p - 2, p)
    c3 = square_root(p, -3 * g(1))
    c3 = p - c3 if c3 % 2 else c3
    half = pow(2, -1, p)
    tv1 = u * u * g(1) % p
    tv2, tv1 = 1 + tv1, 1 - tv1
    tv3 = inverse0(tv1 * tv2)
    tv5 = u * tv1 * tv3 * c3 % p
    candidates = [(-half - tv5) % p, (-half + tv5) % p, (1 - 4 * g(1) * pow(3, -1, p) * (tv2 * tv2 * tv3)**2) % p]
    x = next(x for x in candidates if is_square(p, g(x)))
    y = square_root(p, g(x))
    return x, y if y % 2 == u % 2 else p - y


def add(p, first, second):
    (x1, y1), (x2, y2) = first, second
    slope = 3 * x1 * x1 * pow(2 * y1, -1, p) if first == second else (y2 - y1) * pow(x2 - x1, -1, p)
    x3 = (slope * slope - x1 - x2) % p
    return x3, (slope * (x1 - x3) - y1) % p


def hash_to_curve(p, b, message, tag):
    return add(p, *(map_to_curve(p, b, u) for u in hash_to_field(p, message, tag, 2)))


def known_answers():
    for width, partial_rounds in ((3, 57), (5, 60), (9, 63)):
        yield from poseidon(Q, list(range(width)), partial_rounds)[:3]
    tag = b"QUUX-V01-CS02-with-GRUMPKIN_XMD:SHA-256_SVDW_RO_"
    for message in (b"", b"abc", b"abcdef0123456789", b"q128_" + b"q" * 128, b"a512_" + b"a" * 512):
        yield from hash_to_field(R, message, tag, 2)
        yield from hash_to_curve(R, -17, message, tag)
    for p, b, suite in ((Q, 3, b"BN254G1_XMD:SHA-256_SVDW_RO_"), (R, -17, b"GRUMPKIN_XMD:SHA-256_SVDW_RO_")):
        for index in (0, 1, 1000):
            yield from hash_to_curve(p, b, index.to_bytes(8, "big"), b"MAGNETAR-V01-CS01-generators-with-" + suite)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", nargs="+", metavar="FILE", help="test sources that must quote every answer")
    arguments = parser.parse_args()
    answers = [f"{value:064x}" for value in known_answers()]
    if not arguments.check:
        print("\n".join(answers))
        return 0
    quoted = "".join(open(name, encoding="utf-8").read() for name in arguments.check)
    missing = [answer for answer in answers if answer not in quoted]
    print(f"{len(answers) - len(missing)} of {len(answers)} answers are quoted")
    print("".join(f"not quoted: {answer}\n" for answer in missing), end="")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
