#!/usr/bin/env python3
"""Proves a bundled guest and has the second verifier accept the proof, and refuse changed ones for the expected reason
and for the one that the engine gives.

    check.py MAGNETAR FOLDER-OF-GUESTS
"""

import copy
import json
import pathlib
import subprocess
import sys
import tempfile

from algebra import GRUMPKIN, Q, R
from container import Refused, decode, encode, parse_segment, varint
from relation import relations
from rows import TABLES
from verifier import REGISTERS, Subject, Verifier, challenges, read_lists

INPUT = b"second " * 14
STEPS = 7


def u256(number):
    return number.to_bytes(32, "little")


def changed(data, p, at=0, by=1):
    """Vectors of elements with one of them changed."""
    element = int.from_bytes(data[32 * at : 32 * at + 32], "little")
    return data[: 32 * at] + u256((element + by) % p) + data[32 * at + 32 :]


def write_lists(lists, with_first_values):
    program, tables, touched = lists
    out = b""
    for multiplicities in (program, *tables):
        out += varint(len(multiplicities))
        next_ = 0
        for i, multiplicity in sorted(multiplicities.items()):
            out += varint(i - next_) + varint(multiplicity)
            next_ = i + 1
    out += varint(len(touched))
    next_ = 0
    for key, first, last, time in touched:
        out += varint(key - next_) + (varint(first) if with_first_values else b"") + varint(last) + varint(time)
        next_ = key + 1
    return out


def forged_primary(segment):
    """Another stage-2 value, with the error that goes with it: only the commitments can tell."""
    parsed = parse_segment(segment)
    primary, _, _ = relations(tuple(parsed["statement"]["quotas"]))
    gamma, beta, _ = challenges(parsed)
    running = segment["ivc"]["primary"]
    running["stage2"] = changed(running["stage2"], R, 5)
    instance = parse_segment(segment)["ivc"]["primary"]
    residuals = primary.residuals(instance["u"], instance["x"], instance["w1"], instance["w2"], gamma, beta)
    running["error"] = b"".join(map(u256, residuals))


class Check:
    def __init__(self, magnetar, elf, cache, folder):
        self.magnetar, self.elf, self.cache, self.folder = magnetar, elf, cache, folder
        self.subject = Subject(elf.read_bytes(), INPUT)
        self.verifier = Verifier(self.subject)
        self.failures = self.count = 0

    def run(self, command, *arguments):
        flags = ("--cache", self.cache, "--input-hex", INPUT.hex(), "--json")
        done = subprocess.run([self.magnetar, command, *arguments, *flags], capture_output=True)
        return json.loads(done.stdout)

    def prove(self):
        proof = self.folder / "proof"
        flags = ("--params", "fit-16", "--segment-steps", str(STEPS))
        result = self.run("prove", self.elf, "--out", proof, *flags)
        assert result["segments"] == 2 and result["fold_steps"] >= 4, result
        return proof.read_bytes()

    def report(self, name, good, what):
        self.count += 1
        self.failures += not good
        print("ok  " if good else "FAIL", name, what, flush=True)

    def accept(self, name, data, assuming=False):
        """Both accept, and say the same of the execution."""
        path = self.folder / "accepted"
        path.write_bytes(data)
        theirs = self.run("verify", path, "--elf", self.elf)
        try:
            claim = Verifier(self.subject, assuming=assuming).verify(data)
        except Refused as refused:
            return self.report(name, False, refused)
        mine = {key: claim[key] for key in ("first_step", "steps", "cycles", "halted", "exit_code")}
        mine |= {"accepted": True, "complete": not assuming, "output_hex": claim["output"].hex()}
        if assuming:
            assumed = claim["assumption"]
            mine["assumed"] = {
                "pc": assumed["start_pc"],
                "input_index": assumed["input_start"],
                "output_index": assumed["output_start"],
                "values": sum(isinstance(key, int) for key in assumed),
            }
        wrong = {key: (value, theirs.get(key)) for key, value in mine.items() if value != theirs.get(key)}
        self.report(name, not wrong, wrong or "accepted")

    def refuse(self, name, data, expected, steps=None):
        try:
            self.verifier.verify(data, steps)
            mine = "accepted"
        except Refused as refused:
            mine = refused.reason
        path = self.folder / "changed"
        path.write_bytes(data)
        flags = () if steps is None else ("--steps", f"{steps[0]}:{'' if steps[1] is None else steps[1]}")
        result = self.run("verify", path, "--elf", self.elf, *flags)
        theirs = result["error"]["kind"] if "error" in result else result["reason"]
        self.report(name, mine == theirs == expected, f"{mine}, engine: {theirs}")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        check = Check(sys.argv[1], pathlib.Path(sys.argv[2]) / "sha256.elf", folder / "cache", folder)
        run_all(check)
    print(f"{check.count - check.failures} of {check.count} right")
    sys.exit(check.failures != 0)


