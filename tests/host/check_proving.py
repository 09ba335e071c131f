#!/usr/bin/env python3
"""The commands that prove and verify: check_proving.py MAGNETAR PREBUILT_GUESTS PARAMETERS [CASE...]

JSON keys, exit codes, files that are written whole or not at all, and proofs that come out the same however they were
interrupted.
"""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import magnetar_run
from magnetar_run import Failure, expect_equal

DONE, REFUSED, UNUSABLE, FAULTED, ENVIRONMENT, INTERRUPTED = 0, 1, 2, 3, 4, 130

# A checkpoint of at least so many bytes holds proved fold steps, not only commitments.
FOLDING = 200_000


class Commands:
    def __init__(self, magnetar, guests, parameters):
        self.magnetar, self.guests, self.parameters = magnetar, pathlib.Path(guests), parameters

    def elf(self, guest):
        return str(self.guests / f"{guest}.elf")

    def command(self, name, *arguments):
        flags = [] if name == "inspect" else ["--cache", self.parameters]
        if name in ("prove", "bench"):
            flags += ["--params", "fit-16", "--device", "cpu"]
        return [self.magnetar, name, *map(str, arguments), *flags, "--json"]

    def run(self, name, *arguments):
        """The exit status and the one JSON object on stdout."""
        done = subprocess.run(self.command(name, *arguments), capture_output=True)
        try:
            return done.returncode, json.loads(done.stdout)
        except ValueError:
            raise Failure(f"{name}: stdout is no JSON object: {done.stdout!r}, stderr: {done.stderr!r}") from None

    def expect(self, status, kind, name, *arguments):
        """Fails with this exit status and error kind; or, with kind None, does not fail."""
        got, result = self.run(name, *arguments)
        expect_equal(f"{name}'s exit status ({result})", got, status)
        if kind is None:
            if "error" in result:
                raise Failure(f"{name}: {result}")
        else:
            expect_equal(f"{name}'s error", result["error"]["kind"], kind)
            if not result["error"]["message"]:
                raise Failure("an error without a message")
        return result


def expect_keys(what, result, keys):
    missing = [key for key in keys.split() if key not in result]
    if missing:
        raise Failure(f"{what} lacks {missing}: {sorted(result)}")


def expect_only(folder, names):
    expect_equal("the files that are left", sorted(path.name for path in folder.iterdir()), sorted(names))


def check_keys(c, folder):
    proof = folder / "p"
    proved = c.expect(DONE, None, "prove", c.elf("wordcount"), "--input-hex", "612062", "--out", proof)
    expect_keys("prove", proved, "cycles instructions steps fold_steps seconds cycles_per_second proof_bytes "
                                 "peak_rss_bytes params device phases")
    expect_only(folder, ["p"])
    expect_equal("proof_bytes", proved["proof_bytes"], proof.stat().st_size)
    expect_equal("params", proved["params"], "fit-16")
    expect_equal("device", proved["device"], "cpu")
    ran = magnetar_run.expect_halt(c.magnetar, c.elf("wordcount"), 0, b"a b")
    for key in ("cycles", "instructions", "steps", "exit_code"):
        expect_equal(key, proved[key], ran[key])
    verified = c.expect(DONE, None, "verify", proof, "--elf", c.elf("wordcount"), "--input-hex", "612062")
    expect_keys("verify", verified, "accepted reason complete exit_code output_hex cycles steps first_step seconds")
    expect_equal("accepted", (verified["accepted"], verified["complete"]), (True, True))
    for key in ("cycles", "steps", "exit_code", "output_hex"):
        expect_equal(key, verified[key], ran[key])
    inspected = c.expect(DONE, None, "inspect", proof)
    expect_equal("version", inspected["version"], 1)
    expect_equal("proof_bytes", inspected["proof_bytes"], proof.stat().st_size)
    (segment,) = inspected["segments"]
    expect_keys("inspect", segment, "program_id cycles steps first_step halted exit_code output_hex fold_steps bytes")
    expect_equal("inspected cycles", segment["cycles"], ran["cycles"])


def check_params(c, folder):
    listed = c.expect(DONE, None, "params", "list")
    by_name = {one["name"]: one for one in listed["params"]}
    expect_equal("sizes", [n in by_name for n in ("fit-16", "fit-20", "general-16", "hash-20")], [True] * 4)
    expect_equal("whether fit-16 is cached", by_name["fit-16"]["cached"], True)
    expect_equal("defaults", [one["default"] for one in listed["params"]].count(True), 1)
    checked = c.expect(DONE, None, "params", "check", "fit-16")
    expect_keys("params", checked, "params bytes seconds")
    c.expect(UNUSABLE, "usage", "params", "make", "fit-99")
    empty = Commands(c.magnetar, c.guests, str(folder / "none"))
    status, result = empty.run("params", "list")
    expect_equal("status", status, DONE)
    expect_equal("what an empty folder holds", any(one["cached"] for one in result["params"]), False)
    damaged = folder / "damaged"
    damaged.mkdir()
    for source in pathlib.Path(c.parameters).iterdir():
        content = bytearray(source.read_bytes())
        content[-1] ^= 1
        (damaged / source.name).write_bytes(content)
    Commands(c.magnetar, c.guests, str(damaged)).expect(REFUSED, "wrong-digest", "params", "check", "fit-16")


