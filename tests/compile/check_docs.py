#!/usr/bin/env python3
"""Does what docs/guests.md says, in its order: check_docs.py MAGNETAR SOURCE_ROOT

A block `LANGUAGE file=NAME` is written to a file; one `sh` is run, `exit=N` being its exit status; one `json contains`
has lines that the last one's standard output holds. Exit status 77: the toolchain is not installed.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import magnetar_run
from magnetar_run import Failure

SKIPPED = 77
BLOCK = re.compile(r"^```(\S+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def main(arguments):
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    magnetar, root = (pathlib.Path(argument).resolve() for argument in arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "vm").symlink_to(root / "vm")
        environment = os.environ | {"PATH": f"{magnetar.parent}:{os.environ['PATH']}"}
        last = None

        def follow(kind, note, text):
            nonlocal last
            key, _, value = (note or "").partition("=")
            if key == "file":
                (folder / value).write_text(text)
            elif kind == "sh":
                last = subprocess.run(["bash", "-euc", text], cwd=folder, env=environment, capture_output=True, text=True)
                if last.returncode != int(value or 0):
                    raise Failure(f"exit status {last.returncode}: {last.stderr}")
            elif note == "contains":
                for line in text.splitlines():
                    if line not in last.stdout:
                        raise Failure(f"stdout is {last.stdout!r}, expected {line!r} in it")
            else:
                raise Failure(f"nobody knows what to do with a block `{kind} {note or ''}`")

        blocks = [match.groups() for match in BLOCK.finditer((root / "docs" / "guests.md").read_text())]
        if sum(kind == "sh" for kind, _, _ in blocks) < 3 or sum(note == "contains" for _, note, _ in blocks) < 3:
            print("FAIL: docs/guests.md has fewer commands than it had")
            return 1
        follow(*blocks[0])
        tried = subprocess.run([magnetar, "compile", "--json", folder / "sum.rs"], cwd=folder, capture_output=True,
                               text=True)
        if '"toolchain-missing"' in tried.stdout:
            print(f"skipped: {tried.stderr.strip()}")
            return SKIPPED
        if subprocess.run(["bash", "-c", "command -v riscv64-unknown-elf-gcc"], capture_output=True).returncode != 0:
            print("skipped: riscv64-unknown-elf-gcc is not installed (Debian: gcc-riscv64-unknown-elf)")
            return SKIPPED
        return magnetar_run.report(
            (f"block {i}: {text.splitlines()[0]}", lambda block=(kind, note, text): follow(*block))
            for i, (kind, note, text) in enumerate(blocks))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
