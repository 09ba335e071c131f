#!/usr/bin/env python3
"""Runs prebuilt guest programs on the inputs of expected.json: check_guests.py MAGNETAR PREBUILT [GUEST...]"""

import hashlib
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import magnetar_run
import oracle


def check(magnetar, elf, case):
    result = magnetar_run.expect_halt(magnetar, elf, case["exit_code"], oracle.input_bytes(case))
    if "output_hex" in case:
        magnetar_run.expect_equal("output", result["output_hex"], case["output_hex"])
    else:
        digest = hashlib.sha256(bytes.fromhex(result["output_hex"])).hexdigest()
        magnetar_run.expect_equal("output's SHA-256", digest, case["output_sha256"])
    # A refusal says why.
    magnetar_run.expect_equal("whether there is a log", result["log"] != "", case["exit_code"] != 0)


def main(arguments):
    if len(arguments) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    magnetar, prebuilt, *names = arguments
    answers = json.loads(oracle.EXPECTED.read_text())
    built = {elf.stem for elf in pathlib.Path(prebuilt).glob("*.elf")}
    if built != answers.keys():
        print(f"FAIL: programs {sorted(built)} in {prebuilt}, but answers for {sorted(answers)}")
        return 1

    def cases():
        for name in names or answers:
            elf = pathlib.Path(prebuilt) / f"{name}.elf"
            for case in answers[name]:
                label = f"{name} on {case['input_hex'][:40]!r} x {case.get('times', 1)}"
                yield label, lambda elf=elf, case=case: check(magnetar, elf, case)

    return magnetar_run.report(cases())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
