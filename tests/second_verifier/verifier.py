#!/usr/bin/env python3
"""A second verifier of Magnetar's proofs, after docs/protocol.md, for checking that text and the engine against each
other. It uses nothing of the engine, derives all generators by itself, and is slow: half a minute of processor time for
a segment of size 2^16.

    verifier.py PROOF ELF [INPUT]
"""

import hashlib
import secrets
import sys

from algebra import BN254, GRUMPKIN, INFINITY, R, batch_inverse, hash_to_field
from container import Refused, Varints, decode, parse_segment
from program import Program
from relation import le64, relations
from rows import INPUT, MEM, OUTPUT, PROG, STATE, TABLES, TEMPLATES
from sponge import SQUEEZE_DIGEST, hash_elements

STEP = 1024
MAX_FOLD_STEPS = 1 << 20
REGISTERS = 1 << 30  # key of register 0
RETURN_VALUE, INPUT_INDEX, OUTPUT_INDEX, INPUT_LENGTH = 10, 34, 35, 36


def need(condition, reason, detail=""):
    if not condition:
        raise Refused(reason, detail)


class State:
    """A machine's state between two rows; values by key of an address (section 11)."""

    def __init__(self, cycle, pc, values):
        self.cycle, self.pc, self.values = cycle, pc, values

    def value(self, key):
        return self.values.get(key, 0)


class Subject:
    """A program and its input."""

    def __init__(self, elf, data):
        self.program = Program(elf)
        self.program_id = hashlib.sha256(elf).digest()
        self.input = data
        self.input_digest = hashlib.sha256(data).digest()

    def start(self):
        values = dict(self.program.memory)
        values[REGISTERS + INPUT_LENGTH] = len(self.input)
        return State(0, self.program.entry, values)


