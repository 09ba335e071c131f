#!/usr/bin/env python3
"""Builds the SDK of Rust programs by hand, elsewhere: check_sysroot.py MAGNETAR RUNTIME

It must be what `magnetar compile` has made in MAGNETAR_CACHE, byte for byte; and the script must refuse what it should.
Exit status 77: the toolchain is not installed.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import magnetar_run
from magnetar_run import Failure, expect_equal

SKIPPED = 77


class Script:
    def __init__(self, magnetar, runtime, folder):
        self.magnetar = magnetar
        self.script = pathlib.Path(runtime).resolve() / "build-sysroot.sh"
        self.bundled = self.script.parent / "programs"
        self.folder = pathlib.Path(folder)

    def invoke(self, *arguments):
        return subprocess.run([self.script, *map(str, arguments)], capture_output=True, text=True, cwd=self.folder)

    def check_reproducible(self):
        # Another length of the path, another user mask.
        out = self.folder / "some where" / "else"
        out.parent.mkdir()
        mask = os.umask(0o077)
        done = self.invoke(out)
        os.umask(mask)
        expect_equal("exit status and stderr", (done.returncode, done.stderr), (0, ""))
        manifest = (out / "manifest").read_text()
        made = [sdk.read_text() for sdk in pathlib.Path(os.environ["MAGNETAR_CACHE"]).glob("sdk-*/manifest")]
        if manifest not in made:
            raise Failure(f"none of {len(made)} SDKs has this manifest:\n{manifest}")
        listed = {line.split("  ", 1)[1] for line in manifest.splitlines()[1:]}
        there = {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}
        expect_equal("files", listed, there - {"manifest"})
        for path in (self.folder, self.script.parent, "/usr/src", "/usr/share/cargo"):
            for library in ("libnexus_rt.rlib", "libserde.rlib"):
                if str(path).encode() in (out / "lib" / library).read_bytes():
                    raise Failure(f"{library} contains the path {path}")

    def check_refusals(self):
        (self.folder / "there").mkdir()
        for arguments, status, message in [
            ([], 2, "no folder"),
            (["there"], 2, "there exists"),
            (["a", "b"], 2, "more than one folder"),
            (["--what", "a"], 2, "unknown option --what"),
            (["a", "--rustc"], 2, "--rustc needs a value"),
            (["a", "--rustc", "/nonexistent"], 4, "rustc-web"),
            (["a", "--crates", "/nonexistent"], 4, "librust-serde-dev"),
            (["none/a"], 1, "No such file"),
        ]:
            done = self.invoke(*arguments)
            what = f"build-sysroot.sh {' '.join(arguments)}: "
            expect_equal(what + "exit status", done.returncode, status)
            if message not in done.stderr:
                raise Failure(f"{what}stderr is {done.stderr!r}, expected {message!r} in it")
        done = self.invoke("--help")
        expect_equal("first words of --help", done.stdout.split()[:2], ["Usage:", "build-sysroot.sh"])


def main(arguments):
    if len(arguments) != 2 or "MAGNETAR_CACHE" not in os.environ:
        print(__doc__, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        script = Script(*arguments, folder)
        tried = subprocess.run([script.magnetar, "compile", "--json", script.bundled / "fibonacci.rs"],
                               capture_output=True, text=True, cwd=folder)
        if tried.returncode == 4 and json.loads(tried.stdout)["error"]["kind"] == "toolchain-missing":
            print(f"skipped: {tried.stderr.strip()}")
            return SKIPPED
        return magnetar_run.report([("refusals", script.check_refusals), ("reproducible", script.check_reproducible)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