def check_bench(c, folder):
    result = c.expect(DONE, None, "bench", "--seconds", "0.01")
    expect_keys("bench", result, "cycles_per_second programs phases")
    expect_equal("programs", len(result["programs"]), 7)


def check_refusals(c, folder):
    proof = folder / "p"
    elf = c.elf("wordcount")
    c.expect(DONE, None, "prove", elf, "--input-hex", "6120", "--out", proof)
    for reason, arguments in (("wrong-input", ["--elf", elf]),
                              ("wrong-program", ["--elf", c.elf("fibonacci"), "--input-hex", "6120"]),
                              ("wrong-range", ["--elf", elf, "--input-hex", "6120", "--steps", "1:1"])):
        status, result = c.run("verify", proof, *arguments)
        expect_equal(f"exit status for {reason}", status, REFUSED)
        expect_equal("verdict", (result["accepted"], result["reason"], result["complete"]), (False, reason, False))
    # The last element of the last vector, in its lowest bit.
    content = bytearray(proof.read_bytes())
    content[-32] ^= 1
    (folder / "changed").write_bytes(content)
    status, result = c.run("verify", folder / "changed", "--elf", elf, "--input-hex", "6120")
    expect_equal("status and reason", (status, result["reason"]), (REFUSED, "fresh-instance"))
    (folder / "cut").write_bytes(content[:-1])
    for name, arguments in (("verify", ["--elf", elf]), ("inspect", [])):
        c.expect(UNUSABLE, "not-a-proof", name, folder / "cut", *arguments)


def check_unusable(c, folder):
    elf = c.elf("wordcount")
    out = ["--out", folder / "p"]
    for kind, arguments in (("usage", [elf, "--steps", "1"]), ("usage", [elf, "--steps", "a:1"]),
                            ("usage", [elf, "--unknown"]), ("usage", []),
                            ("usage", [elf, "--params", "fit-99"]), ("bad-hex", [elf, "--input-hex", "6"]),
                            ("unreadable-file", [folder / "none"]), ("step-range", [elf, "--steps", "0:9"]),
                            ("step-range", [elf, "--steps", "9:"])):
        c_command = c.command("prove", *arguments, *out)
        if "--params" in arguments:
            at = len(c_command) - 1 - c_command[::-1].index("--params")
            del c_command[at:at + 2]
        done = subprocess.run(c_command, capture_output=True)
        expect_equal(f"exit status of {arguments}", done.returncode, UNUSABLE)
        expect_equal(f"error of {arguments}", json.loads(done.stdout)["error"]["kind"], kind)
    (folder / "text").write_text("no ELF file")
    status, _ = c.run("prove", folder / "text", *out)
    expect_equal("exit status for a text file", status, UNUSABLE)
    c.expect(FAULTED, "cycle-limit", "prove", elf, "--max-cycles", "10", *out)
    expect_only(folder, ["text"])
    status, result = c.run("verify", folder / "none", "--elf", elf)
    expect_equal("missing proof", (status, result["error"]["kind"]), (UNUSABLE, "unreadable-file"))
    command = c.command("prove", elf, *out)
    command[command.index("cpu")] = "cuda:7"
    expect_equal("exit status without the device", subprocess.run(command, capture_output=True).returncode, ENVIRONMENT)


def check_unwritable(c, folder):
    c.expect(ENVIRONMENT, "write-failed", "prove", c.elf("wordcount"), "--out", folder / "none" / "p")
    # A folder of that name is in the way.
    (folder / "p").mkdir()
    c.expect(ENVIRONMENT, "write-failed", "prove", c.elf("wordcount"), "--out", folder / "p")
    expect_only(folder, ["p"])