def check_statement(s):
    """Section 10."""
    size = 1 << s["log_size"]
    pairs = list(zip(s["quotas"], TEMPLATES))
    need(all(quota <= size for quota, _ in pairs), "statement", "quotas")
    need(6144 + sum(q * len(t.constraints) for q, t in pairs) <= size, "statement", "constraints")
    need(sum(q * t.n1 for q, t in pairs) <= size, "statement", "stage 1")
    need(6144 + sum(q * t.n2 for q, t in pairs) <= size, "statement", "stage 2")
    cycles, steps, halted = s["cycles"], s["steps"], s["halted"]
    need(cycles <= (1 << 30) - 1, "statement", "cycles")
    if cycles == 0:
        need(halted and s["start_pc"] == s["end_pc"], "statement", "no cycles")
        need(s["first_step"] == 0 and steps == 0, "statement", "no cycles")
    else:
        need(1 <= steps <= 1 << 20 and s["first_step"] <= ((1 << 64) - 1) // STEP - (1 << 20), "statement", "steps")
        need(STEP * (steps - 1) < cycles <= STEP * steps, "statement", "steps")
        need(halted or cycles == STEP * steps, "statement", "steps")
    need(s["input_bytes"] <= (1 << 32) - 1, "statement", "input")
    need(s["input_start"] <= s["input_end"] <= s["input_bytes"], "statement", "input")
    need(s["output_start"] <= s["output_end"], "statement", "output")
    need(len(s["output"]) == s["output_end"] - s["output_start"], "statement", "output")
    need(halted or s["exit_code"] == 0, "statement", "exit code")


def statement_digest(s, lists):
    numbers = [1, s["log_size"], 21, *s["quotas"]]
    out = b"".join(map(le64, numbers)) + s["program_id"] + s["input_digest"]
    names = "input_bytes first_step steps cycles start_pc end_pc input_start input_end output_start output_end halted"
    out += b"".join(le64(s[name]) for name in (names + " exit_code").split())
    out += le64(len(s["output"])) + s["output"]
    return hashlib.sha256(b"magnetar-v1 statement" + hashlib.sha256(lists).digest() + out).digest()


def read_lists(data, subject, s):
    """Section 11: multiplicities of ops and of each table, and touched addresses as (key, first, last, time)."""
    source = Varints(data)

    def number(most, least=0):
        value = source.next()
        need(value is not None and least <= value <= most, "lists", "malformed")
        return value

    def indexed(count, end):
        next_ = 0
        for _ in range(count):
            next_ += number(end - 1 - next_)
            yield next_
            next_ += 1

    def multiplicities(size):
        return {i: number((1 << 64) - 1, 1) for i in indexed(number(len(data)), size)}

    program = multiplicities(subject.program.ops)
    need(all(op in subject.program.entries for op in program), "lists", "a word without an entry")
    tables = [multiplicities(size) for _, size, _ in TABLES]
    start = subject.start()
    touched = []
    last_time = 4 * s["cycles"] + 3 if s["cycles"] else 0
    for key in indexed(number(len(data)), REGISTERS + 41):
        first = number((1 << 32) - 1) if s["first_step"] else start.value(key)
        last = number((1 << 32) - 1)
        time = number(last_time, 4)
        need(key != REGISTERS or first == last == 0, "lists", "x0")
        touched.append((key, first, last, time))
    need(source.at_end(), "lists", "bytes follow")

    values = {key: (first, last) for key, first, last, _ in touched}
    for register, name in ((INPUT_INDEX, "input"), (OUTPUT_INDEX, "output")):
        stated = s[name + "_start"], s[name + "_end"]
        listed = values.get(REGISTERS + register, stated if stated[0] == stated[1] else None)
        need(listed == stated, "lists", name + " index")
    length = s["input_bytes"]
    need(values.get(REGISTERS + INPUT_LENGTH, (length, length)) == (length, length), "lists", "input length")
    return program, tables, touched


def verifier_sum(subject, s, lists, gamma, beta):
    """Section 12."""
    program, tables, touched = lists
    powers = [pow(beta, i, R) for i in range(16)]
    numerators, denominators = [], []

    def add(multiplicity, tag, *elements):
        fingerprint = tag * powers[15] + sum(t * power for t, power in zip(elements, powers))
        denominators.append((gamma - fingerprint) % R)
        numerators.append(multiplicity)

    for op, multiplicity in program.items():
        add(multiplicity, PROG, *subject.program.entries[op])
    for (tag, _, entry), multiplicities in zip(TABLES, tables):
        for i, multiplicity in multiplicities.items():
            add(multiplicity, tag, *entry(i))
    for key, first, last, time in touched:
        address = key if key < REGISTERS else (1 << 32) + key - REGISTERS
        add(1, MEM, address, first, 0)
        add(-1, MEM, address, last, time)
    add(1, STATE, s["start_pc"], 1)
    add(-1, STATE, s["end_pc"], s["cycles"] + 1)
    for i in range(s["input_start"], s["input_end"]):
        add(1, INPUT, i, subject.input[i])
    for j, byte in enumerate(s["output"], s["output_start"]):
        add(-1, OUTPUT, j, byte)
    need(all(denominators), "zero-denominator")
    return sum(n * inverse for n, inverse in zip(numerators, batch_inverse(denominators, R))) % R


def challenges(segment):
    """γ, β and the segment digest (section 9)."""
    s = segment["statement"]
    _, _, circuits = relations(tuple(s["quotas"]))
    message = circuits + statement_digest(s, segment["lists"]) + le64(segment["fold_steps"])
    message += segment["ivc"]["chain"].to_bytes(32, "little")
    gamma, beta = hash_to_field(message, b"magnetar-v1 segment challenge", 2, R)
    absorbed = circuits + gamma.to_bytes(32, "little") + beta.to_bytes(32, "little")
    digest = hashlib.sha256(b"magnetar-v1 segment" + absorbed).digest()
    return gamma, beta, int.from_bytes(digest, "little") & (1 << 250) - 1


def limbs(x):
    return [x >> 64 * i & (1 << 64) - 1 for i in range(4)]


def instance_hash(curve, digest, steps, state, running):
    elements = [digest, steps, *state]
    for name in ("c1", "c2", "e") if curve is BN254 else ("c2", "e"):
        elements += running[name]
    elements += [running["u"], *limbs(running["x"][0]), *limbs(running["x"][1])]
    return hash_elements(curve.p, 10, b"magnetar-v1 instance " + curve.name.encode(), elements, SQUEEZE_DIGEST)


def satisfied(relation, curve, instance, assignment, gamma=0, beta=0):
    """Whether w1, w2 and the error satisfy a running instance. The commitments are checked as one random combination:
    a wrong one passes with a chance of 2^-127."""
    w1, w2, error = assignment
    if (len(w1), len(w2), len(error)) != (relation.stage1, relation.stage2, relation.constraints):
        return "sizes"
    residuals = relation.residuals(instance["u"], instance["x"], w1, w2, gamma, beta)
    for i, (residual, allowed) in enumerate(zip(residuals, error)):
        if residual != allowed:
            return f"constraint {i}"
    rho = secrets.randbits(128)
    size = max(len(w1), len(w2), len(error))
    at = lambda v, i: v[i] if i < len(v) else 0
    scalars = [at(w1, i) + rho * (at(w2, i) + rho * at(error, i)) for i in range(size)]
    commitment = curve.combine(scalars, curve.generators(size))
    expected = instance.get("c1", INFINITY)
    expected = curve.add(expected, curve.times(rho, curve.add(instance["c2"], curve.times(rho, instance["e"]))))
    return None if commitment == expected else "commitments"


class Verifier:
    def __init__(self, subject, start=None, assuming=False):
        """`start` is the state that bundles begin in; by default the program's start. Or none: what is accepted then
        holds only under the claim's "assumption"."""
        self.subject = subject
        self.start = None if assuming else start or subject.start()

    def verify(self, data, steps=None):
        """Raises Refused, or gives the claim. `steps` is (first, count or None) if a range is asked for."""
        segments = [parse_segment(segment) for segment in decode(data)["segments"]]
        statements = [segment["statement"] for segment in segments]
        for i, s in enumerate(statements):
            self._check_statement(s, statements[i - 1] if i else None)
        total = sum(s["steps"] for s in statements)
        if steps:
            first, count = steps
            ends = total == count if count is not None else statements[-1]["halted"]
            need(statements[0]["first_step"] == first and ends, "wrong-range")
        values, assumed = {}, {}
        for i, segment in enumerate(segments):
            self._check_segment(segment, values, assumed, "continuity" if i else "state")
        if self.start is None:
            assumed.update({name: statements[0][name] for name in ("start_pc", "input_start", "output_start")})
        return {
            "first_step": statements[0]["first_step"],
            "steps": total,
            "cycles": sum(s["cycles"] for s in statements),
            "halted": bool(statements[-1]["halted"]),
            "exit_code": statements[-1]["exit_code"],
            "output": b"".join(s["output"] for s in statements),
            "assumption": assumed,
        }

    def _check_statement(self, s, before):
        check_statement(s)
        need(s["program_id"] == self.subject.program_id, "wrong-program")
        need(
            s["input_digest"] == self.subject.input_digest and s["input_bytes"] == len(self.subject.input),
            "wrong-input",
        )
        starts = s["start_pc"], s["input_start"], s["output_start"]
        if before is None and self.start is None:
            pass
        elif before is None:
            indices = (self.start.value(REGISTERS + register) for register in (INPUT_INDEX, OUTPUT_INDEX))
            need(s["first_step"] * STEP == self.start.cycle, "state", "cycle")
            need(starts == (self.start.pc, *indices), "state", "pc or index")
        else:
            need(s["cycles"] > 0 and not before["halted"], "continuity", "halted")
            need(s["first_step"] == before["first_step"] + before["steps"], "continuity", "step")
            need(starts == (before["end_pc"], before["input_end"], before["output_end"]), "continuity", "pc or index")
        program = self.subject.program
        need(s["end_pc"] in (program.halts if s["halted"] else program.pcs), "end-pc")

    def _check_segment(self, segment, values, assumed, mismatch):
        s = segment["statement"]
        lists = read_lists(segment["lists"], self.subject, s)

        def holds(key, value):
            if key in values:
                return values[key] == value
            if self.start is not None:
                return self.start.value(key) == value
            assumed[key] = value
            return True

        for key, first, last, _ in lists[2]:
            need(holds(key, first), mismatch, f"first value of {key:#x}")
            values[key] = last
        need(not s["halted"] or holds(REGISTERS + RETURN_VALUE, s["exit_code"]), "exit-code")

        n, ivc = segment["fold_steps"], segment["ivc"]
        need(1 <= n <= MAX_FOLD_STEPS, "fold-steps")
        gamma, beta, digest = challenges(segment)
        need((verifier_sum(self.subject, s, lists, gamma, beta) + segment["sum"]) % R == 0, "bus")

        one, two, fresh = ivc["primary"], ivc["secondary"], ivc["fresh"]
        need(max(one["u"], two["u"]) < 1 << 150 and max(fresh["x"]) < 1 << 250, "ivc-range")
        need(fresh["x"][0] == instance_hash(GRUMPKIN, digest, n, [0, segment["sum"]], two), "primary-hash")
        need(fresh["x"][1] == instance_hash(BN254, digest, n, [ivc["chain"]], one), "secondary-hash")
        primary, secondary, _ = relations(tuple(s["quotas"]))
        relaxed = {"c2": fresh["c2"], "e": INFINITY, "u": 1, "x": fresh["x"]}
        why = satisfied(secondary, GRUMPKIN, relaxed, ([], fresh["w2"], [0] * secondary.constraints))
        need(why is None, "fresh-instance", why)
        why = satisfied(secondary, GRUMPKIN, two, ([], two["w2"], two["error"]))
        need(why is None, "secondary-instance", why)
        why = satisfied(primary, BN254, one, (one["w1"], one["w2"], one["error"]), gamma, beta)
        need(why is None, "primary-instance", why)


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    files = []
    for name in sys.argv[1:]:
        with open(name, "rb") as file:
            files.append(file.read())
    proof, elf, data = (files + [b""])[:3]
    try:
        claim = Verifier(Subject(elf, data)).verify(proof)
    except Refused as refused:
        sys.exit(f"refused: {refused}")
    print("accepted:", claim)


if __name__ == "__main__":
    main()
