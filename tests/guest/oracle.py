#!/usr/bin/env python3
"""What the guest programs must answer, computed without them, from their description in vm/guest/README.md.

oracle.py           writes expected.json, beside this file
oracle.py --check   says whether expected.json is what would be written
"""

import hashlib
import json
import pathlib
import sys

EXPECTED = pathlib.Path(__file__).with_name("expected.json")
UNUSABLE_INPUT = 2
# Outputs beyond this are stated by their SHA-256.
MAX_OUTPUT_STATED = 256


class UnusableInput(Exception):
    pass


def size_of(text, otherwise, limit):
    """The number in the bytes `text`, as the guests read sizes."""
    words = text.split()
    if not words:
        return otherwise
    if len(words) > 1 or not words[0].isdigit() or int(words[0]) > limit:
        raise UnusableInput
    return int(words[0])


def generated_numbers():
    x = 2463534242
    while True:
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFFFFFF
        yield x


def little_endian(numbers):
    return b"".join(n.to_bytes(4, "little") for n in numbers)


def fibonacci(text):
    a, b = 0, 1
    for _ in range(size_of(text, 1000, 10000)):
        a, b = b, a + b
    return b"%d\n" % a


def quicksort(text):
    count = size_of(text, 1000, 100000)
    generator = generated_numbers()
    return little_endian(sorted(next(generator) for _ in range(count)))


def matrix(text):
    size = size_of(text, 16, 64)
    generator = generated_numbers()
    a, b = ([[next(generator) for _ in range(size)] for _ in range(size)] for _ in range(2))
    columns = list(zip(*b))
    return little_endian(
        sum(x * y for x, y in zip(row, column)) % 2**32 for row in a for column in columns
    )


