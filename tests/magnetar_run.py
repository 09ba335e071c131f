"""Runs programs by `magnetar run --json`, for the tests that compare what comes out."""

import json
import subprocess

# The command's exit status when the guest faults.
GUEST_FAULTED = 3

# Inputs up to this many bytes go on the command line, longer ones through standard input.
MAX_HEX_INPUT = 1024


class Failure(Exception):
    """What a program did is not what it should have done; the message says how."""


def run(magnetar, elf, data=b"", flags=()):
    """Runs `elf` on the input `data`. Gives the command's exit status and its JSON object."""
    command = [magnetar, "run", "--json", *flags]
    if len(data) <= MAX_HEX_INPUT:
        done = subprocess.run([*command, "--input-hex", data.hex(), elf], capture_output=True)
    else:
        done = subprocess.run([*command, "--input", "-", elf], capture_output=True, input=data)
    try:
        return done.returncode, json.loads(done.stdout)
    except ValueError:
        stderr = done.stderr.decode(errors="replace")
        raise Failure(f"no JSON object on stdout; exit status {done.returncode}, stderr: {stderr}") from None


def expect_halt(magnetar, elf, exit_code, data=b"", flags=()):
    """Runs `elf`, which must halt with `exit_code`. Gives the JSON object."""
    status, result = run(magnetar, elf, data, flags)
    if "error" in result:
        raise Failure(f"{result['error']['kind']}: {result['error']['message']}")
    if result["exit_code"] != exit_code:
        raise Failure(f"exit code {result['exit_code']}, expected {exit_code}; log: {result['log']!r}")
    if status != exit_code & 0xFF:
        raise Failure(f"the command's exit status is {status}, not the guest's exit code {exit_code}")
    return result


def expect_equal(what, value, expected):
    if value != expected:
        raise Failure(f"{what} is {value!r}, expected {expected!r}")


def report(cases):
    """Runs (name, function) pairs, prints those that fail, gives the process's exit status."""
    failures = 0
    count = 0
    for name, check in cases:
        count += 1
        try:
            check()
        except Failure as failure:
            failures += 1
            print(f"FAIL {name}: {failure}")
    if count == 0:
        print("FAIL: there was nothing to check")
        return 1
    print(f"{count - failures} of {count} passed")
    return 1 if failures else 0
