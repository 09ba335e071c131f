#!/usr/bin/env python3
"""Runs the programs built from this folder: check_programs.py MAGNETAR FOLDER_OF_ELFS [PROGRAM...]

A program that tests instructions halts with exit code 0; another code is 2 · case + 1 of the first case that
is wrong. A program of faults/ ends with the fault that programs.json names, at its symbol `fault` if it has
one.
"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import magnetar_run
from elf_file import ElfFile
from magnetar_run import Failure, expect_equal

SOURCES = pathlib.Path(__file__).parent
# Far more than any of them takes.
MAX_CYCLES = "1000000"


def check_halting(magnetar, elf, expected):
    data = bytes.fromhex(expected.get("input_hex", ""))
    result = magnetar_run.expect_halt(magnetar, elf, 0, data, ["--max-cycles", MAX_CYCLES])
    expect_equal("output", result["output_hex"], expected.get("output_hex", ""))
    expect_equal("log", result["log"], expected.get("log", ""))


def check_faulting(magnetar, elf, expected):
    status, result = magnetar_run.run(magnetar, elf, flags=expected.get("flags", ["--max-cycles", MAX_CYCLES]))
    if "error" not in result:
        raise Failure(f"halted with exit code {result['exit_code']}, expected the fault {expected['kind']}")
    expect_equal("fault", result["error"]["kind"], expected["kind"])
    expect_equal("the command's exit status", status, magnetar_run.GUEST_FAULTED)
    message = result["error"]["message"]
    for symbol in ElfFile(elf.read_bytes()).symbols():
        if symbol.name == "fault" and f"pc {symbol.value:#010x}:" not in message:
            raise Failure(f"the message does not name pc {symbol.value:#010x}: {message}")


def main(arguments):
    if len(arguments) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    magnetar, folder, *names = arguments
    table = json.loads((SOURCES / "programs.json").read_text())
    halting = {source.stem: {} for source in sorted(SOURCES.glob("*.S"))} | table["halting"]
    faulting = table["faulting"]

    def cases():
        for name in names or [*halting, *faulting]:
            elf = pathlib.Path(folder) / f"{name}.elf"
            check, expected = (check_halting, halting[name]) if name in halting else (check_faulting, faulting[name])
            yield name, lambda elf=elf, check=check, expected=expected: check(magnetar, elf, expected)

    return magnetar_run.report(cases())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