def modexp(text):
    bits = size_of(text, 128, 512)
    if bits == 0 or bits % 32 != 0:
        raise UnusableInput
    generator = generated_numbers()
    base, exponent, modulus = (
        sum(next(generator) << shift for shift in range(0, bits, 32)) for _ in range(3)
    )
    modulus |= 1 | 1 << (bits - 1)
    base %= modulus
    return b"".join(
        n.to_bytes(bits // 8, "big") for n in (base, exponent, modulus, pow(base, exponent, modulus))
    )


def rotate_left(lane, n):
    n %= 64
    return (lane << n | lane >> (64 - n)) & (2**64 - 1)


def keccak_f1600(a):
    """Keccak-f[1600] on a dict of lanes by (x, y), from FIPS 202, section 3.2, tables recomputed."""
    lfsr = 1
    for _ in range(24):
        parity = [a[x, 0] ^ a[x, 1] ^ a[x, 2] ^ a[x, 3] ^ a[x, 4] for x in range(5)]
        a = {(x, y): lane ^ parity[(x - 1) % 5] ^ rotate_left(parity[(x + 1) % 5], 1) for (x, y), lane in a.items()}

        rotated = {(0, 0): a[0, 0]}
        x, y = 1, 0
        for t in range(24):
            rotated[x, y] = rotate_left(a[x, y], (t + 1) * (t + 2) // 2)
            x, y = y, (2 * x + 3 * y) % 5
        a = {(x, y): rotated[(x + 3 * y) % 5, x] for x in range(5) for y in range(5)}

        a = {(x, y): a[x, y] ^ ~a[(x + 1) % 5, y] & a[(x + 2) % 5, y] for x in range(5) for y in range(5)}

        for j in range(7):
            if lfsr & 1:
                a[0, 0] ^= 1 << (2**j - 1)
            lfsr = lfsr << 1 ^ (0x171 if lfsr & 0x80 else 0)
    return a


def keccak256(data, suffix=0x01):
    rate = 136
    padded = bytearray(data) + bytes([suffix]) + bytes(-(len(data) + 1) % rate)
    padded[-1] ^= 0x80
    a = {(x, y): 0 for x in range(5) for y in range(5)}
    for start in range(0, len(padded), rate):
        for i in range(rate // 8):
            a[i % 5, i // 5] ^= int.from_bytes(padded[start + 8 * i : start + 8 * i + 8], "little")
        a = keccak_f1600(a)
    return b"".join(a[x, 0].to_bytes(8, "little") for x in range(4))


def wordcount(data):
    return b"%d %d %d\n" % (data.count(b"\n"), len(data.split()), len(data))


def input_bytes(case):
    """The input of a case: its bytes, so many times over."""
    return bytes.fromhex(case["input_hex"]) * case.get("times", 1)


def case(data, times=1):
    return {"input_hex": data.hex()} | ({"times": times} if times != 1 else {})


def texts(*numbers):
    return [case(str(number).encode()) for number in numbers]


def byte_runs(*sizes):
    """Inputs of these sizes; bytes that are near each other differ."""
    return [case(bytes((7 * i + 3) % 256 for i in range(size))) for size in sizes]


# No number, two numbers, a sign, a digit of another script, bytes beyond ASCII, overflow of 32 and of 64 bits.
NO_SIZES = [case(data) for data in (b"x", b"12x", b"1 2", b"-1", b"+1", b"0x10", "\u0661".encode(), b"\xff\x00")]
NO_SIZES += texts(2**32 + 1, 2**64 + 1)
LONG_BLANK = [case(b" \t\n\v\f\r", 5000)]

GUESTS = {
    "fibonacci": (fibonacci, [case(b"")] + texts(0, 1, 2, 3, 47, 48, 1000, 10000, " 90\n", "00007", 10001)
                  + LONG_BLANK + NO_SIZES),
    "keccak256": (keccak256, byte_runs(0, 1, 3, 8, 134, 135, 136, 137, 271, 272) + [case(b"keccak\n", 3000)]),
    "matrix": (matrix, [case(b"")] + texts(0, 1, 2, 3, 16, 33, "5 ", 65) + LONG_BLANK + NO_SIZES),
    "modexp": (modexp, [case(b"")] + texts(32, 64, 96, 128, 256, "\t160\n", 0, 31, 33, 544) + NO_SIZES),
    "quicksort": (quicksort, [case(b"")] + texts(0, 1, 2, 3, 4, 12, 13, 14, 100, 30000, 100001) + LONG_BLANK
                  + NO_SIZES),
    "sha256": (lambda data: hashlib.sha256(data).digest(),
               byte_runs(0, 1, 3, 54, 55, 56, 57, 63, 64, 65, 119, 120, 128) + [case(b"sha-256\n", 5000)]),
    "wordcount": (wordcount, [case(data) for data in (
        b"", b"\n", b" ", b"word", b"word\n", b"two words", b" \t two\n\nlines\r\nof  words \n", bytes(range(256)))]
        + [case(b"the quick brown fox\n", 4000), case(b"\n", 20000), case(b"x", 20000)]),
}


def expected():
    assert keccak256(b"magnetar", suffix=0x06) == hashlib.sha3_256(b"magnetar").digest()
    answers = {}
    for name, (answer, cases) in GUESTS.items():
        answers[name] = []
        for stated in cases:
            data = input_bytes(stated)
            try:
                output = answer(data)
                exit_code = 0
            except UnusableInput:
                output, exit_code = b"", UNUSABLE_INPUT
            answers[name].append(stated | {"exit_code": exit_code} | (
                {"output_hex": output.hex()} if len(output) <= MAX_OUTPUT_STATED
                else {"output_sha256": hashlib.sha256(output).hexdigest()}))
    return answers


def to_json(answers):
    """One case a line."""
    guests = []
    for name, cases in answers.items():
        lines = ",\n".join("    " + json.dumps(c) for c in cases)
        guests.append(f'  "{name}": [\n{lines}\n  ]')
    return "{\n" + ",\n".join(guests) + "\n}\n"


def main(arguments):
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    text = to_json(expected())
    if not arguments:
        EXPECTED.write_text(text)
    elif EXPECTED.read_text() != text:
        print(f"{EXPECTED.name} is not what {pathlib.Path(__file__).name} computes: run it")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