def run_all(check):
    data = check.prove()
    bundle = decode(data)
    check.report("encode", encode(bundle) == data, "gives the same bytes")

    def with_changes(change, segments=(0,)):
        result = {"version": bundle["version"], "segments": [copy.deepcopy(bundle["segments"][i]) for i in segments]}
        change(result["segments"][-1])
        return encode(result)

    def refuse(name, reason, change, segments=(0,)):
        check.refuse(name, with_changes(change, segments), reason)

    # The container.
    check.refuse("truncated", data[:-1], "not-a-proof")
    check.refuse("a byte more", data + b"\0", "not-a-proof")
    check.refuse("nothing", b"", "unknown-version")
    check.refuse("version 2", b"\x08\x02" + data[2:], "unknown-version")
    check.refuse("no segments", encode({"version": 1, "segments": []}), "no-segments")
    check.refuse("a field twice", data[:2] * 2 + data[2:], "not-a-proof")

    def field(name, value):
        return lambda s: s.__setitem__(name, value)

    def statement(**values):
        return lambda s: s["statement"].update(values)

    def ivc(path, change):
        def apply(s):
            message = s["ivc"]
            *parents, last = path.split(".")
            for parent in parents:
                message = message[parent]
            message[last] = change(message[last])

        return apply

    first = bundle["segments"][0]["statement"]
    second = bundle["segments"][1]["statement"]
    refuse("log_size 15", "out-of-range", statement(log_size=15))
    refuse("20 quotas", "wrong-length", statement(quotas=first["quotas"][:-1]))
    refuse("sum not reduced", "not-a-field-element", field("sum", u256(R + 1)))
    refuse("stage-1 element not reduced", "not-a-field-element", ivc("primary.stage1", lambda v: u256(R) + v[32:]))
    refuse("point off the curve", "not-a-point", ivc("primary.c1", lambda v: changed(v, Q)))
    refuse("half an element", "wrong-length", ivc("primary.error", lambda v: v[:-16]))

    # Statements.
    refuse("too many rows", "statement", statement(quotas=[1 << 16] + first["quotas"][1:]))
    refuse("one step more", "statement", statement(steps=STEPS + 1))
    refuse("exit code without an exit", "statement", statement(exit_code=1))
    refuse("other program", "wrong-program", statement(program_id=bytes(32)))
    refuse("other input", "wrong-input", statement(input_digest=bytes(32)))
    refuse("other start", "state", statement(start_pc=first["start_pc"] + 4))
    refuse("misaligned end", "end-pc", statement(end_pc=first["end_pc"] + 2))
    refuse("other end", "bus", statement(end_pc=first["start_pc"]))
    refuse("end above memory", "end-pc", statement(end_pc=(1 << 33) + 4 * 21))
    check.refuse("other range", data, "wrong-range", (1, None))
    check.refuse("part of the range", data, "wrong-range", (0, STEPS))

    # Chains.
    nothing = lambda s: None
    refuse("the first segment twice", "continuity", nothing, (0, 0))
    refuse("output index", "continuity", statement(output_start=1, output_end=second["output_end"] + 1), (0, 1))
    refuse("the end before the start", "continuity", nothing, (0, 1, 0))

    # Lists.
    def lists(change, with_first_values=False):
        def apply(s):
            content = read_lists(s["lists"], check.subject, s["statement"])
            change(*content)
            s["lists"] = write_lists(content, with_first_values)

        return apply

    def more_of(multiplicities):
        multiplicities[min(multiplicities)] += 1

    def alter(touched, at, **values):
        entry = dict(zip(("key", "first", "last", "time"), touched[at]), **values)
        touched[at] = tuple(entry.values())

    refuse("a multiplicity of a word", "bus", lists(lambda p, t, a: more_of(p)))
    for i, (tag, _, _) in enumerate(TABLES):
        refuse(f"a multiplicity of table {tag}", "bus", lists(lambda p, t, a, i=i: t[i].update({0: t[i].get(0, 0) + 1})))
    refuse("a word without entry", "lists", lists(lambda p, t, a: p.update({21: 1})))
    refuse("a byte behind the lists", "lists", lambda s: s.update(lists=s["lists"] + b"\0"))
    refuse("address left out", "bus", lists(lambda p, t, a: a.pop(0)))
    refuse("other last value", "bus", lists(lambda p, t, a: alter(a, 0, last=a[0][2] ^ 1)))
    refuse("other last time", "bus", lists(lambda p, t, a: alter(a, 0, time=a[0][3] - 1)))
    at_zero = lambda a: next(i for i, entry in enumerate(a) if entry[0] == REGISTERS)
    refuse("x0 changed", "lists", lists(lambda p, t, a: alter(a, at_zero(a), last=1)))
    refuse("time 3", "lists", lists(lambda p, t, a: alter(a, 0, time=3)))
    refuse("other first value", "continuity", lists(lambda p, t, a: alter(a, 0, first=a[0][1] ^ 1), True), (0, 1))

    # The proof itself.
    refuse("no fold steps", "fold-steps", field("fold_steps", 0))
    refuse("one fold step more", "bus", field("fold_steps", bundle["segments"][0]["fold_steps"] + 1))
    refuse("other sum", "bus", lambda s: s.update(sum=changed(s["sum"], R)))
    refuse("other chain", "bus", ivc("chain", lambda v: changed(v, Q)))
    refuse("large u", "ivc-range", ivc("primary.u", lambda v: u256(1 << 150)))
    refuse("large hash", "ivc-range", ivc("fresh.x", lambda v: u256(1 << 250) + v[32:]))
    refuse("other secondary u", "primary-hash", ivc("secondary.u", lambda v: changed(v, Q)))
    refuse("other hash", "primary-hash", ivc("fresh.x", lambda v: changed(v, Q)))
    refuse("other primary u", "secondary-hash", ivc("primary.u", lambda v: changed(v, R)))
    refuse("other fresh value", "fresh-instance", ivc("fresh.stage2", lambda v: changed(v, Q, 100)))
    generator = u256(GRUMPKIN.generator[0]) + u256(GRUMPKIN.generator[1])
    refuse("other fresh commitment", "fresh-instance", ivc("fresh.c2", lambda v: generator))
    refuse("other secondary value", "secondary-instance", ivc("secondary.stage2", lambda v: changed(v, Q, 7000)))
    refuse("other row", "primary-instance", ivc("primary.stage1", lambda v: changed(v, R)))
    refuse("shorter error", "primary-instance", ivc("primary.error", lambda v: v[:-32]))
    refuse("other value with its error", "primary-instance", forged_primary)

    check.accept("the proof", data)
    check.accept("the second segment alone, conditionally", with_changes(nothing, (1,)), assuming=True)


if __name__ == "__main__":
    main()