def check_disk_full(c, folder):
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode != 0:
        print(f"skipped: a full disk: {mounted.stderr.decode(errors='replace').strip()}")
        return
    try:
        (folder / "p").write_bytes(b"what was there before")
        c.expect(ENVIRONMENT, "disk-full", "prove", c.elf("wordcount"), "--out", folder / "p",
                 "--checkpoint-seconds", "0")
        expect_equal("the old file", (folder / "p").read_bytes(), b"what was there before")
        if [path.name for path in folder.iterdir() if path.name.endswith(".new")]:
            raise Failure("an unfinished file is left")
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def check_steps(c, folder):
    proof = folder / "p"
    elf = c.elf("sha256")
    data = ["--input-hex", "616263"]
    proved = c.expect(DONE, None, "prove", elf, *data, "--steps", "2:2", "--out", proof)
    expect_equal("cycles", (proved["cycles"], proved["steps"]), (2048, 2))
    verified = c.expect(DONE, None, "verify", proof, "--elf", elf, *data, "--steps", "2:2")
    expect_equal("a lone segment", (verified["accepted"], verified["complete"], verified["first_step"]),
                 (True, False, 2))
    # A chain of segments to the end of the program.
    proved = c.expect(DONE, None, "prove", elf, *data, "--segment-steps", "3", "--out", proof)
    ran = magnetar_run.expect_halt(c.magnetar, elf, 0, b"abc")
    expect_equal("cycles of the chain", proved["cycles"], ran["cycles"])
    expect_equal("segments", proved["segments"], (ran["steps"] + 2) // 3)
    verified = c.expect(DONE, None, "verify", proof, "--elf", elf, *data, "--steps", "0:")
    expect_equal("a chain", (verified["complete"], verified["output_hex"]), (True, ran["output_hex"]))


def check_threads(c, folder):
    proofs = []
    for threads in ("1", "2", "5"):
        c.expect(DONE, None, "prove", c.elf("sha256"), "--threads", threads, "--out", folder / threads)
        proofs.append((folder / threads).read_bytes())
    expect_equal("whether all proofs are the same", proofs == [proofs[0]] * 3, True)


@contextlib.contextmanager
def folding(c, folder, *arguments):
    """`prove`, stopped in the middle of folding: its process, and its checkpoint's file."""
    checkpoint = folder / "p.checkpoint"
    process = subprocess.Popen(c.command("prove", *arguments, "--out", folder / "p", "--checkpoint-seconds", "0"),
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        while not (checkpoint.exists() and checkpoint.stat().st_size > FOLDING):
            if process.poll() is not None:
                raise Failure("the proof was finished before it could be interrupted")
            time.sleep(0.002)
        yield process, checkpoint
    finally:
        process.kill()
        process.wait()


def check_interruptions(c, folder):
    arguments = [c.elf("keccak256"), "--input-hex", "616263"]
    c.expect(DONE, None, "prove", *arguments, "--out", folder / "whole")
    whole = (folder / "whole").read_bytes()
    (folder / "whole").unlink()

    def resume(what):
        resumed = c.expect(DONE, None, "prove", *arguments, "--out", folder / "p")
        expect_equal(f"whether the bytes are the same {what}", (folder / "p").read_bytes() == whole, True)
        if (folder / "p.checkpoint").exists():
            raise Failure("the checkpoint is left")
        (folder / "p").unlink()
        return resumed["resumed_fold_steps"]

    with folding(c, folder, *arguments) as (process, checkpoint):
        process.send_signal(signal.SIGINT)
        stdout, _ = process.communicate()
        expect_equal("exit status after SIGINT", process.returncode, INTERRUPTED)
        expect_equal("error", json.loads(stdout)["error"]["kind"], "interrupted")
    expect_only(folder, ["p.checkpoint"])
    expect_equal("whether fold steps were resumed", resume("after SIGINT") > 0, True)

    with folding(c, folder, *arguments) as (process, checkpoint):
        process.kill()
        process.wait()
    expect_equal("whether there is a proof", (folder / "p").exists(), False)
    expect_equal("whether fold steps were resumed", resume("after kill -9") > 0, True)
    for path in folder.iterdir():
        path.unlink()  # what was being written when the process was killed

    # A damaged checkpoint, and one of another proof, cost no more than themselves.
    with folding(c, folder, *arguments) as (process, checkpoint):
        process.kill()
        process.wait()
    content = bytearray(checkpoint.read_bytes())
    content[len(content) // 2] ^= 1
    checkpoint.write_bytes(content)
    expect_equal("fold steps resumed from a damaged file", resume("after damage"), 0)


def check_interrupted_chain(c, folder):
    arguments = [c.elf("sha256"), "--input-hex", "00" * 200, "--segment-steps", "4"]
    c.expect(DONE, None, "prove", *arguments, "--out", folder / "whole")
    # Wait for a checkpoint of a later segment: the statement's digest in it changes.
    with folding(c, folder, *arguments) as (process, checkpoint):
        first = checkpoint.read_bytes()[4:36]
        while True:
            if process.poll() is not None:
                raise Failure("the proof was finished before it could be interrupted")
            content = checkpoint.read_bytes() if checkpoint.exists() else b""
            if len(content) > FOLDING and content[4:36] != first:
                break
        process.kill()
        process.wait()
    resumed = c.expect(DONE, None, "prove", *arguments, "--out", folder / "p")
    expect_equal("whether the bytes are the same", (folder / "p").read_bytes() == (folder / "whole").read_bytes(), True)
    expect_equal("whether the segment was resumed", resumed["resumed_fold_steps"] > 0, True)


CASES = {name[len("check_"):]: check for name, check in list(globals().items()) if name.startswith("check_")}


def main(arguments):
    if len(arguments) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    commands = Commands(*arguments[:3])
    os.environ.pop("MAGNETAR_THREADS", None)

    def case(check):
        with tempfile.TemporaryDirectory() as folder:
            check(commands, pathlib.Path(folder))

    names = arguments[3:] or CASES
    return magnetar_run.report((name, lambda check=CASES[name]: case(check)) for name in names)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
