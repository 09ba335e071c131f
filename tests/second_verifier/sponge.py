"""Poseidon and the sponge (docs/protocol.md, section 3)."""

import functools
import hashlib

FULL_ROUNDS = 8
PARTIAL_ROUNDS = 60

ABSORB, SQUEEZE_ELEMENT, SQUEEZE_DIGEST, SQUEEZE_CHALLENGE = 1, 4, 5, 6


def _grain(width):
    state = []
    for value, bits in ((1, 2), (0, 4), (254, 12), (width, 12), (FULL_ROUNDS, 10), (PARTIAL_ROUNDS, 10)):
        state += [value >> i & 1 for i in reversed(range(bits))]
    state += [1] * 30

    def clock():
        bit = state[62] ^ state[51] ^ state[38] ^ state[23] ^ state[13] ^ state[0]
        state.pop(0)
        state.append(bit)
        return bit

    for _ in range(160):
        clock()
    while True:
        value = 0
        for _ in range(254):
            while not clock():
                clock()
            value = value << 1 | clock()
        yield value


class Poseidon:
    """The constants of a width over the integers modulo p."""

    def __init__(self, p, width):
        self.p, self.width = p, width
        self.rounds = FULL_ROUNDS + PARTIAL_ROUNDS
        numbers = _grain(width)
        constants = []
        while len(constants) < self.rounds * width:
            value = next(numbers)
            if value < p:
                constants.append(value)
        self.constants = [constants[i : i + width] for i in range(0, len(constants), width)]
        draws = [next(numbers) % p for _ in range(2 * width)]
        x, y = draws[:width], draws[width:]
        self.matrix = [[pow(x[i] + y[j], -1, p) for j in range(width)] for i in range(width)]

    def is_full(self, round_):
        return not FULL_ROUNDS // 2 <= round_ < FULL_ROUNDS // 2 + PARTIAL_ROUNDS

    def permute(self, state):
        p = self.p
        for round_ in range(self.rounds):
            state = [a + c for a, c in zip(state, self.constants[round_])]
            for i in range(self.width if self.is_full(round_) else 1):
                state[i] = pow(state[i], 5, p)
            state = [sum(m * s for m, s in zip(row, state)) % p for row in self.matrix]
        return state


@functools.lru_cache(maxsize=None)
def poseidon(p, width):
    return Poseidon(p, width)


def capacity(tag, absorbed, squeeze):
    """The capacity's value of the pattern: absorb so many elements, squeeze once."""
    message = b"magnetar-v1 sponge" + len(tag).to_bytes(4, "little") + tag
    for operation, count in ((ABSORB, absorbed), (squeeze, 1)):
        message += bytes([operation]) + count.to_bytes(4, "little")
    return int.from_bytes(hashlib.sha256(message).digest()[:31], "little")


def hash_elements(p, width, tag, elements, squeeze):
    """What the sponge squeezes: an element, a digest, or a challenge."""
    state = [capacity(tag, len(elements), squeeze)] + [0] * (width - 1)
    permutation = poseidon(p, width)
    rate = width - 1
    for at in range(0, len(elements), rate):
        for i, element in enumerate(elements[at : at + rate]):
            state[1 + i] += element
        state = permutation.permute(state)
    bits = {SQUEEZE_ELEMENT: 256, SQUEEZE_DIGEST: 250, SQUEEZE_CHALLENGE: 128}[squeeze]
    return state[1] & ((1 << bits) - 1)
